"""Chunks and vectors for the benchmarks of retrieval: real ones of the largest index, made up beyond that."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from reference.rag.types import Chunk, RagError


@dataclass(frozen=True)
class Passages:
    """`vectors` float32 [n, 384] belong to `chunks`; `held_out` [q, 384] belong to none of them; `note` says which are
    real. `queries` are eight words in a row of chunks."""

    chunks: list[Chunk]
    vectors: Any
    held_out: Any
    queries: list[str]
    note: str


def passages(count: int, queries: int, seed: int = 0) -> Passages:
    """`count` chunks: real ones of the largest local index, then mixtures of two of them.

    A mixture has a vector between two real vectors (weight 0.2 to 0.8, then length one) and half the words of each
    text. RagError if there is no local index.
    """
    import numpy as np

    draw, random_numbers = random.Random(seed), np.random.default_rng(seed)
    real, vectors, name = _largest()
    order = list(range(len(real)))
    draw.shuffle(order)
    aside = order[:queries] if len(order) > count + queries else order[: min(queries, len(order) // 10)]
    kept = order[len(aside) :][:count]
    chunks = [real[i] for i in kept]
    made = vectors[kept]
    held_out = vectors[aside]
    note = f"{len(kept)} chunks of the index {name!r}"
    if missing := count - len(kept):
        pairs = random_numbers.integers(0, len(kept), (missing, 2))
        weight = random_numbers.uniform(0.2, 0.8, (missing, 1)).astype(np.float32)
        mixed = weight * vectors[kept][pairs[:, 0]] + (1 - weight) * vectors[kept][pairs[:, 1]]
        made = np.concatenate([made, mixed / np.linalg.norm(mixed, axis=1, keepdims=True)])
        for number, (one, other) in enumerate(pairs):
            words = chunks[one].text.split()[::2] + chunks[other].text.split()[1::2]
            chunks.append(replace(chunks[one], document_id=f"mixture-{number}", text=" ".join(words)))
        note += f" and {missing} mixtures of two of them (recall on these is indicative only)"
    asked = []
    for i in aside:
        words = real[i].text.split()
        start = draw.randrange(max(1, len(words) - 8))
        asked.append(" ".join(words[start : start + 8]) or "empty")
    return Passages(chunks, np.ascontiguousarray(made, dtype=np.float32), held_out, asked, note)


def _largest() -> tuple[list[Chunk], Any, str]:
    from reference.rag.ingest.folders import index_folder, index_names
    from reference.rag.ingest.knowledge_base import KnowledgeBase

    best: tuple[int, str] = (0, "")
    for name in index_names():
        try:
            with KnowledgeBase.open(index_folder(name), url="") as base:
                best = max(best, (base.dense.count(), name))
        except RagError:
            continue
    if best[0] < 100:
        raise RagError("the benchmarks take their passages from a local index; make one: workbook ingest --corpus full")
    with KnowledgeBase.open(index_folder(best[1]), url="") as base:
        there = base.dense.ids()  # type: ignore[attr-defined]
        chunks = [chunk for chunk in base.store.all_chunks() if chunk.id in there]  # an ingestion may be under way
        return chunks, base.dense.vectors([chunk.id for chunk in chunks]), best[1]  # type: ignore[attr-defined]


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
