"""Passages cut into sentences, and the words that a sentence's claim rests on."""

from __future__ import annotations

import re

from reference.rag.stop_words import STOP_WORDS
from reference.serving.semantic_cache.guards import stem

_PARAGRAPH = re.compile(r"\n\s*\n")
# A full stop ends a sentence where a capital, digit, quote or bracket follows; `e.g. this` and `3.11` do not end one.
_END = re.compile(
    r"(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bcf\.)(?<!\bvs\.)(?<!\bNo\.)[\"')\]]*\s+(?=[\"'(\[`*]*[A-Z0-9])"
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,:]\d+)*%?")


def sentences(text: str) -> list[str]:
    """Sentences of a text in order, each on one line; a paragraph's end always ends a sentence."""
    found: list[str] = []
    for paragraph in _PARAGRAPH.split(text):
        line = " ".join(paragraph.split())
        found.extend(part for part in _END.split(line) if part.strip())
    return found


def content_words(text: str) -> list[str]:
    """Stems of the words that are no function words; numbers are left out."""
    words = (word.lower().replace("’", "'") for word in _WORD.findall(text))
    return [stem(word) for word in words if word not in STOP_WORDS and not word.isdigit()]


def numbers(text: str) -> set[str]:
    """Numbers as written, thousands' commas dropped."""
    return {re.sub(r",(?=\d{3}\b)", "", number) for number in _NUMBER.findall(text)}
