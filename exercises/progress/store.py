"""Attempts and interviews in one SQLite file of the user's data folder."""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from exercises.progress.database import ProgressError, aside, is_damage, opened, say, set_aside

OFF = "off"
_said: set[str] = set()
Found = TypeVar("Found")


@dataclass(frozen=True)
class Attempt:
    """at: UTC. share: 0 to 1 of the points; 0 for an open answer, which nobody marks here. slips: keys of `SLIPS`.

    seconds: since the task was shown. take: which of a person's variants.
    """

    exercise: str
    at: datetime
    share: float
    slips: tuple[str, ...]
    hints: int
    seconds: float
    take: int


@dataclass(frozen=True)
class InterviewKept:
    """at: UTC. points: criterion -> points, as the reader gave them; total of `of`. notes: path of the notes, or ""."""

    question: str
    at: datetime
    minutes: float
    points: Mapping[str, float]
    total: float
    of: float
    notes: str


def path() -> Path | None:
    """Where progress is kept: WORKBOOK_PROGRESS, or a file of the user's data folder; None if it is "off"."""
    named = os.environ.get("WORKBOOK_PROGRESS", "").strip()
    if named.lower() == OFF:
        return None
    if named:
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("ai-design-workbook")) / "progress.sqlite3"


def keep_attempt(exercise: str, share: float, slips: Sequence[str], hints: int, seconds: float, take: int) -> None:
    """Keep one attempt. Does nothing where WORKBOOK_PROGRESS is "off"; never fails an exercise for want of a disk.

    What goes wrong is said once, on standard error.
    """
    _keep(
        "INSERT INTO attempts (exercise, at, share, slips, hints, seconds, take) VALUES (?, ?, ?, ?, ?, ?, ?)",
        lambda: (
            str(exercise), _now(), _number(share), json.dumps(list(slips)), int(hints), _number(seconds), int(take),
        ),
    )  # fmt: skip


def keep_interview(
    question: str, minutes: float, points: Mapping[str, float], total: float, of: float, notes_path: str = ""
) -> None:
    """Keep the result of one interview; like `keep_attempt`, it never fails what it is called from."""
    _keep(
        "INSERT INTO interviews (question, at, minutes, points, total, of, notes) VALUES (?, ?, ?, ?, ?, ?, ?)",
        lambda: (
            str(question), _now(), _number(minutes), json.dumps({str(k): _number(v) for k, v in points.items()}),
            _number(total), _number(of), str(notes_path),
        ),
    )  # fmt: skip


def attempts(exercise: str = "") -> tuple[Attempt, ...]:
    """All attempts, or those of one exercise, the oldest first; none if progress is off or nothing was kept yet.

    Raises ProgressError if the file cannot be read.
    """
    found = _read(
        "SELECT exercise, at, share, slips, hints, seconds, take FROM attempts ORDER BY at, id",
        lambda name, at, share, slips, hints, seconds, take: Attempt(
            name, datetime.fromisoformat(at), share, tuple(json.loads(slips)), hints, seconds, take
        ),
    )
    return tuple(one for one in found if not exercise or one.exercise == exercise)


def interviews(question: str = "") -> tuple[InterviewKept, ...]:
    """All interviews, or those of one question ("q2"), the oldest first. Raises ProgressError as `attempts` does."""
    found = _read(
        "SELECT question, at, minutes, points, total, of, notes FROM interviews ORDER BY at, id",
        lambda name, at, minutes, points, total, of, notes: InterviewKept(
            name, datetime.fromisoformat(at), minutes, json.loads(points), total, of, notes
        ),
    )
    return tuple(one for one in found if not question or one.question == question)


def forget() -> list[Path]:
    """Delete what was kept, damaged files that were set aside included. Returns the files that were deleted.

    Notes of interviews are files of their own, and stay. Raises ProgressError where a file cannot be deleted.
    """
    file = path()
    if file is None:
        return []
    gone = []
    try:
        for one in [file, Path(f"{file}-journal"), file.with_name(f".{file.name}.lock"), *aside(file)]:
            with suppress(FileNotFoundError):
                one.unlink()
                gone.append(one)
    except OSError as error:
        raise ProgressError(f"{one} cannot be deleted: {error.strerror}") from None
    return gone


def _keep(statement: str, values: Callable[[], tuple[object, ...]]) -> None:
    try:
        file = path()
        if file is None:
            return
        row = values()
        _with_file(file, lambda connection: connection.execute(statement, row))
    # An exercise must not fail for its log, whatever is wrong with disk, folder, database or environment.
    except Exception as error:
        reason = (
            f"not kept: {error}" if isinstance(error, ProgressError) else f"not kept: {type(error).__name__}: {error}"
        )
        if reason not in _said:
            _said.add(reason)
            say(f"{reason} (WORKBOOK_PROGRESS=off switches this off)")


def _read(statement: str, made: Callable[..., Found]) -> list[Found]:
    """What `made` makes of each row."""
    file = path()
    if file is None or not file.exists():
        return []
    try:
        rows = _with_file(file, lambda connection: connection.execute(statement).fetchall())
        return [made(*row) for row in rows]
    except (sqlite3.Error, OSError) as error:
        raise ProgressError(f"{file} cannot be read: {error}; WORKBOOK_PROGRESS names another file") from None
    except (ValueError, TypeError) as error:
        raise ProgressError(
            f"{file} holds a row that no workbook wrote: {error}; mend it, or name another file in WORKBOOK_PROGRESS"
        ) from None


def _with_file(file: Path, work: Callable[[sqlite3.Connection], Found]) -> Found:
    """Do it; once more in a new file if this one turns out to be damaged in the middle."""
    try:
        with opened(file) as connection:
            return work(connection)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        set_aside(file)
    with opened(file) as connection:
        return work(connection)


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _number(value: float) -> float:
    """A plain finite number: JSON and SQLite take no others."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"a finite number is needed, got {value!r}")
    return number
