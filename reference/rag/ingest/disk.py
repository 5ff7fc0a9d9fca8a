"""A full disk: noticed before it does harm where that is possible, said clearly where it is not."""

from __future__ import annotations

import contextlib
import errno
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from reference.rag.types import RagError

LEAST_FREE = 200 * 10**6  # bytes: memory-mapped files on a full disk kill the process instead of raising an error


class DiskFull(RagError):
    """There is no room for the index; what was noted as done is safe, and the same command goes on from there."""


def check_space(folder: Path, least: int | None = None) -> None:
    """DiskFull if fewer than `least` bytes (default LEAST_FREE) are free where `folder` lies."""
    least = LEAST_FREE if least is None else least
    free = shutil.disk_usage(folder).free
    if free < least:
        raise DiskFull(
            f"the disk of {folder} has {free / 1e6:.0f} MB left, {least / 1e6:.0f} MB are wanted; make room and run "
            "the same command again: it goes on where it stopped"
        )


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """What SQLite, the indexes and the system say about a full or read-only disk, as one error."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            raise _full(folder) from error
        raise RagError(f"the store of {folder} cannot be written: {error}") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(folder) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise RagError(
                f"{folder} cannot be written ({error.strerror}); name a folder that you may write"
            ) from error
        raise


def _full(folder: Path) -> DiskFull:
    return DiskFull(
        f"the disk of {folder} is full; make room and run the same command again: it goes on where it stopped"
    )
