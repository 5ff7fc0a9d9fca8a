"""Organic weaknesses: a release that fixed an advisory, reversed. A hit is any line of a hunk of the reversed diff.

A pair counts if the newer release is the one that an advisory names as fixed. The diff has other changes as well, and a
reversed fix mostly deletes lines: an upper bound on what a reviewer of added lines can say.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from reference.agents.types import Agent

from .cases import Case, Expected, Place, built, is_test
from .releases import Pair, Release

AGENTS = frozenset({Agent.SECURITY})
ADVISORIES = Path(__file__).parents[1] / "dependencies" / "advisories.json"


def revert_cases(releases: Sequence[Release]) -> list[Case]:
    """One case for each pair whose newer release fixes at least one advisory."""
    cases = []
    for release in releases:
        ids = fixed_by(release.pair.package, release.pair.new)
        if not ids:
            continue
        swapped = Release(_swap(release.pair), release.after, release.before)
        places = hunks(swapped)
        if places:
            cases.append(
                Case(
                    f"revert-{release.pair.id}", release.repository, "revert",
                    built(swapped, swapped.after, f"Back to {release.pair.old}"),
                    (Expected(places, AGENTS, many=True),), 0, (), ", ".join(ids),
                )
            )  # fmt: skip
    return cases


def fixed_by(package: str, version: str) -> list[str]:
    """Ids of the advisories that name this version as the first one without the weakness."""
    entries = json.loads(ADVISORIES.read_text(encoding="utf-8"))["advisories"] if ADVISORIES.is_file() else []
    return [
        entry["id"]
        for entry in entries
        if entry["package"].lower() == package.lower() and any(r.get("fixed") == version for r in entry["ranges"])
    ]


def hunks(release: Release) -> tuple[Place, ...]:
    """Where source files differ, as ranges of lines of the new text."""
    import difflib

    places = []
    for path in release.changed():
        if is_test(path) or path.startswith(("docs/", "setup")):
            continue
        old, new = release.before[path].splitlines(), release.after[path].splitlines()
        for tag, _, _, first, last in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if tag != "equal":
                places.append(Place(path, first + 1, max(last, first + 1)))
    return tuple(places)


def _swap(pair: Pair) -> Pair:
    return Pair(pair.package, pair.new, pair.old, pair.licence, pair.new_sha256, pair.old_sha256, pair.bytes)
