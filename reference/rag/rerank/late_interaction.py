"""The default reranker: MaxSim over token vectors that were stored when the passages were indexed.

Reranking costs no run of a model over the passages; the query's own token vectors come from the same run that embedded
it, where the searcher's embedder is a `QueryEmbedder`.

The shipped projection was learnt on headings of two manuals. On held-out pages of those it beats PCA of its size by
0.07 nDCG@10; on FAQ questions of other documents (tuning half of the ci sample, n = 260, weight 4) the two are equal
(-0.006, 95 % interval -0.022 to 0.011), and either beats the fused order by about 0.05.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from reference.rag.interfaces import TokenEmbedder
from reference.rag.rerank.blend import blended
from reference.rag.rerank.maxsim import maxsim
from reference.rag.types import Hit, RagError

PROJECTION = Path(__file__).with_name("projection.safetensors")
_REMEMBERED = 1024  # queries whose token vectors wait for their rerank


class RerankError(RagError):
    """Candidates cannot be reranked; the message says what is missing."""


class TokenStore(Protocol):
    """Where the passages' token vectors are; `KnowledgeBase` is one."""

    def token_codes(self, chunk_ids: Iterable[str]) -> dict[str, tuple[Any, Any]]:
        """By chunk id: int8 codes [tokens, d] and float16 scales [tokens]; a vector is about scale * codes."""
        ...


class QueryEmbedder:
    """An `Embedder` that keeps the token vectors of what it embedded, so that the rerank need not embed again.

    Safe for use from several threads; remembers the last 1,024 texts.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self.name: str = model.name
        self.dimension: int = model.dimension
        self.max_tokens: int = model.max_tokens
        self.token_dimension: int = model.token_dimension
        self._kept: OrderedDict[str, Any] = OrderedDict()
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> Any:
        """Sentence vectors float32 [n, dimension], unit rows."""
        return self.embed_with_tokens(texts)[0]

    def embed_with_tokens(self, texts: Sequence[str]) -> tuple[Any, list[Any]]:
        """Sentence vectors, and per text its unit token vectors float32 [tokens, token_dimension]."""
        vectors, tokens = self._model.embed_with_tokens(texts)
        with self._lock:
            for text, rows in zip(texts, tokens, strict=True):
                self._kept[text] = rows
                self._kept.move_to_end(text)
            while len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)
        return vectors, tokens

    def tokens(self, texts: Sequence[str]) -> list[Any]:
        """Token vectors of texts, embedded only where they are not remembered."""
        with self._lock:
            found = {text: self._kept[text] for text in texts if text in self._kept}
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            found.update(zip(missing, self.embed_with_tokens(missing)[1], strict=True))
        return [found[text] for text in texts]


class LateInteractionReranker:
    """Orders candidates by (fused + weight * MaxSim) / (1 + weight), both scaled to 0..1 over the candidates.

    A candidate without stored token vectors keeps a MaxSim of the lowest candidate, so that its fused score decides.

    Args:
        embedder: the model that made the stored vectors; its `token_dimension` must be theirs.
        weight: of MaxSim against the fused score; chosen on the tuning split (see scripts/train_reranker.py). None: the
            one in the shipped projection's file.
    """

    def __init__(self, store: TokenStore, embedder: TokenEmbedder, weight: float | None = None) -> None:
        weight = shipped_weight() if weight is None else weight
        if not (math.isfinite(weight) and weight >= 0):
            raise RerankError(f"weight: must be a finite number >= 0, got {weight}")
        self._store, self._embedder, self.weight = store, embedder, weight
        self.name = f"maxsim-{embedder.token_dimension}-w{weight:g}"

    def rerank(self, queries: Sequence[str], candidates: Sequence[Sequence[Hit]], k: int) -> list[list[Hit]]:
        """For every query its `k` best candidates. One embedding batch and one read of the store for all queries.

        Raises:
            RerankError: stored vectors have another dimension than the embedder's.
        """
        if not queries:
            return []
        tokens = self._tokens(queries)
        codes = self._store.token_codes({hit.chunk.id for hits in candidates for hit in hits})
        return [self._ordered(rows, hits, codes)[:k] for rows, hits in zip(tokens, candidates, strict=True)]

    def _tokens(self, queries: Sequence[str]) -> list[Any]:
        if isinstance(self._embedder, QueryEmbedder):
            return self._embedder.tokens(queries)
        return self._embedder.embed_with_tokens(queries)[1]

    def _ordered(self, query: Any, hits: Sequence[Hit], codes: dict[str, tuple[Any, Any]]) -> list[Hit]:
        known = [hit.chunk.id in codes for hit in hits]
        rows = [codes[hit.chunk.id] for hit, there in zip(hits, known, strict=True) if there]
        for vectors, _ in rows:
            if vectors.shape[1] != self._embedder.token_dimension:
                raise RerankError(
                    f"stored token vectors have {vectors.shape[1]} dimensions, the query's embedder makes "
                    f"{self._embedder.token_dimension}: ingest again with this embedder"
                )
        if not rows:
            return list(hits)
        sims = iter(maxsim(query, [vectors for vectors, _ in rows], [scales for _, scales in rows]).tolist())
        found = [next(sims) if there else None for there in known]
        lowest = min(value for value in found if value is not None)
        filled = [lowest if value is None else value for value in found]
        scores = blended([hit.score for hit in hits], filled, self.weight).tolist()
        order = sorted(range(len(hits)), key=lambda position: (-scores[position], position))
        return [replace(hits[position], score=scores[position]) for position in order]


def projection_card(path: Path = PROJECTION) -> dict[str, str]:
    """What the shipped projection was trained on and how it scored, as strings (JSON where it is more than a word).

    Raises:
        RerankError: the file is missing or damaged.
    """
    from safetensors import safe_open

    try:
        with safe_open(str(path), "numpy") as file:
            return dict(file.metadata() or {})
    except Exception as error:  # safetensors has its own type for a damaged file
        raise RerankError(f"the projection {path} cannot be read ({error}); reinstall, or train it anew") from error


def shipped_weight() -> float:
    """The blend weight that was best on the tuning split of the shipped projection."""
    return float(projection_card().get("blend_weight", "1.0"))
