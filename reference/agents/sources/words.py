"""Whole words in texts."""

from __future__ import annotations

import re


def has_word(text: str | None, word: str) -> bool:
    """Whether `word` stands in the text with no letter, digit or underscore beside it."""
    if not text or not word or word not in text:
        return False
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None
