"""Collects headings and blocks in reading order and gives them back as sections with their trail of titles."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reference.rag.types import Section

_SPACES = re.compile(r"\s+")
# Control characters that no reader sees; tab and newline stay.
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b\u200e\u200f\u2060\ufeff\ufffe\uffff]")


def one_line(text: str) -> str:
    """Text with every run of white space as one space."""
    return _SPACES.sub(" ", _INVISIBLE.sub(" ", text)).strip()


def clean_block(text: str) -> str:
    """Preformatted text: lines kept, trailing blanks and invisible characters gone."""
    lines = [_INVISIBLE.sub("", line).rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines)


def row(cells: Iterable[str]) -> str:
    """A table row as text; empty if no cell has any."""
    cleaned = [one_line(cell) for cell in cells]
    return " | ".join(cleaned) if any(cleaned) else ""


def words(text: str) -> list[str]:
    """The words of a text in small letters, in order."""
    return re.findall(r"\w+", text.lower())


class Outline:
    """Builds sections. Levels are any integers; a heading closes those of its level and below."""

    def __init__(self) -> None:
        self._trail: list[tuple[int, str]] = []
        self._blocks: list[str] = []
        self._done: list[tuple[tuple[str, ...], str]] = []
        self.first_heading = ""

    def heading(self, level: int, title: str) -> None:
        title = one_line(title)
        if not title:
            return
        self._flush()
        self.first_heading = self.first_heading or title
        while self._trail and self._trail[-1][0] >= level:
            self._trail.pop()
        self._trail.append((level, title))

    def block(self, text: str) -> None:
        """A paragraph, a row of a table or a piece of code, as it shall be read."""
        if text.strip():
            self._blocks.append(text)

    def line(self, text: str) -> None:
        """Continues the last block on a new line: rows of one table, entries of one list."""
        if not text.strip():
            return
        if self._blocks:
            self._blocks[-1] += "\n" + text
        else:
            self._blocks.append(text)

    def _flush(self) -> None:
        if self._blocks:
            path = tuple(title for _, title in self._trail)
            self._done.append((path, "\n\n".join(self._blocks)))
            self._blocks = []

    def sections(self, title: str) -> tuple[Section, ...]:
        """Sections that have text. Paths start with the document's title; a first heading that repeats it is not
        repeated."""
        self._flush()
        title_words = words(title)
        sections = []
        for path, text in self._done:
            if path and _one_begins_the_other(title_words, words(path[0])):
                path = path[1:]
            sections.append(Section((title, *path), text))
        return tuple(sections)


def _one_begins_the_other(first: list[str], second: list[str]) -> bool:
    shorter = min(len(first), len(second))
    return shorter > 0 and first[:shorter] == second[:shorter]
