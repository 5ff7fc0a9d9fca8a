"""Added lines that the given coverage report knows to be not covered."""

from __future__ import annotations

from collections.abc import Sequence

from reference.agents.quality.guard import finding
from reference.agents.types import Change, ChangedFile, Finding, Role


def uncovered(change: Change, files: Sequence[ChangedFile]) -> list[Finding]:
    """One finding per file, on the first such line, naming them all as ranges ("12-14, 20")."""
    found = []
    for file in files:
        known = (change.coverage or {}).get(file.path)
        if known is None or file.role is not Role.SOURCE or not file.is_code:
            continue
        missed = sorted(known[1] & file.added.keys())
        if missed:
            executable = len((known[0] | known[1]) & file.added.keys())
            found.append(finding(
                file, "tests/uncovered-lines", missed[0], tool="coverage.xml",
                lines=ranges(missed), missed=len(missed), executable=executable,
            ))  # fmt: skip
    return found


def ranges(lines: Sequence[int]) -> str:
    """[1, 2, 3, 7] -> "1-3, 7"."""
    parts: list[list[int]] = []
    for line in lines:
        if parts and line == parts[-1][1] + 1:
            parts[-1][1] = line
        else:
            parts.append([line, line])
    return ", ".join(f"{a}-{b}" if b > a else f"{a}" for a, b in parts)
