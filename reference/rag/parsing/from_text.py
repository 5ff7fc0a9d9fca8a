"""Plain text and reStructuredText: headings are lines with a line of punctuation beneath them."""

from __future__ import annotations

import re

from reference.rag.parsing.outline import Outline, clean_block, one_line

_RULE = re.compile(r"^([=\-~^\"'`#*+_.:])\1{2,}\s*$")
_LONGEST_HEADING = 120  # characters
_LONGEST_TITLE_LINE = 80


def read_text(text: str) -> tuple[str, Outline]:
    """A title (the first line if it stands alone and is short, else empty) and the outline.

    A heading's level is the order in which its kind of underline first appears, as in reStructuredText.
    """
    text = _without_overstrikes(text)
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n").split("\n")]
    outline = Outline()
    levels: dict[tuple[str, bool], int] = {}
    paragraph: list[str] = []

    def flush() -> None:
        outline.block(clean_block("\n".join(paragraph)))
        paragraph.clear()

    index = 0
    while index < len(lines):
        heading = _heading_at(lines, index)
        if heading:
            title, style, used = heading
            flush()
            outline.heading(levels.setdefault(style, len(levels)), title)
            index += used
        elif lines[index].strip():
            paragraph.append(lines[index])
            index += 1
        else:
            flush()
            index += 1
    flush()
    return "" if outline.first_heading else _first_line(lines), outline


def _heading_at(lines: list[str], index: int) -> tuple[str, tuple[str, bool], int] | None:
    """(title, (underline character, has overline), lines used) if a heading starts here."""
    over = _RULE.match(lines[index])
    if over and index + 2 < len(lines):
        under, title = _RULE.match(lines[index + 2]), lines[index + 1].strip()
        if under and under[1] == over[1] and _is_title(title, lines[index]):
            return title, (over[1], True), 3
    if index + 1 < len(lines) and not over:
        under, title = _RULE.match(lines[index + 1]), lines[index].strip()
        standing_alone = index == 0 or not lines[index - 1].strip()
        # An indented line under a rule is a table or code.
        if under and standing_alone and lines[index][:1].strip() and _is_title(title, lines[index + 1]):
            return title, (under[1], False), 2
    return None


def _is_title(title: str, rule: str) -> bool:
    return bool(re.search(r"\w", title)) and len(title) <= _LONGEST_HEADING and len(rule.strip()) >= len(title) - 3


def _first_line(lines: list[str]) -> str:
    first = next((index for index, line in enumerate(lines) if re.search(r"\w", line)), None)
    if first is None or len(lines[first]) > _LONGEST_TITLE_LINE:
        return ""
    alone = first + 1 >= len(lines) or not lines[first + 1].strip()
    return one_line(lines[first]) if alone else ""


def _without_overstrikes(text: str) -> str:
    """Bold and underlined text of old printers: c BACKSPACE c."""
    return re.sub(r".\x08", "", text) if "\x08" in text else text
