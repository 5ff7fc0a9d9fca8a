"""The key of a folded view: only its letters and digits, without repeats, and with "l" and "i" as one letter.

Literals are folded to keys too, so that one automaton finds "zorgle" in "zor-gle", "z o r gle", "zorrgle" and "zorgIe".
What keeps this from matching inside other words is that every place where a word began or ended is remembered: a hit
counts only if it begins at a beginning and ends at an end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

_PLANES = 0x30000  # beyond lie private use and tags, never part of a word
_SEPARATOR = ord("\n")


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of a batch, joined by line feeds.

    Attributes:
        text: the joined keys; no other white space in it.
        starts, ends: bool per character: a word of the folded view begins (ends) here.
        words: int32 per character: running number of the word it belongs to.
        offsets: int64 [posts]: where each post's key ends (exclusive) in `text`, its line feed included.
    """

    text: str
    starts: Any
    ends: Any
    words: Any
    offsets: Any


@cache
def _tables() -> tuple[Any, Any]:
    import unicodedata

    import numpy as np

    word = np.zeros(0x110000, bool)
    for code in range(_PLANES):
        # Marks belong to the word that they stand in: vowel signs of Indic scripts are marks.
        word[code] = unicodedata.category(chr(code))[0] in "LNM"
    fold = np.arange(0x110000, dtype=np.uint32)
    fold[ord("l")] = ord("i")
    return word, fold


def keys(folded: Sequence[str]) -> Keys:
    """Keys of folded views; views hold no line feed (both views collapse white space)."""
    import numpy as np

    word_table, fold = _tables()
    joined = "\n".join(folded) + "\n"
    codes = fold[np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)]
    newline = codes == _SEPARATOR
    word = word_table[codes]
    before = np.empty_like(word)
    before[0] = False
    before[1:] = word[:-1]
    start = word & ~before
    repeat = np.zeros_like(word)
    repeat[1:] = (codes[1:] == codes[:-1]) & word[1:] & before[1:]
    keep = (word & ~repeat) | newline
    number = np.cumsum(start, dtype=np.int32)
    kept_start = start[keep]
    kept_newline = newline[keep]
    end = np.zeros_like(kept_start)
    end[:-1] = kept_start[1:] | kept_newline[1:]
    text = codes[keep].tobytes().decode("utf-32-le", "surrogatepass")
    return Keys(text, kept_start, end, number[keep], np.flatnonzero(kept_newline) + 1)


def key_of(folded: str) -> str:
    """The key of one folded view; of a literal, before it goes into the automaton."""
    return keys([folded]).text[:-1]
