"""What an ingestion is asked and what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from reference.rag.types import Document, RagError


class IngestError(RagError):
    """Documents cannot be ingested as asked; the message names the document or setting and the mend."""


@dataclass
class IngestReport:
    """What one run did.

    Attributes:
        documents: read by this run; added, changed, unchanged and duplicates are parts of it.
        removed: documents dropped because the source no longer has them (`prune`).
        chunks: in the index at the end.
        embedded: chunks that this run embedded.
        tokens: of the embedded chunks.
        problems: (file, reason) of what the source had to skip.
        read_seconds, embed_seconds: of the two passes.
    """

    documents: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    chunks: int = 0
    embedded: int = 0
    tokens: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    read_seconds: float = 0.0
    embed_seconds: float = 0.0


class Documents:
    """A Source of documents that are in memory already."""

    def __init__(self, documents: Iterable[Document], name: str = "documents") -> None:
        self.name = name
        self._documents = list(documents)

    def documents(self) -> Iterator[Document]:
        return iter(self._documents)

    @property
    def problems(self) -> list[tuple[str, str]]:
        return []
