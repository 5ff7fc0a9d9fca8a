"""Which lines of a diff a review comment may name; written apart from reference.agents.diff, to check it."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")

Lines = dict[tuple[str, str], list[frozenset[int]]]  # (path, side) -> line numbers of each hunk


def lines_of(diff: str) -> Lines:
    """Line numbers per hunk of a unified diff as git writes it, by path and side ("LEFT" old, "RIGHT" new)."""
    found: Lines = {}
    path = old = ""
    rows = diff.split("\n")
    at = 0
    while at < len(rows):
        row = rows[at]
        at += 1
        if row.startswith("--- "):
            old = _name(row[4:])
        elif row.startswith("+++ "):
            path = _name(row[4:]) or old
        elif hunk := _HUNK.match(row):
            numbers = [int(n) if n is not None else 1 for n in hunk.groups()]
            at, left, right = _hunk(rows, at, *numbers)
            for side, lines in (("LEFT", left), ("RIGHT", right)):
                found.setdefault((path, side), []).append(lines)
    return found


def _hunk(
    rows: Sequence[str], at: int, old: int, olds: int, new: int, news: int
) -> tuple[int, frozenset[int], frozenset[int]]:
    left: set[int] = set()
    right: set[int] = set()
    while at < len(rows) and (len(left) < olds or len(right) < news):
        kind = rows[at][:1]
        at += 1
        if kind in (" ", "", "-"):
            left.add(old + len(left))
        if kind in (" ", "", "+"):
            right.add(new + len(right))
    return at, frozenset(left), frozenset(right)


def _name(text: str) -> str:
    text = text.split("\t")[0].rstrip("\r")
    if text.startswith('"'):
        text = _unquoted(text)
    return "" if text == "/dev/null" else text[2:]


def _unquoted(text: str) -> str:
    """git's C-style quoting of a path: octal bytes and backslash escapes."""
    plain = {"n": 10, "t": 9, "r": 13, '"': 34, "\\": 92, "a": 7, "b": 8, "f": 12, "v": 11}
    made = bytearray()
    for octal, escaped, other in re.findall(r"\\([0-7]{3})|\\(.)|([^\\])", text[1:-1]):
        if octal:
            made.append(int(octal, 8))
        elif escaped:
            made.append(plain.get(escaped, ord(escaped)))
        else:
            made += other.encode()
    return made.decode("utf-8", "replace")
