"""Chunkings compared: what is beyond the embedder's limit cannot be found, what is inside can."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from reference.rag.experiments.chunkings import compare_chunkings
from reference.rag.types import Chunk, Document, Section


class WordEmbedder:
    """Bag of hashed words; reads the first `max_tokens - 2` words only, as a model with a limit does."""

    name, dimension = "words", 512

    def __init__(self, max_tokens: int) -> None:
        self.max_tokens = max_tokens

    def embed(self, texts):
        out = np.full((len(texts), self.dimension), 1e-6, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split()[: self.max_tokens - 2]:
                out[row, zlib.crc32(word.encode()) % self.dimension] += 1
        return out / np.linalg.norm(out, axis=1, keepdims=True)


class Windows:
    """Chunks of a fixed number of words."""

    def __init__(self, size: int) -> None:
        self.size, self.name = size, f"windows-{size}"

    def chunk(self, document):
        words = document.text.split()
        return [
            Chunk(document.id, i // self.size, " ".join(words[i : i + self.size]), (), len(words[i : i + self.size]))
            for i in range(0, len(words), self.size)
        ]


def words(stem, n):
    return " ".join(f"{stem}{i}" for i in range(n))


DOCUMENTS = [
    Document(
        f"d{i}",
        f"d{i}",
        "text",
        "",
        (Section(("a",), words(f"front{i}x", 30)), Section(("b",), words(f"back{i}x", 30))),
        "",
    )
    for i in range(12)
]
QUERIES = {f"{part}{i}": words(f"{part}{i}x", 6) for part in ("front", "back") for i in range(12)}
ANSWERS = {
    f"{part}{i}": (f"d{i}", words(f"{part}{i}x", 30)) for part in ("front", "back") for i in range(12)
}  # fmt: skip


def test_text_beyond_the_limit_is_never_read_and_its_questions_are_lost():
    small, large = compare_chunkings(
        DOCUMENTS, QUERIES, ANSWERS, {"small": Windows(30), "large": Windows(60)}, WordEmbedder(32)
    )
    assert (small.unread_share, small.unread) == (0, frozenset())
    assert small.hit.mean == 1
    assert large.unread_share == pytest.approx(0.5)
    assert large.unread == {f"back{i}" for i in range(12)}
    assert all(large.hits[f"front{i}"] == 1 for i in range(12))
    assert sum(large.hits[f"back{i}"] for i in range(12)) < 12


def test_an_embedder_that_reads_everything_loses_nothing():
    (large,) = compare_chunkings(DOCUMENTS, QUERIES, ANSWERS, {"large": Windows(60)}, WordEmbedder(128))
    assert large.unread_share == 0
    assert large.hit.mean == 1
    assert large.context_tokens == 300


def test_questions_without_an_answer_in_the_corpus_are_refused():
    with pytest.raises(ValueError, match="not in the corpus"):
        compare_chunkings(DOCUMENTS, {"q": "x"}, {"q": ("elsewhere", "y")}, {"w": Windows(30)}, WordEmbedder(32))
    with pytest.raises(ValueError, match="same questions"):
        compare_chunkings(DOCUMENTS, {}, {}, {"w": Windows(30)}, WordEmbedder(32))
