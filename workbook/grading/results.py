"""What grading knows of one student, in memory and as the file that a regrade reads."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from exercises.model import Mark, Part, Verdict
from reference.sizing.files import write_whole
from workbook.grading.names import unsafe
from workbook.grading.types import CellRun, Ended, Flag, Marked, Student

FORMAT = 1


@dataclass(frozen=True)
class Graded:
    """failure: "" or why this student could not be graded. submitted: whether anything was handed in.
    key: of everything that the result depends on; seconds: wall time."""

    marked: Marked
    submitted: bool = True
    failure: str = ""
    key: str = ""
    seconds: float = 0.0

    @property
    def student(self) -> Student:
        return self.marked.student

    @property
    def waits(self) -> bool:
        return any(mark.waits_for_person for mark in self.marked.marks)

    @property
    def final(self) -> bool:
        """Whether the total is one to hand on: graded, and nothing waits for a person."""
        return not self.failure and not self.waits

    @property
    def remark(self) -> str:
        """What a reader of the table must know about this row; "" if nothing."""
        if self.failure:
            return f"could not be graded: {self.failure}"
        return "" if self.submitted else "nothing was handed in"


def file_name(student: str) -> str:
    """A file's name for a student's id: the id itself where every system takes it, else a hash behind what is left."""
    if not unsafe(student):
        return student
    tail = hashlib.sha256(student.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '-', student).strip('-')[:40] or 'student'}-{tail}"


def keep(folder: Path, graded: Graded) -> None:
    """Write the result of the machine's part; a person's marks live in marks.csv only."""
    marked = graded.marked
    record = {
        "format": FORMAT,
        "student": marked.student.id,
        "key": graded.key,
        "submitted": graded.submitted,
        "failure": graded.failure,
        "seconds": graded.seconds,
        "marks": [asdict(mark) for mark in marked.marks],
        "runs": {question: [asdict(cell) for cell in cells] for question, cells in marked.runs.items()},
        "flags": [[flag.name, what] for flag, what in marked.flags],
        "reasons": dict(marked.reasons),
        "texts": dict(marked.texts),
    }
    # A lone surrogate in a student's text cannot be UTF-8: the escapes that JSON has by default can.
    write_whole(folder / f"{file_name(marked.student.id)}.json", json.dumps(record, indent=1) + "\n")


def kept(folder: Path, student: Student) -> Graded | None:
    """What an earlier run kept; None if there is nothing that can be read."""
    try:
        record = json.loads((folder / f"{file_name(student.id)}.json").read_text(encoding="utf-8"))
        if record["format"] != FORMAT or record["student"] != student.id:
            return None
        return _graded(record, student)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _graded(record: Mapping[str, Any], student: Student) -> Graded:
    marks = tuple(
        Mark(row["exercise"], row["points"], tuple(_part(part) for part in row["parts"]), tuple(row["notes"]))
        for row in record["marks"]
    )
    runs = {
        question: tuple(CellRun(**{**cell, "ended": Ended(cell["ended"])}) for cell in cells)
        for question, cells in record["runs"].items()
    }
    flags = tuple((Flag[name], what) for name, what in record["flags"])
    marked = Marked(student, marks, runs, flags, record["reasons"], record["texts"])
    return Graded(marked, record["submitted"], record["failure"], record["key"], record["seconds"])


def _part(row: Mapping[str, Any]) -> Part:
    return Part(**{**row, "verdict": Verdict(row["verdict"])})
