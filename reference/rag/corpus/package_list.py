"""The packages of the default corpus, each with the reason why it is there: packages.toml."""

from __future__ import annotations

import fnmatch
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """One Debian package.

    Attributes:
        reason: why it is in the corpus.
        include, exclude: patterns of paths without the leading slash; no `include` means all.
        ci: patterns of the files that belong to the sample of a few hundred documents; empty: none.
    """

    name: str
    reason: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    ci: tuple[str, ...] = ()

    def takes(self, path: str) -> bool:
        wanted = not self.include or any(fnmatch.fnmatchcase(path, pattern) for pattern in self.include)
        return wanted and not any(fnmatch.fnmatchcase(path, pattern) for pattern in self.exclude)


@cache
def _packages() -> tuple[Package, ...]:
    listed = tomllib.loads((Path(__file__).parent / "packages.toml").read_text(encoding="utf-8"))["package"]
    return tuple(
        Package(p["name"], p["reason"], *(tuple(p.get(key, ())) for key in ("include", "exclude", "ci")))
        for p in listed
    )


def default_packages() -> tuple[Package, ...]:
    """All packages: more than 10,000 documents in English."""
    return _packages()


def ci_packages() -> tuple[Package, ...]:
    """The few small packages of the sample, with only the sample's files."""
    return tuple(Package(p.name, p.reason, include=p.ci, exclude=p.exclude) for p in _packages() if p.ci)
