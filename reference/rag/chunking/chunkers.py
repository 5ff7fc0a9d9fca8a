"""The contract of all chunkers."""

from __future__ import annotations

from typing import Protocol

from reference.rag.types import Chunk, Document

SMALLEST_LIMIT = 128  # tokens; a word has at most 100 wordpieces, and one word at least must fit beside its title path


class Chunker(Protocol):
    """Deterministic: the same document gives the same chunks, with ordinals 0, 1, 2, ..."""

    name: str  # with its settings: part of what an index remembers

    def chunk(self, document: Document) -> list[Chunk]:
        """Chunks in reading order that together hold all of the document's tokens."""
        ...
