"""Windows of a fixed number of tokens, as most introductions to retrieval do it: 512 tokens, 50 of them repeated."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from typing import TYPE_CHECKING

from reference.rag.chunking.chunkers import SMALLEST_LIMIT
from reference.rag.chunking.tokens import tokenize
from reference.rag.types import Chunk, Document, RagError

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class FixedChunker:
    """Cuts a document's text every `size` tokens, without regard to sections and without their titles.

    Args:
        size: most tokens of a chunk, special tokens excluded. At word borders only, so a chunk may be a few shorter.
        overlap: tokens that a chunk repeats of its forerunner: as many whole words as fit.

    The text of a chunk is a slice of `Document.text`.
    """

    def __init__(self, size: int = 512, overlap: int = 50, tokenizer: Tokenizer | None = None) -> None:
        if size < SMALLEST_LIMIT:
            raise RagError(f"size={size}: a chunk needs at least {SMALLEST_LIMIT} tokens")
        if not 0 <= overlap <= size // 2 - 1:
            raise RagError(f"overlap={overlap}: must be 0 to {size // 2 - 1}, less than half of size={size}")
        self.size, self.overlap = size, overlap
        self.name = f"fixed-{size}-{overlap}"
        self._tokenizer = tokenizer

    def chunk(self, document: Document) -> list[Chunk]:
        tokens = tokenize([document.text], self._tokenizer)[0]
        section_starts, at = [], 0
        for section in document.sections:
            section_starts.append(at)
            at += len(section.text) + 2  # the blank line of Document.text
        chunks: list[Chunk] = []
        first = 0
        while first < len(tokens):
            last = min(first + self.size, len(tokens))
            if last < len(tokens):
                last = tokens.word_border_at_or_before(last, first)
            held = Counter(bisect_right(section_starts, tokens.starts[index]) - 1 for index in range(first, last))
            chunks.append(
                Chunk(
                    document_id=document.id,
                    ordinal=len(chunks),
                    text=tokens.slice(first, last),
                    path=(),
                    tokens=last - first,
                    title=document.title,
                    source=document.source,
                    collection=document.collection,
                    tenant=document.tenant,
                    sections=tuple(sorted(held.items())),
                )
            )
            if last == len(tokens):
                break
            # Before a long word a chunk ends early, perhaps within its own overlap: the next one still begins later.
            earliest = max(last - self.overlap, first + 1)
            first = next(place for place in range(earliest, last + 1) if place == last or tokens.begins_word[place])
        return chunks
