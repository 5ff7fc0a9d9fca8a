"""BM25 to read: rank-bm25 with the idf of `weights`. Tests hold the fast index to it; it scores every chunk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from reference.rag.index.payload import check_search
from reference.rag.lexical.analysis import query_terms, terms
from reference.rag.lexical.weights import K1, B, inverse_document_frequency
from reference.rag.types import Chunk, Hit


class ReferenceBM25:
    """LexicalIndex in memory. `average_length=None` takes the mean over the chunks, as the textbook has it."""

    def __init__(self, average_length: float | None = None, k1: float = K1, b: float = B) -> None:
        self.average_length, self.k1, self.b = average_length, k1, b
        self._chunks: dict[str, Chunk] = {}
        self._scorer: Any = None

    def upsert(self, chunks: Sequence[Chunk]) -> None:
        self._chunks.update({chunk.id: chunk for chunk in chunks})
        self._scorer = None

    def delete(self, chunk_ids: Iterable[str]) -> None:
        for chunk_id in chunk_ids:
            self._chunks.pop(chunk_id, None)
        self._scorer = None

    def search(self, queries: Sequence[str], k: int, tenants: Sequence[str]) -> list[list[Hit]]:
        """For every query the k best chunks of `tenants` with a score above zero; equal scores in order of writing."""
        allowed = set(check_search(k, tenants))
        if not self._chunks:
            return [[] for _ in queries]
        if self._scorer is None:
            self._scorer = self._fit()
        chunks = list(self._chunks.values())
        results = []
        for query in queries:
            scores = self._scorer.get_scores(query_terms(query))
            order = sorted(range(len(chunks)), key=lambda position: -scores[position])
            hits = [Hit(chunks[i], float(scores[i])) for i in order if scores[i] > 0 and chunks[i].tenant in allowed]
            results.append(hits[:k])
        return results

    def _fit(self) -> Any:
        from rank_bm25 import BM25Okapi

        class Scorer(BM25Okapi):  # type: ignore[misc, unused-ignore]
            def _calc_idf(self, nd: dict[int, int]) -> None:
                self.idf = {term: inverse_document_frequency(self.corpus_size, n) for term, n in nd.items()}

        scorer = Scorer([terms(chunk.embedded_text) for chunk in self._chunks.values()], k1=self.k1, b=self.b)
        if self.average_length is not None:
            scorer.avgdl = self.average_length
        return scorer

    def count(self) -> int:
        return len(self._chunks)

    def close(self) -> None:
        self._chunks.clear()
        self._scorer = None
