"""Text to terms, the same for documents and queries and for every lexical engine of this package.

A word is a run of letters and digits, lower-cased; the engine's own English stemmer and stop words make a term of it
(`malloc(3)` becomes malloc and 3; `running` and `runs` become one). Terms are 31-bit numbers, the dimensions of the
sparse vectors; among a million different words a given one shares its number with another with a chance of about one
in two thousand. Scripts without spaces (Chinese, Japanese) are not cut into words: there lexical search finds whole
runs only.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

_WORD = re.compile(r"[^\W_]+")
LONGEST_WORD = 40  # longer runs are keys, hashes or encoded data: nobody searches for them, each would be a new term
MAX_QUERY_TERMS = 256  # different terms of a query that are searched, the first ones: bounds the cost of one query


@cache
def _model() -> Any:
    from qdrant_edge import Bm25

    return Bm25()


@lru_cache(maxsize=500_000)
def _numbers(word: str) -> tuple[int, ...]:
    """Number of the word's stem; nothing for stop words, several where the engine cuts the word further."""
    return tuple(_model().embed_query(word).indices)


def terms(text: str) -> list[int]:
    """The terms of a text in its order, repetitions included."""
    found: list[int] = []
    for word in _WORD.findall(text.lower()):
        if len(word) <= LONGEST_WORD:
            found.extend(_numbers(word))
    return found


def query_terms(text: str) -> list[int]:
    """The different terms of a query, the first MAX_QUERY_TERMS, in its order."""
    return list(dict.fromkeys(terms(text)))[:MAX_QUERY_TERMS]
