"""Chunks that follow a document's sections and carry the trail of titles above them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference.rag.chunking.chunkers import SMALLEST_LIMIT
from reference.rag.chunking.paths import shortened
from reference.rag.chunking.tokens import Tokens, count, tokenize
from reference.rag.types import Chunk, Document, RagError

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass
class _Group:
    """Neighbouring sections that share a chunk; one section as a rule."""

    path: tuple[str, ...]
    members: list[int]  # indices of sections
    tokens: int  # of their texts and headings


class SectionChunker:
    """One chunk per section, where that fits.

    Long sections are split at paragraphs, else lines, sentences, words. Sections with fewer than `smallest` tokens join
    a neighbour (sibling, parent or child) under the titles they share, each with its own heading as a line of text.

    Args:
        limit: most tokens of a chunk, its titles included, special tokens excluded. 254 fills MiniLM's window of 256.
        smallest: below this many tokens of text a section looks for a neighbour.
        carry_path: False leaves the titles away, to measure what they are worth. The passages stay the same.

    A trail of titles that needs more than a quarter of `limit` is shortened from its middle.
    """

    def __init__(
        self, limit: int = 254, smallest: int = 40, carry_path: bool = True, tokenizer: Tokenizer | None = None
    ) -> None:
        if limit < SMALLEST_LIMIT + SMALLEST_LIMIT // 3:
            raise RagError(f"limit={limit}: a chunk with its titles needs at least {SMALLEST_LIMIT * 4 // 3} tokens")
        if not 0 <= smallest <= limit // 2:
            raise RagError(f"smallest={smallest}: must be 0 to {limit // 2}, half of limit={limit}")
        self.limit, self.smallest, self.carry_path = limit, smallest, carry_path
        self.name = f"section-{limit}-{smallest}" + ("" if carry_path else "-bare")
        self._tokenizer = tokenizer

    def chunk(self, document: Document) -> list[Chunk]:
        sections = tokenize([section.text for section in document.sections], self._tokenizer)
        chunks: list[Chunk] = []
        for group in self._groups(document, sections):
            path = shortened(group.path, self.limit // 4, self._count)
            room = self.limit - self._count(" > ".join(path))
            for text, length, held in self._pieces(document, sections, group, room):
                carried = path if self.carry_path else ()
                chunks.append(
                    Chunk(
                        document_id=document.id,
                        ordinal=len(chunks),
                        text=text,
                        path=carried,
                        tokens=length + (self.limit - room if self.carry_path else 0),
                        title=document.title,
                        source=document.source,
                        collection=document.collection,
                        tenant=document.tenant,
                        sections=held,
                    )
                )
        return chunks

    def _count(self, text: str) -> int:
        return count([text], self._tokenizer)[0]

    def _groups(self, document: Document, sections: list[Tokens]) -> list[_Group]:
        """Joins tiny sections with the group before or after them, never beyond three quarters of the limit."""
        room = self.limit - self.limit // 4
        groups: list[_Group] = []
        for index, tokens in enumerate(sections):
            if not len(tokens):
                continue
            group = _Group(document.sections[index].path, [index], len(tokens))
            tiny = len(tokens) < self.smallest or (groups and groups[-1].tokens < self.smallest)
            joined = self._joined(document, sections, groups[-1], group) if tiny and groups else None
            if joined and joined.tokens <= room:
                groups[-1] = joined
            else:
                groups.append(group)
        return groups

    def _joined(self, document: Document, sections: list[Tokens], one: _Group, other: _Group) -> _Group | None:
        """Both as one group; None unless they are siblings, or parent and child."""
        shared = 0
        for left, right in zip(one.path, other.path, strict=False):
            if left != right:
                break
            shared += 1
        if shared == 0 or max(len(one.path), len(other.path)) - shared > 1:
            return None
        members = one.members + other.members
        path = one.path[:shared]
        headings = [_heading(document, index, path) for index in members]
        length = sum(count(headings, self._tokenizer)) + sum(len(sections[index]) for index in members)
        return _Group(path, members, length)

    def _pieces(
        self, document: Document, sections: list[Tokens], group: _Group, room: int
    ) -> list[tuple[str, int, tuple[tuple[int, int], ...]]]:
        """(text, tokens, (section, its tokens) ...) of every chunk of a group."""
        if len(group.members) > 1:
            parts = []
            for index in group.members:
                heading, text = _heading(document, index, group.path), document.sections[index].text.strip()
                parts.append(f"{heading}\n{text}" if heading else text)
            held = tuple((index, len(sections[index])) for index in group.members)
            return [("\n\n".join(parts), group.tokens, held)]
        index = group.members[0]
        tokens = sections[index]
        pieces: list[tuple[str, int, tuple[tuple[int, int], ...]]] = []
        first = 0
        while first < len(tokens):
            last = tokens.best_cut(first, room)
            pieces.append((tokens.slice(first, last), last - first, ((index, last - first),)))
            first = last
        return pieces


def _heading(document: Document, index: int, path: tuple[str, ...]) -> str:
    return " > ".join(document.sections[index].path[len(path) :])
