"""What is allowed, each with its reason: `security.toml` beside this file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("security.toml")


@dataclass(frozen=True)
class Allowed:
    """`where`: path from the project's root, may hold wildcards. `what`: the name found there. `times`: at most."""

    where: str
    what: str
    reason: str
    times: int = 1


@cache
def read(path: Path = FILE) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def allowed(table: str) -> list[Allowed]:
    """The entries of a table; ValueError for one without a reason."""
    found = [Allowed(**one) for one in read()[table]]
    for one in found:
        if not one.reason.strip():
            raise ValueError(f"{FILE.name}, {table}: {one.where} has no reason; write one, or mend the code")
    return found


def split(table: str, hits: list[tuple[str, str, int]]) -> tuple[list[tuple[str, str, int]], list[Allowed]]:
    """(hits that no entry allows, entries that allow nothing any more). A hit is (path, what, line)."""
    left, unused = [], []
    entries = allowed(table)
    room = {one: one.times for one in entries}
    for path, what, line in hits:
        entry = next((e for e in entries if e.what == what and room[e] > 0 and fnmatchcase(path, e.where)), None)
        if entry is None:
            left.append((path, what, line))
        else:
            room[entry] -= 1
    unused = [one for one in entries if room[one] == one.times]
    return left, unused
