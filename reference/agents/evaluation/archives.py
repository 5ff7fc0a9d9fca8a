"""Source archives of public packages, fetched by pip without running anything of them, and read in memory.

pip asks a source archive's build backend for its metadata, which would run the package's code. So the backends are
replaced: `_BACKEND` stands in for each of `BACKENDS` on PYTHONPATH, and answers from the archive's PKG-INFO. With
hash-checking pip refuses another archive than the pinned one before it asks anything. An archive that brings its own
backend (`backend-path`) must not be pinned; `check_backend` refuses it.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path, PurePosixPath

from reference.agents.types import ReviewError

BACKENDS = ("setuptools.build_meta", "flit_core.buildapi", "hatchling.build", "poetry.core.masonry.api", "pdm.backend")
KEPT = {".py", ".pyi", ".rst", ".md", ".toml", ".cfg", ".txt", ".ini"}
LARGEST_MEMBER = 1 << 20
LARGEST_ARCHIVE = 12 << 20
MOST_MEMBERS = 6000

_BACKEND = """\
import os, re, sys

def _known():
    with open("PKG-INFO", encoding="utf-8", errors="replace") as file:
        text = file.read()
    return re.search(r"(?m)^Name: *(\\S+)", text)[1], re.search(r"(?m)^Version: *(\\S+)", text)[1]

def get_requires_for_build_wheel(config_settings=None):
    return []

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    name, version = _known()
    made = f"{re.sub('[-_.]+', '_', name)}-{version}.dist-info"
    os.makedirs(os.path.join(folder, made))
    with open(os.path.join(folder, made, "METADATA"), "w", encoding="utf-8") as file:
        file.write(f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    return made

__legacy__ = sys.modules[__name__]
"""


def cache_folder() -> Path:
    """Where archives are kept: $WORKBOOK_CACHE, else the platform's cache folder."""
    import platformdirs

    root = os.environ.get("WORKBOOK_CACHE") or platformdirs.user_cache_dir("ai-design-workbook")
    return Path(root).expanduser() / "review-releases"


def fetch(package: str, version: str, sha256: str | None, *, timeout_s: float = 120.0) -> bytes:
    """The source archive's bytes, from the cache or through pip as it is configured here.

    Args:
        sha256: the pinned digest; None only while pinning.

    Raises:
        ReviewError: pip could not get it, or the bytes are not the pinned ones.
    """
    folder = cache_folder()
    kept = folder / f"{package}-{version}.tar.gz"
    if kept.is_file() and (sha256 is None or hashlib.sha256(kept.read_bytes()).hexdigest() == sha256):
        return kept.read_bytes()
    with tempfile.TemporaryDirectory(prefix="release-") as work:
        got = _download(package, version, sha256, Path(work), timeout_s)
    if len(got) > LARGEST_ARCHIVE:
        raise ReviewError(f"{package} {version}: the archive has {len(got) >> 20} MB; at most {LARGEST_ARCHIVE >> 20}")
    if sha256 is not None and (found := hashlib.sha256(got).hexdigest()) != sha256:
        raise ReviewError(f"{package} {version}: sha256 is {found}, releases.toml has {sha256}; pin it again")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        file.write(got)
    os.replace(file.name, kept)
    return got


def _download(package: str, version: str, sha256: str | None, work: Path, timeout_s: float) -> bytes:
    backends, target = work / "backends", work / "got"
    for backend in BACKENDS:
        path = backends / (backend.replace(".", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        for parent in path.relative_to(backends).parents:
            (backends / parent / "__init__.py").touch()
        path.write_text(_BACKEND, encoding="utf-8")
    (backends / "__init__.py").unlink(missing_ok=True)
    pinned = work / "requirements.txt"
    pinned.write_text(f"{package}=={version}" + (f" --hash=sha256:{sha256}" if sha256 else "") + "\n", encoding="utf-8")
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:",
        "--no-build-isolation", "--disable-pip-version-check", "--requirement", str(pinned), "--dest", str(target),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(backends), "PYTHONDONTWRITEBYTECODE": "1", "PIP_NO_INPUT": "1"}
    try:
        done = subprocess.run(
            command, cwd=work, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise ReviewError(f"{package} {version}: pip did not get it within {timeout_s:g} s") from None
    found = sorted(target.glob("*")) if target.is_dir() else []
    if done.returncode != 0 or not found:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no archive came"]
        raise ReviewError(f"{package} {version}: pip could not get it: {errors[-1][:200]}")
    return found[0].read_bytes()


def read_tree(archive: bytes) -> dict[str, str]:
    """Text files of a .tar.gz by path below its top folder. Regular files only: links and devices are left out.

    Raises:
        ReviewError: not a readable archive, or one with too many members.
    """
    tree: dict[str, str] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            for number, member in enumerate(tar):
                if number > MOST_MEMBERS:
                    raise ReviewError(f"the archive has more than {MOST_MEMBERS} members")
                path = _inside(member.name)
                if not member.isfile() or member.size > LARGEST_MEMBER or path is None:
                    continue
                opened = tar.extractfile(member)
                if opened is not None:
                    try:
                        tree[path] = opened.read(LARGEST_MEMBER).decode("utf-8")
                    except UnicodeDecodeError:
                        continue
    except (tarfile.TarError, OSError, EOFError) as problem:
        raise ReviewError(f"not a readable source archive: {problem}") from None
    return tree


def _inside(name: str) -> str | None:
    parts = PurePosixPath(name).parts[1:]
    if not parts or ".." in parts or name.startswith("/") or any(part.endswith(".egg-info") for part in parts):
        return None
    path = "/".join(parts)
    if PurePosixPath(path).suffix.lower() not in KEPT and not parts[-1].upper().startswith(("README", "CHANGES")):
        return None
    return path


def check_backend(archive: bytes) -> None:
    """Raises ReviewError for an archive whose own files would be its build backend."""
    text = read_tree(archive).get("pyproject.toml", "")
    try:
        build = tomllib.loads(text).get("build-system", {})
    except tomllib.TOMLDecodeError:
        build = {}
    if "backend-path" in build:
        raise ReviewError("the archive brings its own build backend (backend-path), which pip would run")


def licence_of(archive: bytes) -> str:
    """What PKG-INFO states, in short; empty where it states nothing."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for member in tar:
            if member.isfile() and member.name.count("/") == 1 and member.name.endswith("/PKG-INFO"):
                text = tar.extractfile(member).read(200_000).decode("utf-8", "replace")  # type: ignore[union-attr]
                for pattern in (
                    r"(?m)^License-Expression: *(.{2,60})$",
                    r"(?m)^Classifier: License :: OSI Approved :: (.{2,60})$",
                    r"(?m)^License: *(.{2,60})$",
                ):
                    if found := re.search(pattern, text):
                        return found[1].strip()
    return ""
