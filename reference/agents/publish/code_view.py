"""The lines of a change around a finding, as a page shows them; lines that may hold a secret are masked."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from reference.agents.types import Change, Finding, Review

from .escape import visible, without_secrets
from .text import about_secrets

AROUND = 3
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One line as shown. `kind`: "added", "removed" or "context"; `marked`: the finding is about it."""

    kind: str
    old: str
    new: str
    text: str
    marked: bool


def masked_lines(review: Review) -> Mapping[str, frozenset[int]]:
    """path -> new line numbers whose text is not shown, since some finding says that a secret stands there."""
    made: dict[str, set[int]] = {}
    everything = [*review.findings, *(one for left in review.left_out.values() for one in left)]
    for one in everything:
        if about_secrets(one):
            made.setdefault(one.path, set()).update(range(one.line, min(one.end_line, one.line + 200) + 1))
    return {path: frozenset(lines) for path, lines in made.items()}


def rows_around(change: Change, finding: Finding, masked: Collection[int]) -> Sequence[Row]:
    """The finding's lines with three around them, from the hunk that holds them; () if none does."""
    file = change.file(finding.path)
    for hunk in file.hunks if file else ():
        hit = [at for at, one in enumerate(hunk.lines) if one.new and finding.line <= one.new <= finding.end_line]
        if not hit:
            continue
        begin, end = max(0, hit[0] - AROUND), min(len(hunk.lines), hit[-1] + 1 + AROUND, hit[0] + 24)
        # A removed line may be the old form of a masked one: hide all of them beside one.
        beside = any(one.new in masked for one in hunk.lines[begin:end])
        return [
            Row(
                one.kind,
                str(one.old or ""),
                str(one.new or ""),
                _shown(one.text, hide=one.new in masked or (beside and one.kind == "removed")),
                bool(one.new and finding.line <= one.new <= finding.end_line),
            )
            for one in hunk.lines[begin:end]
        ]
    return ()


def _shown(text: str, *, hide: bool) -> str:
    indent = text[: len(text) - len(text.lstrip())].expandtabs(4)[:80]
    text = without_secrets(text.strip(), secret=False)
    if hide:
        text = re.split(r"[=:('\"]", text, maxsplit=1)[0] + " … (hidden: may hold a secret)"
    return indent + visible(text, LONGEST) if text else ""
