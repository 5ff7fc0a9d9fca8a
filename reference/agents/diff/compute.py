"""The diff of two texts as hunks."""

from __future__ import annotations

import difflib

from reference.agents.diff.apply import split_lines
from reference.agents.types import DiffLine, Hunk

_LARGE = 3_000  # lines; above it difflib's short cut for frequent lines keeps the time within seconds


def hunks_of(before: str, after: str, *, context: int = 3) -> tuple[Hunk, ...]:
    """Hunks that turn `before` into `after`, with `context` lines around each; () where they are equal."""
    old, new = split_lines(before), split_lines(after)
    lead = 0
    while lead < min(len(old), len(new)) and old[lead] == new[lead]:
        lead += 1
    tail = 0
    while tail < min(len(old), len(new)) - lead and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    if lead == len(old) == len(new):
        return ()
    # Equal lines at both ends need no search: only `context` of them go into it
    cut, end = max(lead - context, 0), max(tail - context, 0)
    one, two = old[cut : len(old) - end], new[cut : len(new) - end]
    matcher = difflib.SequenceMatcher(None, one, two, autojunk=max(len(one), len(two)) > _LARGE)
    made = []
    for group in matcher.get_grouped_opcodes(context):
        lines: list[DiffLine] = []
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += [_line("context", one[i1 + k], cut + i1 + k + 1, cut + j1 + k + 1) for k in range(i2 - i1)]
                continue
            lines += [_line("removed", one[i], cut + i + 1, None) for i in range(i1, i2)]
            lines += [_line("added", two[j], None, cut + j + 1) for j in range(j1, j2)]
        i1, i2, j1, j2 = group[0][1], group[-1][2], group[0][3], group[-1][4]
        made.append(Hunk(cut + i1 + (i2 > i1), i2 - i1, cut + j1 + (j2 > j1), j2 - j1, tuple(lines)))
    return tuple(made)


def _line(kind: str, text: str, old: int | None, new: int | None) -> DiffLine:
    if not text.endswith("\n"):
        return DiffLine(kind, text, old, new, "")
    bare = text[:-1]
    return DiffLine(kind, bare[:-1], old, new, "\r\n") if bare.endswith("\r") else DiffLine(kind, bare, old, new)
