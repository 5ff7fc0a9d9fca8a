"""Real diffs: two consecutive releases of a well-known package, pinned by digest in releases.toml."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from reference.agents.types import ReviewError

from .archives import fetch, read_tree

FILE = Path(__file__).with_name("releases.toml")
SMALL = 500_000  # bytes of both archives of a pair, for the `ci` profile
CI_PAIRS = 14


@dataclass(frozen=True, slots=True)
class Pair:
    package: str
    old: str
    new: str
    licence: str
    old_sha256: str
    new_sha256: str
    bytes: int

    @property
    def id(self) -> str:
        return f"{self.package}-{self.old}-{self.new}"


@dataclass(frozen=True, slots=True)
class Release:
    """Both texts of a pair: path -> text."""

    pair: Pair
    before: Mapping[str, str]
    after: Mapping[str, str]

    @property
    def repository(self) -> str:
        return self.pair.package

    def changed(self) -> list[str]:
        """Python files of both releases whose text differs, sorted."""
        return [
            path
            for path in sorted(self.after)
            if path.endswith(".py") and path in self.before and self.before[path] != self.after[path]
        ]


@functools.cache
def pairs() -> tuple[Pair, ...]:
    """Every pinned pair."""
    if not FILE.is_file():
        return ()
    entries = tomllib.loads(FILE.read_text(encoding="utf-8")).get("pair", [])
    return tuple(
        Pair(x["package"], x["from"], x["to"], x["licence"], x["from_sha256"], x["to_sha256"], x["bytes"])
        for x in entries
    )


def chosen(profile: str) -> tuple[Pair, ...]:
    """`full`: all. `laptop`: every second. `ci`: small archives, at most one pair of a package."""
    if profile == "full":
        return pairs()
    if profile == "laptop":
        return pairs()[::2]
    smallest: dict[str, Pair] = {}
    for pair in sorted((one for one in pairs() if one.bytes < SMALL), key=lambda one: one.id):
        smallest.setdefault(pair.package, pair)
    return tuple(smallest.values())[:CI_PAIRS]


@functools.lru_cache(maxsize=64)
def load(pair: Pair) -> Release:
    """Fetch (or take from the cache) and read both archives. Raises ReviewError."""
    return Release(
        pair,
        read_tree(fetch(pair.package, pair.old, pair.old_sha256)),
        read_tree(fetch(pair.package, pair.new, pair.new_sha256)),
    )


def load_all(profile: str) -> tuple[tuple[Release, ...], tuple[str, ...]]:
    """(releases, why some are missing); a pair that cannot be fetched is named, not replaced."""
    problems: list[str] = []

    def one(pair: Pair) -> Release | None:
        try:
            return load(pair)
        except ReviewError as problem:
            problems.append(str(problem))
            return None

    with ThreadPoolExecutor(2) as pool:
        found = [release for release in pool.map(one, chosen(profile)) if release is not None]
    return tuple(found), tuple(sorted(problems))
