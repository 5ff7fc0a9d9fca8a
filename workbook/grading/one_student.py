"""Everything about one student, in a process of its own: read, run in the sandbox, compare."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from workbook.grading.marking import mark_student
from workbook.grading.reading import read_submission
from workbook.grading.results import FORMAT, Graded
from workbook.grading.sandbox import Sandbox, run
from workbook.grading.types import Assignment, Limits, Student

_ROOT = Path(__file__).resolve().parents[2]
# What a mark can depend on besides the exercises' own modules: `reference` computes answers, from data files too.
_CODE = ("exercises/*.py", "exercises/slips/*", "reference/**/*", "workbook/grading/**/*")
_MOST_BYTES = 64 << 20  # of a notebook, for its hash; the reader refuses far smaller ones


@dataclass(frozen=True)
class Task:
    """notebooks: question -> file, for those that came."""

    assignment: Assignment
    student: Student
    notebooks: Mapping[str, Path]
    limits: Limits
    sandbox: Sandbox


def grade_one(task: Task) -> Graded:
    """The marks of the machine's part. The student's code runs in the sandbox only; what it sends back is compared
    here. Raises whatever goes wrong: the caller keeps it from everybody else."""
    work = []
    for question in task.assignment.questions:
        submission = read_submission(task.notebooks.get(question), task.assignment, task.student, question)
        work.append((submission, run(submission.cells, task.limits, task.sandbox)))
    return Graded(mark_student(task.assignment, task.student, work))


def not_graded(assignment: Assignment, student: Student, failure: str) -> Graded:
    """The row of a student whose grading failed, with why."""
    return Graded(mark_student(assignment, student, [], missing="could not be graded"), failure=failure)


def not_submitted(assignment: Assignment, student: Student) -> Graded:
    """The row of a student who handed nothing in."""
    return Graded(mark_student(assignment, student, [], missing="nothing was handed in"), submitted=False)


def key_of(task: Task) -> str:
    """A hash of everything that the result depends on: the files, the numbers, the exercises, the limits."""
    told = {
        "format": FORMAT,
        "code": version(task.assignment.questions),
        "student": task.student.id,
        "exercises": task.assignment.exercises,
        "params": task.assignment.params[task.student.id],
        "hidden": task.assignment.hidden(task.student.id),
        "limits": asdict(task.limits),
        "sandbox": task.sandbox.name,
        "files": {question: _file(path) for question, path in sorted(task.notebooks.items())},
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


def _file(path: Path) -> str:
    """Of its bytes; of its size where it is too long to be a notebook, or cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
        return f"{path.stat().st_size} {hashlib.sha256(data).hexdigest()}"
    except OSError as error:
        return f"{type(error).__name__}"


@cache
def version(questions: tuple[str, ...]) -> str:
    """A hash of the code and data that exercises, answers and marks come from: another version grades anew."""
    found = hashlib.sha256()
    for pattern in (*_CODE, *(f"exercises/{question}/*" for question in questions)):
        for path in sorted(_ROOT.glob(pattern)):
            if path.suffix in (".py", ".toml", ".json") and path.is_file():
                found.update(f"{path.relative_to(_ROOT)}\0".encode())
                found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()
