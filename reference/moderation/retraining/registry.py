"""Versions of a model on disk: the last three are kept, one is in use, and it can go back."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reference.moderation.types import ModerationError

KEPT = 3
_STATE = "versions.json"


class Versions:
    """Folder with one subfolder per version and `versions.json`: promoted versions, oldest first, the last in use.

    The state is replaced in one step, after the model is whole on disk; several processes take turns by a lock.
    """

    def __init__(self, folder: Path, kept: int = KEPT) -> None:
        if kept < 2:
            raise ModerationError(f"kept={kept}: at least two versions, or there is no way back")
        self.folder, self.kept = folder, kept
        folder.mkdir(parents=True, exist_ok=True)

    def history(self) -> list[str]:
        """Versions on disk that were promoted, oldest first; the last is in use. Empty before the first promotion."""
        path = self.folder / _STATE
        if not path.exists():
            return []
        try:
            found = json.loads(path.read_text(encoding="utf-8"))["promoted"]
            if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
                raise ValueError("promoted is not a list of names")
            return found
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModerationError(f"{path} is damaged ({error}); restore it, or delete it and promote again") from error

    def current(self) -> Path:
        history = self.history()
        if not history:
            raise ModerationError(f"{self.folder}: no version was promoted yet")
        return self.folder / history[-1]

    def promote(self, name: str, save: Callable[[Path], Any]) -> Path:
        """`save` writes the model into the folder it is given; then it is in use, and what is too old goes away."""
        if not name or name != Path(name).name or name.startswith(".") or name == _STATE:
            raise ModerationError(f"version name {name!r}: a plain folder name is wanted")
        with self._lock():
            history = self.history()
            if name in history:
                raise ModerationError(f"version {name!r} exists already; a version is never overwritten")
            target = self.folder / name
            shutil.rmtree(target, ignore_errors=True)  # left by a promotion that was cut off
            save(target)
            history.append(name)
            self._write(history[-self.kept :])
            for old in history[: -self.kept]:
                shutil.rmtree(self.folder / old, ignore_errors=True)
        return target

    def rollback(self) -> Path:
        """The version before the one in use; the one that is left is deleted. ModerationError if there is none."""
        with self._lock():
            history = self.history()
            if len(history) < 2:
                raise ModerationError(f"{self.folder}: no earlier version to go back to")
            left = history.pop()
            self._write(history)
            shutil.rmtree(self.folder / left, ignore_errors=True)
        return self.folder / history[-1]

    def _lock(self) -> Any:
        from filelock import FileLock

        return FileLock(self.folder / ".versions.lock")

    def _write(self, history: list[str]) -> None:
        handle, name = tempfile.mkstemp(prefix=".versions-", dir=self.folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"promoted": history}, file)
        os.replace(name, self.folder / _STATE)
