"""What flows through grading.

    Assignment --handout--> notebooks --students--> Submission --> Job --sandbox--> Ran --judge--> Marked

The key never enters the sandbox: a Job holds sources, numbers and cases; what comes back is JSON, compared elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from exercises.builds import Observation
from exercises.model import Mark, Value
from workbook.errors import WorkbookError


class Role(StrEnum):
    """What a cell of a handed-out notebook is. Only ANSWER cells are the student's; the others are locked."""

    SETUP = "setup"
    TASK = "task"
    NUMBERS = "numbers"
    ANSWER = "answer"
    CHECK = "check"


class Flag(StrEnum):
    """What was found odd about a submission; never a reason to stop, always told to student and instructor."""

    MISSING_NOTEBOOK = "a notebook is missing"
    UNREADABLE = "the notebook cannot be read"
    MISSING_CELL = "an answer cell is missing"
    DUPLICATED_CELL = "an answer cell is there more than once"
    RETYPED_CELL = "an answer cell has changed its type"
    MOVED_CELL = "a cell stands elsewhere than it was handed out"
    LOST_MARKS = "an answer cell has lost its metadata and was found by its first line"
    CHANGED_CELL = "a locked cell was changed or removed"
    OTHER_STUDENT = "the notebook was handed out to another student"
    OTHER_ASSIGNMENT = "the notebook belongs to another assignment"
    CHANGED_SINCE_MARKED = "the answer was changed after it was marked"
    STOPPED = "a cell was stopped"


@dataclass(frozen=True)
class Student:
    """One row of the roster. columns: the row as it came, for the files that go back to Canvas or Moodle."""

    id: str
    name: str = ""
    email: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Assignment:
    """What only the instructor has. params: student id -> exercise id -> numbers. secret: draws variants and hidden
    cases and stamps the cells; whoever has it can compute everybody's numbers."""

    name: str
    questions: tuple[str, ...]
    exercises: tuple[str, ...]
    students: tuple[Student, ...]
    params: Mapping[str, Mapping[str, Mapping[str, Value]]]
    secret: str
    created: str

    def hidden(self, student: str) -> str:
        """The hidden word of this student's cases."""
        return f"{self.secret}/{student}"


# ---- what comes back -------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Collect:
    """What to take after a cell. names: variables (for numbers and choices). For something built: the name of the
    function or class, the driver's source and its function's name, and the arguments of each case."""

    exercise: str
    names: tuple[str, ...] = ()
    build: str = ""
    driver: str = ""
    driver_name: str = ""
    cases: tuple[Mapping[str, Value], ...] = ()


@dataclass(frozen=True)
class CodeCell:
    """One cell to run. key: how a person finds it ("cell 7, answer of q1-kv-per-token"). params: variables set before
    it, whatever earlier cells made of them."""

    key: str
    source: str
    params: Mapping[str, Value] = field(default_factory=dict)
    collect: Collect | None = None


@dataclass(frozen=True)
class Submission:
    """One student's one notebook, read. texts: exercise id -> markdown of open answers; cells: in the order to run.
    untouched: exercises whose answer cell is as it was handed out."""

    student: str
    question: str
    path: Path | None
    cells: tuple[CodeCell, ...]
    texts: Mapping[str, str]
    flags: tuple[tuple[Flag, str], ...] = ()  # with what it concerns: an exercise id, a cell, a name
    untouched: tuple[str, ...] = ()


# ---- the sandbox -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Limits:
    """What one notebook's run may use. cell_s and total_s: wall seconds, including the cases of a built part."""

    cell_s: float = 10.0
    total_s: float = 60.0
    memory_mb: int = 1024
    processes: int = 32
    file_mb: int = 16
    disk_mb: int = 64
    output_bytes: int = 32_768
    result_bytes: int = 1_000_000


class Ended(StrEnum):
    OK = "ok"
    RAISED = "raised"
    TIME = "took too long"
    MEMORY = "took too much memory"
    KILLED = "ended the process"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class CellRun:
    """How one cell ended. error: the student's own last lines of the traceback (at most 2,000 characters)."""

    key: str
    ended: Ended
    error: str = ""
    output: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Ran:
    """values: exercise -> name -> JSON value; a name that is not there or not JSON is left out, with the reason in
    `reasons[exercise]`. observations: exercise -> one per case, only if all of them came back."""

    cells: tuple[CellRun, ...]
    values: Mapping[str, Mapping[str, Value]]
    observations: Mapping[str, list[Observation]]
    reasons: Mapping[str, str] = field(default_factory=dict)
    sandbox: str = ""  # what kept the code apart, as it is told to people; "unprotected" if nothing did


# ---- the marks -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Marked:
    """One student. runs: notebook -> how its cells ended. manual: exercise -> criterion -> points given by a person."""

    student: Student
    marks: tuple[Mark, ...]
    runs: Mapping[str, tuple[CellRun, ...]]
    flags: tuple[tuple[Flag, str], ...]
    reasons: Mapping[str, str]
    texts: Mapping[str, str]
    manual: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    comments: Mapping[str, str] = field(default_factory=dict)


class GradingError(WorkbookError):
    """An assignment, roster or submission folder cannot be used; the message names it, the mend says what to do."""


class NoSandbox(GradingError):
    """Nothing on this machine can keep a student's code apart."""


JSON = Any
