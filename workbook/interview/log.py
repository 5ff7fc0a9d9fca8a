"""The file of one interview: one JSON object a line, on disk before anything else happens."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from workbook.errors import WorkbookError

Event = dict[str, Any]


def folder() -> Path:
    """WORKBOOK_INTERVIEWS, or a folder of the user's data."""
    import platformdirs

    named = os.environ.get("WORKBOOK_INTERVIEWS")
    return Path(named or Path(platformdirs.user_data_dir("ai-design-workbook")) / "interviews").expanduser()


def files(question: str = "") -> list[Path]:
    """The interviews on this machine, the latest last."""
    return sorted(folder().glob(f"{question or '*'}-*.jsonl"), key=lambda path: path.stem.split("-", 1)[1])


def read(path: Path) -> list[Event]:
    """The events of a file. A last line that a crash cut off is left out.

    Raises WorkbookError for any other line that is not an event.
    """
    found: list[Event] = []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    except OSError as error:
        raise WorkbookError(f"{path} cannot be read: {error.strerror}", "") from None
    for number, line in enumerate(lines, start=1):
        if not line.endswith("\n"):
            break
        try:
            event = json.loads(line)
            if not isinstance(event, dict) or not isinstance(event.get("kind"), str):
                raise ValueError
        except ValueError:
            raise WorkbookError(
                f"{path}, line {number}: not an event of an interview", "remove the line, or begin a new interview"
            ) from None
        found.append(event)
    return found


class Log:
    """Appends to one file, which nobody else appends to meanwhile. Raises WorkbookError if somebody does."""

    def __init__(self, path: Path) -> None:
        import filelock

        self.path = path
        self._lock = filelock.FileLock(path.with_name(f".{path.name}.lock"))
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise WorkbookError(
                f"{path.name} is open elsewhere", "close that terminal or notebook, or begin a new interview"
            ) from None
        _drop_torn_line(path)

    @classmethod
    def create(cls, question: str) -> Log:
        """A new file, named for the question and the local time. Raises WorkbookError if it cannot be written."""
        where, stamp = folder(), datetime.now().strftime("%Y%m%d-%H%M%S")
        try:
            where.mkdir(parents=True, exist_ok=True, mode=0o700)
            for number in range(1, 100):
                path = where / f"{question}-{stamp}{f'-{number}' if number > 1 else ''}.jsonl"
                try:
                    # What somebody said in an interview is theirs alone.
                    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                except FileExistsError:
                    continue
                return cls(path)
        except OSError as error:
            raise WorkbookError(
                f"{where} cannot be written: {error.strerror}", "set WORKBOOK_INTERVIEWS to a folder of yours"
            ) from None
        raise WorkbookError(f"{where} holds a hundred interviews of this second", "try again")

    def append(self, event: Mapping[str, Any]) -> None:
        """On disk when this returns. Raises WorkbookError for a full disk or a removed folder."""
        line = json.dumps(event, ensure_ascii=False) + "\n"
        try:
            # Surrogates come from terminals with another encoding; they must not cost the note.
            with self.path.open("a", encoding="utf-8", errors="replace") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise WorkbookError(f"{self.path} cannot be written: {error.strerror}", "make room and go on") from None

    def close(self) -> None:
        """Others may open the file from now on."""
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)


def _drop_torn_line(path: Path) -> None:
    raw = path.read_bytes() if path.is_file() else b""
    if raw and not raw.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(raw.rfind(b"\n") + 1)
