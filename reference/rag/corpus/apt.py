"""The machine's own apt: download packages without installing them, and read what is inside."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from reference.rag.types import RagError

_LISTS = Path("/var/lib/apt/lists")
_TIMEOUT = 600  # seconds for one package


class NoApt(RagError):
    """This machine has no apt-get, apt-cache or dpkg-deb."""


class NotFetched(RagError):
    """A package could not be downloaded."""


def check_tools() -> None:
    """NoApt unless the three programs are there."""
    missing = [tool for tool in ("apt-get", "apt-cache", "dpkg-deb") if shutil.which(tool) is None]
    if missing:
        raise NoApt(
            f"{', '.join(missing)} not found: this machine has no apt; use a folder or the Python documentation"
        )


def download(name: str, folder: Path) -> Path:
    """Fetch a package's .deb of the newest version into `folder`, checked by apt; nothing is installed.

    The file appears under its name only when it is whole. Raises NoApt, NotFetched.
    """
    check_tools()
    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".fetching-", dir=folder))
    try:
        result = subprocess.run(
            ["apt-get", "download", "--quiet", name],
            cwd=temporary,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
            env=os.environ | {"LC_ALL": "C"},
        )
        found = list(temporary.glob("*.deb"))
        if result.returncode or len(found) != 1:
            raise NotFetched(explain(name, result.stderr, has_lists(_LISTS)))
        final = folder / found[0].name
        os.replace(found[0], final)
        return final
    except subprocess.TimeoutExpired as error:
        raise NotFetched(f"{name}: apt-get gave no package within {_TIMEOUT} s; try again") from error
    except OSError as error:
        raise NotFetched(f"{name}: cannot write to {folder} ({error.strerror}); set WORKBOOK_CACHE") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def has_lists(folder: Path) -> bool:
    """Whether `apt-get update` has ever run here."""
    try:
        return any("_Packages" in entry.name for entry in folder.iterdir())
    except OSError:
        return False


def explain(name: str, said: str, lists: bool) -> str:
    """What apt's message means for the reader."""
    last = next((line for line in reversed(said.strip().splitlines()) if line.startswith("E:")), "").strip()
    if re.search(r"Unable to locate package|no installation candidate|Can't select|No packages found", said):
        if not lists:
            return f"{name}: apt has no package lists; run `apt-get update` as root, then try again"
        return f"{name}: apt knows no such package; run `apt-get update`, or this release of Debian does not have it"
    if re.search(r"404|Hash Sum mismatch|Size mismatch", said):
        return f"{name}: apt's package lists are out of date; run `apt-get update` as root, then try again ({last})"
    if re.search(r"Temporary failure resolving|Could not connect|Connection (?:failed|timed)", said):
        return f"{name}: the package mirror cannot be reached; check the network, then try again ({last})"
    return f"{name}: apt-get download failed: {last or said.strip()[-200:] or 'no message'}"


def fields(deb: Path) -> dict[str, str]:
    """Package, Version and Architecture of a .deb. Raises RagError if it is broken."""
    result = subprocess.run(
        ["dpkg-deb", "--field", str(deb), "Package", "Version", "Architecture"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"LC_ALL": "C"},
    )
    if result.returncode:
        raise RagError(f"{deb} is not a whole Debian package ({result.stderr.strip()}); remove it and fetch it again")
    pairs = (line.partition(":") for line in result.stdout.splitlines())
    return {key: value.strip() for key, _, value in pairs}


def files(deb: Path) -> Iterator[tuple[str, int, tarfile.ExFileObject]]:
    """(path without leading slash, bytes, open file) of every regular file, in the package's order.

    Nothing is unpacked to disk. Links are passed over: what they point to comes by itself. Raises RagError for a broken
    package.
    """
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                for member in archive:
                    if member.isreg() and (opened := archive.extractfile(member)) is not None:
                        yield member.name.removeprefix("./"), member.size, opened  # type: ignore[misc]
        except tarfile.TarError as error:
            raise RagError(f"{deb} is broken ({error}); remove it and fetch it again") from error
        finally:
            process.stdout.close()
            process.kill()
