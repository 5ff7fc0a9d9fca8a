"""Texts to put faults into where nothing can be fetched: pure-Python packages that are installed here anyway."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from .releases import Pair, Release

PACKAGES = (
    "jinja2",
    "click",
    "packaging",
    "rich",
    "httpx",
    "starlette",
    "pluggy",
    "idna",
    "h11",
    "anyio",
    "bandit",
    "lizard",
)
MOST_FILES = 60


def installed_releases() -> tuple[Release, ...]:
    """One per installed package; before and after are the same, so a fault is the whole change. Files are only read."""
    found = []
    for package in PACKAGES:
        try:
            distribution = metadata.distribution(package)
        except metadata.PackageNotFoundError:
            continue
        texts: dict[str, str] = {}
        for file in sorted(distribution.files or ()):
            path = Path(str(distribution.locate_file(file)))
            if str(file).endswith(".py") and ".." not in file.parts and path.is_file() and len(texts) < MOST_FILES:
                texts[str(file)] = path.read_text(encoding="utf-8", errors="replace")
        version = distribution.version
        pair = Pair(package, version, version, "", "", "", sum(len(text) for text in texts.values()))
        found.append(Release(pair, texts, texts))
    return tuple(found)
