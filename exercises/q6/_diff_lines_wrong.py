"""Readers of a unified diff with one thing wrong each, as people write them."""

from __future__ import annotations

import re

Lines = dict[str, list[list[object]]]

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_WITH_LENGTHS = re.compile(r"@@ -(\d+),(\d+) \+(\d+),(\d+) @@")


def old_line_numbers(patch: str) -> Lines:
    return read(patch, flaw="old")


def removed_lines_counted(patch: str) -> Lines:
    return read(patch, flaw="removed")


def place_in_the_diff(patch: str) -> Lines:
    return read(patch, flaw="place")


def hunk_without_length(patch: str) -> Lines:
    return read(patch, flaw="length")


def text_taken_for_header(patch: str) -> Lines:
    return read(patch, flaw="header")


def end_mark_counted(patch: str) -> Lines:
    return read(patch, flaw="mark")


def read(patch: str, flaw: str = "") -> Lines:
    """Right without a flaw."""
    found: Lines = {}
    pattern = _WITH_LENGTHS if flaw == "length" else _HUNK
    path = ""
    old = new = olds = news = place = 0
    for line in patch.split("\n"):
        inside = olds > 0 or news > 0
        if line.startswith("+++ ") and (not inside or flaw == "header"):
            if line != "+++ /dev/null":
                path = line[len("+++ b/") :]
            found.setdefault(path, [])
            place = 0
        elif line.startswith("--- ") and not inside:
            path = line[len("--- a/") :]
        elif (header := pattern.match(line)) and not inside:
            old, olds, new, news = (1 if number is None else int(number) for number in header.groups())
            place += place > 0
        elif inside or (flaw == "mark" and line.startswith("\\")):
            place += 1
            if line.startswith("\\"):
                new += flaw == "mark"
                continue
            kind = line[:1]
            if kind != "-":
                number = {"old": old, "place": place}.get(flaw, new)
                found[path].append([number, "added" if kind == "+" else "context"])
            olds -= kind != "+"
            old += kind != "+"
            news -= kind != "-"
            new += kind != "-" or flaw == "removed"
    return found
