"""What an index folder was built with: one JSON file, written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from reference.rag.types import RagError

NAME = "manifest.json"
VERSION = 1  # rises when folders of older versions cannot be read any more


class ManifestError(RagError):
    """An index folder cannot be used as it is."""


@dataclass(frozen=True)
class Manifest:
    """Settings that everything in the folder was made with.

    Attributes:
        embedder: name of the model that made the vectors; queries must use the same.
        dimension: of the vectors.
        token_projection: which projection made the stored token vectors; empty if none are stored.
        token_dimension: of the token vectors; 0 if none are stored.
        chunker: name and settings of the chunker.
        average_length: terms per chunk that the lexical weights were made with; 0.0 until all documents are read.
        created: ISO 8601, UTC.
    """

    embedder: str
    dimension: int
    chunker: str
    token_projection: str = ""
    token_dimension: int = 0
    average_length: float = 0.0
    created: str = ""
    version: int = VERSION

    @property
    def ready(self) -> bool:
        """Whether the first pass has come to its end once."""
        return self.average_length > 0


def now() -> str:
    """The time as the manifest holds it: UTC, ISO 8601, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read(folder: Path) -> Manifest:
    """ManifestError if the folder has none, or one of another version."""
    path = Path(folder) / NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ManifestError(f"{folder} is no index: it has no {NAME}; make one with `workbook ingest`") from error
    except (OSError, ValueError) as error:
        raise ManifestError(f"{path} cannot be read ({error}); delete {folder} and ingest again") from error
    if not isinstance(found, dict) or found.get("version") != VERSION:
        version = found.get("version") if isinstance(found, dict) else None
        raise ManifestError(
            f"{path} has version {version!r}, this code reads {VERSION}; delete {folder} and ingest again"
        )
    known = {field.name for field in fields(Manifest)}
    try:
        return Manifest(**{name: value for name, value in found.items() if name in known})
    except TypeError as error:
        raise ManifestError(f"{path} lacks a setting ({error}); delete {folder} and ingest again") from error


def write(folder: Path, manifest: Manifest) -> None:
    """Writes the manifest at once or not at all: a crash leaves the one before."""
    handle, temporary = tempfile.mkstemp(prefix=".manifest-", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(manifest), file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, Path(folder) / NAME)
    finally:
        Path(temporary).unlink(missing_ok=True)


_FIXED = ("embedder", "dimension", "chunker", "token_projection", "token_dimension")


def settle(folder: Path, wanted: Manifest) -> Manifest:
    """The manifest of `folder`: `wanted`, if it has none yet and is empty. ManifestError if the settings differ."""
    if not (folder / NAME).exists():
        if others := [path.name for path in folder.iterdir() if not path.name.startswith(".")]:
            raise ManifestError(
                f"{folder} has files ({', '.join(sorted(others)[:3])}) but no {NAME}: not an index; name another folder"
            )
        write(folder, wanted)
        return wanted
    found = read(folder)
    for name in _FIXED:
        if getattr(found, name) != getattr(wanted, name):
            raise ManifestError(
                f"the index {folder} was built with {name} {getattr(found, name)!r}, not {getattr(wanted, name)!r}; "
                "use that one, or ingest into another folder"
            )
    return found
