"""A real cross-encoder, where the user has one: a local folder, or a server with a rerank endpoint.

It reads query and passage together, so it costs a run of the model per candidate; none is shipped.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reference.rag.rerank.late_interaction import RerankError
from reference.rag.types import Hit

VARIABLE = "WORKBOOK_RERANKER"
_BATCH = 32


class ExternalCrossEncoder:
    """Scores (query, passage) pairs of all queries in shared batches, longest first.

    Args:
        source: a folder with a transformers sequence-classification model (config.json, tokenizer, *.safetensors), or
            the http(s) URL of a rerank endpoint in the form that vLLM, TEI-like servers and Jina share:
            POST {"query", "documents"} -> {"results": [{"index", "relevance_score"}]}.
        max_tokens: of query and passage together; the passage is cut.
        timeout_s: of one call of a server.

    Raises:
        RerankError: the folder is no such model, or has pickled weights only.
    """

    def __init__(self, source: str, max_tokens: int = 512, timeout_s: float = 30.0, model: str = "") -> None:
        self._max_tokens, self._timeout_s, self._model_name = max_tokens, timeout_s, model
        self._url = source if source.startswith(("http://", "https://")) else ""
        self.name = f"cross-encoder:{source.rstrip('/').rsplit('/', 1)[-1]}"
        if not self._url:
            self._load(Path(source).expanduser())

    @classmethod
    def from_environment(cls) -> ExternalCrossEncoder | None:
        """The one that WORKBOOK_RERANKER names; None if it is not set."""
        source = os.environ.get(VARIABLE, "").strip()
        return cls(source) if source else None

    def rerank(self, queries: Sequence[str], candidates: Sequence[Sequence[Hit]], k: int) -> list[list[Hit]]:
        """For every query its `k` best candidates by the model's score alone; equal scores keep their order.

        Raises:
            RerankError: the server fails or answers something else.
        """
        texts = [[hit.chunk.embedded_text for hit in hits] for hits in candidates]
        scores = self._ask(queries, texts) if self._url else self._run(queries, texts)
        ranked = []
        for hits, row in zip(candidates, scores, strict=True):
            order = sorted(range(len(hits)), key=lambda position: (-row[position], position))
            ranked.append([replace(hits[position], score=row[position]) for position in order[:k]])
        return ranked

    def _load(self, folder: Path) -> None:
        if not (folder / "config.json").is_file():
            raise RerankError(f"{VARIABLE}: {folder} has no config.json; name the folder of a cross-encoder, or a URL")
        if not list(folder.glob("*.safetensors")):
            raise RerankError(f"{VARIABLE}: {folder} has no *.safetensors; pickled weights (.bin) are not loaded")
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(str(folder), **options)
            self._model = AutoModelForSequenceClassification.from_pretrained(
                str(folder), use_safetensors=True, **options
            ).eval()
        except Exception as error:  # transformers raises many types for a folder that is not what it should be
            raise RerankError(f"{VARIABLE}: {folder} cannot be loaded: {error}") from error
        labels = self._model.config.num_labels
        if labels not in (1, 2):
            raise RerankError(f"{VARIABLE}: {folder} has {labels} labels; a reranker has one (or two: no, yes)")

    def _run(self, queries: Sequence[str], texts: Sequence[Sequence[str]]) -> list[list[float]]:
        import torch

        pairs = [(query, text) for query, row in zip(queries, texts, strict=True) for text in row]
        order = sorted(range(len(pairs)), key=lambda position: -len(pairs[position][1]))
        flat = [0.0] * len(pairs)
        with torch.inference_mode():
            for at in range(0, len(order), _BATCH):
                part = order[at : at + _BATCH]
                inputs = self._tokenizer(
                    [pairs[position][0] for position in part],
                    [pairs[position][1] for position in part],
                    truncation="only_second" if all(len(pairs[p][0]) < self._max_tokens for p in part) else True,
                    max_length=self._max_tokens,
                    padding=True,
                    return_tensors="pt",
                )
                logits = self._model(**inputs).logits.float()
                scores = logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]
                for position, score in zip(part, scores.tolist(), strict=True):
                    flat[position] = score
        values = iter(flat)
        return [[next(values) for _ in row] for row in texts]

    def _ask(self, queries: Sequence[str], texts: Sequence[Sequence[str]]) -> list[list[float]]:
        from concurrent.futures import ThreadPoolExecutor

        jobs = list(zip(queries, texts, strict=True))
        if len(jobs) < 2:
            return [self._ask_one(*job) for job in jobs]
        with ThreadPoolExecutor(min(8, len(jobs)), "rerank") as pool:
            return list(pool.map(lambda job: self._ask_one(*job), jobs))

    def _ask_one(self, query: str, texts: Sequence[str]) -> list[float]:
        if not texts:
            return []
        body = {"query": query, "documents": list(texts), **({"model": self._model_name} if self._model_name else {})}
        request = urllib.request.Request(
            self._url, json.dumps(body).encode(), {"content-type": "application/json"}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as reply:
                results = json.loads(reply.read())["results"]
            scores = {int(item["index"]): float(item["relevance_score"]) for item in results}
            return [scores[position] for position in range(len(texts))]
        except (urllib.error.URLError, TimeoutError, OSError) as error:
            raise RerankError(f"{VARIABLE}: {self._url} does not answer: {error}") from error
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise RerankError(f"{VARIABLE}: {self._url} is no rerank endpoint: {error!r}") from error
