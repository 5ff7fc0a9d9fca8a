"""Chunkings compared on the same documents and questions, by exact vector search, with one embedder.

Ids of chunks differ between chunkings, so an answer counts by its text (evaluation.coverage).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reference.rag.chunking import Chunker
from reference.rag.evaluation.coverage import answer_ranks, as_rankings, shingles
from reference.rag.evaluation.metrics import Interval, mean_interval, per_question
from reference.rag.interfaces import Embedder
from reference.rag.types import Chunk, Document


@dataclass(frozen=True)
class Chunked:
    """One chunking on one corpus.

    Attributes:
        lengths: tokens per chunk.
        unread_share: share of all tokens that lie beyond the embedder's limit and leave no trace in the vectors.
        hit: Success@5 by text, ndcg: nDCG@10 by text, with 95 % intervals over questions.
        context_tokens: mean tokens of five passages, what the language model has to read.
        hits: question id -> 1.0 if the answer is among the first five.
        unread: ids of the questions whose answer lies mostly beyond the limit of its chunk.
    """

    name: str
    lengths: tuple[int, ...]
    unread_share: float
    hit: Interval
    ndcg: Interval
    context_tokens: float
    hits: dict[str, float]
    unread: frozenset[str]


def compare_chunkings(
    documents: Sequence[Document],
    queries: Mapping[str, str],
    answers: Mapping[str, tuple[str, str]],
    chunkers: Mapping[str, Chunker],
    embedder: Embedder,
    depth: int = 20,
) -> list[Chunked]:
    """One row per chunker.

    Args:
        queries: question id -> text. answers: question id -> (document id, text of the section that answers it).

    Raises:
        ValueError: no question, or an answer whose document is not among `documents`.
    """
    import numpy as np

    known = {document.id for document in documents}
    if not queries or set(queries) != set(answers):
        raise ValueError(f"{len(queries)} queries and {len(answers)} answers: they must be the same questions")
    if strange := sorted({document for document, _ in answers.values()} - known):
        raise ValueError(f"document {strange[0]!r} answers a question but is not in the corpus")
    asked = embedder.embed(list(queries.values()))
    limit = embedder.max_tokens - 2  # [CLS] and [SEP]
    rows = []
    for name, chunker in chunkers.items():
        chunks = [chunk for document in documents for chunk in chunker.chunk(document)]
        vectors = embedder.embed([chunk.embedded_text for chunk in chunks])
        order = np.argsort(-(asked @ vectors.T), axis=1)[:, :depth]
        found = {
            q: [(chunks[i].document_id, chunks[i].text) for i in row] for q, row in zip(queries, order, strict=True)
        }
        values = per_question(*as_rankings(answer_ranks(found, answers), depth), ("nDCG@10", "Success@5"))
        lengths = tuple(chunk.tokens for chunk in chunks)
        rows.append(
            Chunked(
                name,
                lengths,
                sum(max(0, n - limit) for n in lengths) / max(1, sum(lengths)),
                mean_interval(values["Success@5"]),
                mean_interval(values["nDCG@10"]),
                float(np.mean([sum(lengths[i] for i in row[:5]) for row in order])),
                values["Success@5"],
                _unread(chunks, answers, limit),
            )
        )
    return rows


def _unread(chunks: Sequence[Chunk], answers: Mapping[str, tuple[str, str]], limit: int) -> frozenset[str]:
    """Questions for which no chunk's readable part holds half of the answer, though whole chunks do.

    The readable part is taken as the first limit/tokens of a chunk's words: tokens spread about evenly over a text.
    """
    by_document: dict[str, list[Any]] = {}
    for chunk in chunks:
        words = chunk.text.split()
        read = words[: max(1, int(len(words) * limit / chunk.tokens))] if chunk.tokens > limit else words
        by_document.setdefault(chunk.document_id, []).append(shingles(" ".join(read)))
    lost = set()
    for question, (document, text) in answers.items():
        wanted = shingles(text)
        parts = by_document.get(document, [])
        if wanted and sum(len(wanted & part) for part in parts) < 0.5 * len(wanted):
            lost.add(question)
    return frozenset(lost)
