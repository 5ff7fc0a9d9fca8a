"""One SQLite file, opened for one statement at a time: created for its owner only, set aside when it is damaged."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from exercises.model import ExerciseError

VERSION = 1
# Written into the file's header: a database of another program is recognised, and left alone.
APPLICATION = int.from_bytes(b"WBKP", "big")
WAIT_S = 5.0  # for other kernels that write
SCHEMA = """
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY, exercise TEXT NOT NULL, at TEXT NOT NULL, share REAL NOT NULL, slips TEXT NOT NULL,
    hints INTEGER NOT NULL, seconds REAL NOT NULL, take INTEGER NOT NULL
);
CREATE TABLE interviews (
    id INTEGER PRIMARY KEY, question TEXT NOT NULL, at TEXT NOT NULL, minutes REAL NOT NULL, points TEXT NOT NULL,
    total REAL NOT NULL, of REAL NOT NULL, notes TEXT NOT NULL
);
"""
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class ProgressError(ExerciseError):
    """The file cannot be used. The message says why and what to do."""


@contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection with the tables there, committed at the end of the block and closed.

    A damaged file is renamed, with a line on standard error, and a new one begun. Raises ProgressError for a file that
    belongs to another program or a newer workbook; sqlite3.Error and OSError as they come (a full or read-only disk).
    """
    _create(file)
    try:
        _prepare(file)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        set_aside(file)
        _create(file)
        _prepare(file)
    with closing(_connect(file)) as connection, connection:
        yield connection


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken, and not the disk full or the database busy."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


def set_aside(file: Path) -> Path | None:
    """Rename a damaged file, and say so; None if another process has done it meanwhile."""
    from filelock import FileLock

    with FileLock(file.with_name(f".{file.name}.lock"), timeout=WAIT_S):
        if not _is_damaged(file):
            return None
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        target = file.with_name(f"{file.stem}.damaged-{stamp}{file.suffix}")
        file.rename(target)
        for ending in ("-journal", "-wal", "-shm"):  # of the damaged one; a new file must not find them
            with suppress(FileNotFoundError):
                Path(f"{file}{ending}").rename(f"{target}{ending}")
    say(f"{file} is damaged. It now lies in {target.name} beside it, and your progress begins anew.")
    return target


def aside(file: Path) -> list[Path]:
    """Damaged files that were set aside, the oldest first."""
    return sorted(file.parent.glob(f"{file.stem}.damaged-*"))


def say(line: str) -> None:
    """One line on standard error; standard output belongs to the results. Never fails."""
    with contextlib.suppress(Exception):
        print(f"progress: {line}", file=sys.stderr)


def _connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=WAIT_S)


def _create(file: Path) -> None:
    """The empty file before SQLite sees it, which would make one that others may read; copies are closed as well."""
    if not file.parent.is_dir():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    if not file.is_file():
        raise ProgressError(f"{file} is a folder: name a file in WORKBOOK_PROGRESS")
    with suppress(OSError):  # somebody else's file
        if file.stat().st_mode & 0o077:
            file.chmod(0o600)


def _prepare(file: Path) -> None:
    """Tables and version, by whoever comes first."""
    with closing(_connect(file)) as connection:
        connection.isolation_level = None
        version = _version(connection, file)
        if version == 0:
            connection.execute("BEGIN IMMEDIATE")
            if _version(connection, file) == 0:
                for statement in filter(str.strip, SCHEMA.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")


def _version(connection: sqlite3.Connection, file: Path) -> int:
    """0 for an empty file. Raises ProgressError for a file that is not ours, or newer."""
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if tables and application != APPLICATION:
        raise ProgressError(f"{file} is the database of another program: name another file in WORKBOOK_PROGRESS")
    if version > VERSION:
        raise ProgressError(
            f"{file} was written by a newer workbook (version {version}, this one knows {VERSION}): update the "
            "workbook, or name another file in WORKBOOK_PROGRESS"
        )
    return int(version)


def _is_damaged(file: Path) -> bool:
    try:
        with closing(_connect(file)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        return is_damage(error)
    return bool(found != "ok")
