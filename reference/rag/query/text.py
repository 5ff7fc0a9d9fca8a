"""A user's query made fit for searching: bounded, cleaned, and with notes on what a user should know about it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from reference.rag.stop_words import STOP_WORDS
from reference.rag.types import RagError

_WORD = re.compile(r"\w+")
_SPACE = re.compile(r"\s+")
MAX_RAW_CHARS = 1_000_000  # nothing beyond is even looked at


class BadQuery(RagError):
    """A query that cannot be searched; the message says why."""


@dataclass(frozen=True)
class PreparedQuery:
    """What is searched.

    Attributes:
        text: cleaned and cut; one line.
        words: its words, lower case.
        notes: what was changed or should be known, in words for the user.
        lexical: False where counting words cannot help (no words, or function words only).
    """

    text: str
    words: tuple[str, ...]
    notes: tuple[str, ...] = ()
    lexical: bool = True


def prepare_query(text: str, max_words: int = 256, max_chars: int = 4000) -> PreparedQuery:
    """Cleans and bounds a query. Text in it is never an instruction to the search: no syntax, no field names.

    - control characters and lone surrogates become spaces, composed forms are used (NFKC), white space is one blank;
    - more than `max_words` words or `max_chars` characters are cut off, with a note;
    - only function words, or no word at all: searched by meaning alone (`lexical` is False), with a note;
    - mostly letters of another script than Latin: searched as it is, with a note, for the default embedder is English.

    Raises:
        BadQuery: it is no string, or nothing visible is in it.
    """
    if not isinstance(text, str):
        raise BadQuery(f"query: must be a text, got {type(text).__name__}")
    notes: list[str] = []
    whole = len(text)
    # A character that NFKC expands (some to 18) must not turn a bounded text into a huge one: cut on both sides.
    cleaned = _clean(text[: min(MAX_RAW_CHARS, 20 * max_chars)])
    if not cleaned:
        raise BadQuery("query: is empty; ask a question or name a subject")
    cut = _cut(cleaned, max_words, max_chars)
    if cut != cleaned or whole > 20 * max_chars:
        notes.append(f"query cut to its first {len(cut.split())} words ({len(cut)} of {whole} characters)")
    words = tuple(word.lower() for word in _WORD.findall(cut))
    lexical = any(word not in STOP_WORDS for word in words)
    if not words:
        notes.append("query has no words: searched by meaning alone")
    elif not lexical:
        notes.append("query has only common words: searched by meaning alone")
    if _foreign(cut):
        notes.append("query is mostly in another script than Latin: the default embedder knows English best")
    return PreparedQuery(cut, words, tuple(notes), lexical)


def _clean(text: str) -> str:
    visible = "".join(
        " " if unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp") else char for char in text
    )
    # Format characters (zero-width, direction marks) hide text from a reader: they go without a trace.
    visible = "".join(char for char in unicodedata.normalize("NFKC", visible) if unicodedata.category(char) != "Cf")
    return _SPACE.sub(" ", visible).strip()


def _cut(text: str, max_words: int, max_chars: int) -> str:
    words = text.split(" ", max_words)
    shorter = " ".join(words[:max_words])
    if len(shorter) <= max_chars:
        return shorter
    head = shorter[:max_chars]
    return (head.rsplit(" ", 1)[0] if " " in head else head).strip()


def _foreign(text: str) -> bool:
    letters = [char for char in text if char.isalpha()]
    latin = sum("LATIN" in unicodedata.name(char, "") for char in letters)
    return bool(letters) and latin * 2 < len(letters)
