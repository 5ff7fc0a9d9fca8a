"""Who uses an index folder: many readers, or one writer. A killed process loses its lock with its life."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from reference.rag.types import RagError

NAME = ".lock"


class FolderInUse(RagError):
    """Another process, or another open object in this one, has the index folder."""


class FolderLock:
    """Shared (readers) or exclusive (a writer) lock of `folder`, taken at once or refused with FolderInUse."""

    def __init__(self, folder: Path, exclusive: bool) -> None:
        self.folder, self.exclusive = Path(folder), exclusive
        self._file: int | None = os.open(self.folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._lock(self._file)
        except OSError as error:
            self.release()
            if exclusive:
                what = "is in use, so it cannot be written; close what reads or ingests it (a notebook, a service)"
            else:
                what = "is being written by another ingestion or service; wait for it, or send it the requests"
            raise FolderInUse(f"the index {self.folder} {what}") from error

    def _lock(self, file: int) -> None:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # has no shared mode: one process at a time
            return
        import fcntl

        fcntl.flock(file, (fcntl.LOCK_EX if self.exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)

    def release(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None
