"""Search hits as the numbered passages of a prompt, and as the sources of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reference.rag.answer.defence import safe_sentences, without_links
from reference.rag.types import Hit

CHARS_PER_TOKEN = 4  # of English, roughly; only bounds the prompt


@dataclass(frozen=True)
class NumberedPassage:
    """A passage as the model and the checks see it.

    Attributes:
        number: 1-based, as cited.
        heading: its trail of titles, cleaned.
        sentences: its text without sentences that give orders and without links.
        dropped: how many sentences were taken out.
    """

    number: int
    hit: Hit
    heading: str
    sentences: tuple[str, ...]
    dropped: int

    @property
    def text(self) -> str:
        """What goes into the prompt."""
        body = " ".join(self.sentences)
        return f"{self.heading}: {body}" if self.heading else body


@dataclass(frozen=True)
class Citation:
    """A source of an answer. `number` is the one in its text."""

    number: int
    document_id: str
    chunk_id: str
    title: str
    path: tuple[str, ...]
    source: str
    tenant: str


def numbered_passages(hits: Sequence[Hit], most_tokens: int = 1024) -> list[NumberedPassage]:
    """The hits as passages 1..n, until about `most_tokens` are used; the last may be cut at a sentence.

    A passage that is nothing but orders or links keeps its number and has no sentences.
    """
    room = most_tokens * CHARS_PER_TOKEN
    passages = []
    for number, hit in enumerate(hits, start=1):
        sentences, dropped = safe_sentences(hit.chunk.text)
        headings, bad = safe_sentences(" > ".join(hit.chunk.path) + ".") if hit.chunk.path else ((), 0)
        heading = without_links(" ".join(headings)).rstrip(".")
        kept = []
        room -= len(heading)
        for sentence in (without_links(one) for one in sentences):
            room -= len(sentence) + 1
            if room < 0:
                break
            kept.append(sentence)
        passages.append(NumberedPassage(number, hit, heading, tuple(kept), dropped + bad))
        if room < 0:
            break
    return passages


def citation_of(passage: NumberedPassage) -> Citation:
    """The passage as a source."""
    chunk = passage.hit.chunk
    return Citation(passage.number, chunk.document_id, chunk.id, chunk.title, chunk.path, chunk.source, chunk.tenant)
