"""What flows through retrieval: documents, their sections, chunks, hits; and the errors a user can meet."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

PUBLIC = "public"  # the tenant of documents that everybody may find
_NAMESPACE = uuid.UUID("6f0f5b2e-6a0f-5c36-9f4e-7f0f1c0d5a11")


class RagError(Exception):
    """A failure of retrieval that a user can act on; the message names the thing and the mend."""


@dataclass(frozen=True)
class Section:
    """Text under one heading. `path` is the trail of titles from the document's title down to this heading."""

    path: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Document:
    """One parsed document.

    Attributes:
        id: stable name of the document within its tenant, e.g. `debian-faq/html/ch-basics.html`; a new version of the
            same file keeps it.
        kind: html, pdf, markdown, text, man or pod.
        source: where a reader finds it: a path or URL.
        sections: in reading order; text before the first heading has the path (title,).
        sha256: hex digest of the raw bytes; ingestion skips what has not changed.
        collection: the package or folder that it belongs to; splits for evaluation are made by document, never inside.
        licence: as its package states it, empty if unknown.
    """

    id: str
    title: str
    kind: str
    source: str
    sections: tuple[Section, ...]
    sha256: str
    collection: str = ""
    licence: str = ""
    tenant: str = PUBLIC

    @property
    def text(self) -> str:
        """All sections' text, without titles, separated by blank lines."""
        return "\n\n".join(section.text for section in self.sections)


@dataclass(frozen=True)
class Chunk:
    """A passage that is embedded, searched and cited.

    Attributes:
        ordinal: 0-based position within the document.
        text: the passage as a reader sees it.
        path: trail of titles above the passage; empty for chunkings that do not carry it.
        tokens: length of `embedded_text` in the embedder's tokens, special tokens excluded.
        sections: (index of a section in `Document.sections`, how many of its tokens are here), for evaluation.
    """

    document_id: str
    ordinal: int
    text: str
    path: tuple[str, ...]
    tokens: int
    title: str = ""
    source: str = ""
    collection: str = ""
    tenant: str = PUBLIC
    sections: tuple[tuple[int, int], ...] = ()

    @property
    def embedded_text(self) -> str:
        """What the embedder and the lexical index read: the trail of titles, then the passage."""
        return " > ".join(self.path) + "\n" + self.text if self.path else self.text

    @cached_property  # a search reads it hundreds of times
    def id(self) -> str:
        """UUID of tenant, document, position and content: writing the same chunk twice changes nothing."""
        digest = hashlib.sha256(self.embedded_text.encode("utf-8", "surrogatepass")).hexdigest()
        return str(uuid.uuid5(_NAMESPACE, f"{self.tenant}\0{self.document_id}\0{self.ordinal}\0{digest}"))


@dataclass(frozen=True)
class Hit:
    """A chunk found for a query. `score` is that of the last stage; `ranks` holds its 1-based rank in each stage."""

    chunk: Chunk
    score: float
    ranks: dict[str, int] = field(default_factory=dict)


def chunk_ids(hits: Sequence[Hit]) -> list[str]:
    """Ids of the hits' chunks, in their order."""
    return [hit.chunk.id for hit in hits]
