"""Numbers on disk without pickle: one JSON file whose content must have the sha256 that it names."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FORMAT = 1


class RoutingError(ValueError):
    """A wrong argument or file; the message names it and the mend."""


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def save(path: Path, kind: str, content: Mapping[str, Any]) -> str:
    """Writes JSON values; returns the version ("kind-" and 12 hex digits), which follows from the content."""
    digest = _digest(content)
    document = {"kind": kind, "format": FORMAT, "sha256": digest, "content": content}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8") as file:
        json.dump(document, file, allow_nan=False)
        file.write("\n")
    os.replace(file.name, path)
    path.chmod(0o644)
    return f"{kind}-{digest[:12]}"


def load(path: Path, kind: str) -> tuple[dict[str, Any], str]:
    """(content, version). Raises RoutingError for a missing, damaged or changed file, and for one of another kind."""
    mend = "train it again, or take the file from the repository"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        content, pinned, found = document["content"], document["sha256"], (document["kind"], document["format"])
    except OSError as error:
        raise RoutingError(f"{path} cannot be read ({error.strerror}); {mend}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise RoutingError(f"{path} is damaged ({type(error).__name__}: {error}); {mend}") from error
    if found != (kind, FORMAT):
        raise RoutingError(f"{path} holds {found[0]!r} in format {found[1]}, not {kind!r} in format {FORMAT}; {mend}")
    if _digest(content) != pinned:
        raise RoutingError(f"{path} does not have the sha256 that it names: refusing to load it; {mend}")
    return content, f"{kind}-{pinned[:12]}"
