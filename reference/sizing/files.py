"""Files that are whole or not there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def write_whole(path: str | Path, text: str) -> Path:
    """Replace `path` in one step: a crash leaves the old text or the new one. The folder is made if missing."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # mkstemp makes files that only their owner may read; these are to be read like any other.
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target


def write_all(folder: str | Path, texts: Mapping[str, str], mode: int = 0o644) -> dict[str, Path]:
    """Write `texts` (file name -> content) into `folder`, which is made; returns name -> path. Raises OSError.

    Everything is written beside its place first, so that a full disk changes nothing there.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target, prefix=".export-") as scratch:
        for name, text in texts.items():
            (Path(scratch) / name).write_text(text, encoding="utf-8")
            (Path(scratch) / name).chmod(mode)
        for name in texts:
            os.replace(Path(scratch) / name, target / name)
    return {name: target / name for name in texts}
