"""What a file may cost before it is refused, and the error that refuses it."""

from __future__ import annotations

from dataclasses import dataclass

from reference.rag.types import RagError


class Unparsable(RagError):
    """A file that no document can be made of. `name` is the file, `reason` why and what to do."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


@dataclass(frozen=True)
class Limits:
    """Upper bounds per file.

    Attributes:
        bytes: size as stored, and after decompression of a .gz.
        pages: pages of a PDF.
    """

    bytes: int = 20_000_000
    pages: int = 5_000


DEFAULT_LIMITS = Limits()


def megabytes(count: int) -> str:
    """12.3 MB (10^6 bytes)."""
    return f"{count / 1e6:,.1f} MB"
