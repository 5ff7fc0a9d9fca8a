"""Which files and documents are taken: documentation in English, each text once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from reference.rag.interfaces import Source
from reference.rag.types import Document

_DOCUMENT = re.compile(r"\.(?:html?|xhtml|pdf|txt|text|rst|md|markdown|pod)(?:\.gz)?$", re.IGNORECASE)
_LOCALISED_NAME = re.compile(
    r"\.(?:html?|txt|pdf)\.(?!gz)([a-z]{2}(?:[-_][a-z]{2,4})?)(?:\.[a-z0-9-]+)?(?:\.gz)?$", re.IGNORECASE
)
_MAN = re.compile(r"/man/(?:[^/]+/)?man[1-9n]/[^/]+\.[1-9n][a-z0-9]*(?:\.gz)?$", re.IGNORECASE)
_NOT_CONTENT = re.compile(
    r"(?:^|/)(?:copyright|changelog[^/]*|changes[^/]*|news[^/]*|genindex[^/]*|search\.html|py-modindex\.html"
    r"|authors|thanks|readme\.debian|todo[^/]*|objects\.inv|requires\.txt|robots\.txt)(?:\.gz)?$|/doc-base/",
    re.IGNORECASE,
)
_LANGUAGES = (
    "ar|bg|ca|cs|da|de|el|es|et|eu|fa|fi|fr|gl|he|hi|hr|hu|it|ja|ka|ko|lt|lv|nb|nl|nn|pl|pt|ro|ru|sk|sl|sr|sv|sw|th"
    "|tr|uk|vi|zh"
)
_LANGUAGE = rf"(?:{_LANGUAGES})(?:[-_.][a-z]{{2,4}})?(?:\.utf-?8)?"
_FOREIGN_FOLDER = re.compile(rf"/(?:[^/]*\.)?{_LANGUAGE}(?:\.html)?/", re.IGNORECASE)
_FOREIGN_NAME = re.compile(rf"[._-]{_LANGUAGE}\.(?:html?|pdf|txt)(?:\.gz)?$", re.IGNORECASE)


def is_document(path: str) -> bool:
    """By its path: a format that is parsed, not a change log, licence or index."""
    return bool(_DOCUMENT.search(path) or _MAN.search(path) or _LOCALISED_NAME.search(path)) and not (
        _NOT_CONTENT.search(path)
    )


def is_english(path: str) -> bool:
    """By its path: no folder or ending that names another language. Texts are not looked at."""
    if (localised := _LOCALISED_NAME.search(path)) and not localised[1].lower().startswith("en"):
        return False
    return not (_FOREIGN_FOLDER.search("/" + path) or _FOREIGN_NAME.search(path))


class Unique:
    """A source without exact duplicates: of documents with the same text the first is kept, the others are counted."""

    def __init__(self, source: Source) -> None:
        self.source, self.name = source, source.name
        self.duplicates: list[tuple[str, str]] = []  # (id that is left out, id with the same text)

    def documents(self) -> Iterator[Document]:
        seen: dict[bytes, str] = {}
        self.duplicates = []
        for document in self.source.documents():
            digest = hashlib.sha256(f"{document.tenant}\0{document.text}".encode("utf-8", "surrogatepass")).digest()
            if first := seen.get(digest):
                self.duplicates.append((document.id, first))
                continue
            seen[digest] = document.id
            yield document

    @property
    def problems(self) -> list[tuple[str, str]]:
        return self.source.problems
