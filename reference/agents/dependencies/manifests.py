"""Dependencies with versions, read from manifests and lock files as text: nothing is resolved, nothing is run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from packaging.utils import canonicalize_name

from reference.agents.types import ChangedFile


@dataclass(frozen=True, slots=True)
class Pin:
    """`specifier` as written ("==2.2.2", ">=1,<2"); `version` if it allows only one; `line` from 1."""

    package: str
    specifier: str
    version: str
    line: int


_REQUIREMENT = re.compile(
    r"^\s*[\"']?(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*(?P<spec>(===?|~=|!=|>=|<=|>|<)\s*[^;#\"'\\]+)"
)
_TABLE = re.compile(
    r"^\s*[\"']?(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)[\"']?\s*=\s*[\"'](?P<spec>[\^~=<>!]*\s*\d[^\"']*)[\"']"
)
_LOCK_NAME = re.compile(r'^\s*name\s*=\s*"(?P<name>[^"]+)"')
_LOCK_VERSION = re.compile(r'^\s*version\s*=\s*"(?P<version>[^"]+)"')


def is_manifest(path: str) -> bool:
    """A file whose Python dependencies are read."""
    name = PurePosixPath(path).name
    return (
        bool(re.fullmatch(r"(.*requirements.*|constraints.*)\.(txt|in)", name))
        or name in ("pyproject.toml", "setup.cfg", "Pipfile", "poetry.lock", "uv.lock", "pdm.lock", "pylock.toml")
        or ("requirements" in PurePosixPath(path).parts[:-1] and name.endswith((".txt", ".in")))
    )  # fmt: skip


def changed_pins(file: ChangedFile) -> Iterator[Pin]:
    """Pins on lines that the change adds and that the removed lines do not have word for word."""
    removed = {text.strip() for text in file.removed.values()}
    name = PurePosixPath(file.path).name
    lock = name.endswith(".lock") or name == "pylock.toml"
    for line, text in file.added.items():
        if text.strip() in removed:
            continue
        pin = _locked(file, line, text) if lock else _written(text, line, name)
        if pin is not None:
            yield pin


def _written(text: str, line: int, name: str) -> Pin | None:
    if text.lstrip().startswith(("#", "-", "[")):
        return None
    match = _REQUIREMENT.match(text)
    if match is None and name in ("pyproject.toml", "Pipfile"):
        match = _TABLE.match(text)
    if match is None or match.group("name").lower() in ("python", "requires-python", "version", "python-version"):
        return None
    specifier = match.group("spec").strip().rstrip(",").strip()
    if (
        name in ("pyproject.toml", "Pipfile")
        and "=" not in specifier[:2]
        and not specifier.startswith((">", "<", "^", "~", "!"))
    ):
        specifier = "==" + specifier  # poetry and pipenv write a bare version for one version
    return Pin(canonicalize_name(match.group("name")), specifier, _single(specifier), line)


def _single(specifier: str) -> str:
    match = re.fullmatch(r"===?\s*([0-9][^,\s*]*)", specifier)
    return match.group(1) if match else ""


def _locked(file: ChangedFile, line: int, text: str) -> Pin | None:
    """The version line of a lock file's entry; its name stands above it."""
    match = _LOCK_VERSION.match(text)
    if match is None:
        return None
    lines = file.after.split("\n") if file.after is not None else []
    for before in range(line - 2, max(-1, line - 6), -1):
        named = _LOCK_NAME.match(lines[before]) if before < len(lines) else None
        if named:
            version = match.group("version")
            return Pin(canonicalize_name(named.group("name")), f"=={version}", version, line)
    return None
