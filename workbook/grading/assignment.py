"""Making an assignment, writing its folders whole, opening it again, letting its roster grow.

DIR/students/ID/       q1.ipynb ..., numbers.json, README.md: what the student gets
DIR/instructor/        assignment.json: the secret, everybody's numbers, the roster; nobody else may read it
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exercises.catalogue import QUESTIONS, exercises_of
from exercises.catalogue import exercise as find_exercise
from exercises.drawing import variant
from exercises.model import ExerciseError
from workbook.grading.handout import files
from workbook.grading.types import Assignment, GradingError, Student

FORMAT = 1
LONGEST_NAME = 80
STUDENTS, INSTRUCTOR, RECORD = "students", "instructor", "assignment.json"


@dataclass(frozen=True)
class Added:
    """What `add` did. students: whose folder was written now. gone: in the assignment, no longer on the roster."""

    assignment: Assignment
    students: tuple[str, ...]
    gone: tuple[str, ...]


def make(
    name: str,
    questions: Sequence[str],
    students: Sequence[Student],
    exercises: Sequence[str] = (),
    seed: str | None = None,
) -> Assignment:
    """An assignment with everybody's numbers drawn. exercises: ids; empty takes all of the questions.

    seed: the same seed makes the same assignment again, for anybody who knows it. Raises GradingError, or ExerciseError
    where no well-posed variant can be drawn.
    """
    if not name.isprintable() or name != name.strip() or not 1 <= len(name) <= LONGEST_NAME:
        raise GradingError(
            f"the name {name!r} cannot be used", f"give --name one line of 1 to {LONGEST_NAME} characters"
        )
    chosen = _chosen(tuple(dict.fromkeys(questions)), tuple(dict.fromkeys(exercises)))
    if not students:
        raise GradingError("the roster names no student", "add a row per student")
    secret = secrets.token_hex(32) if seed is None else hashlib.sha256(f"assignment {name} {seed}".encode()).hexdigest()
    made = Assignment(
        name=name,
        questions=tuple(dict.fromkeys(questions)),
        exercises=chosen,
        students=tuple(students),
        params={},
        secret=secret,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return replace(made, params={student.id: _drawn(made, student) for student in students})


def _chosen(questions: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The ids to hand out, question by question, in the catalogue's order."""
    if not questions:
        raise GradingError("no question is named", f"name some of {', '.join(QUESTIONS)}")
    for question in questions:
        if question not in QUESTIONS:
            raise GradingError(f"there is no question {question!r}", f"name some of {', '.join(QUESTIONS)}")
    for name in wanted:
        try:
            one = find_exercise(name)
        except ExerciseError as error:
            raise GradingError(str(error), "name ids of the questions' exercises in --exercises") from None
        if one.question not in questions:
            raise GradingError(f"{name} belongs to {one.question}", f"name {one.question} too, or leave {name} out")
    found = [one.id for question in questions for one in exercises_of(question) if not wanted or one.id in wanted]
    for question in questions:
        if not any(name.split("-")[0] == question for name in found):
            mend = f"leave {question} out" + (", or name one of its ids in --exercises" if wanted else "")
            raise GradingError(f"no exercise of {question} is in the assignment", mend)
    return tuple(found)


def _drawn(assignment: Assignment, student: Student) -> dict[str, dict[str, Any]]:
    return {
        name: dict(variant(find_exercise(name), student.id, secret=assignment.secret)) for name in assignment.exercises
    }


def write(assignment: Assignment, folder: str | Path) -> Path:
    """The whole folder, or nothing: it is built beside its place and moved in. Raises GradingError if one is there."""
    target = Path(folder)
    if record_of(target).exists():
        raise GradingError(
            f"{target} holds an assignment already",
            "name another --out, or hand out to new students of the roster with --add",
        )
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise GradingError(f"{target} is not an empty folder", "name a folder that does not exist yet")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.absolute().parent, prefix=".assign-") as scratch:
        built = Path(scratch) / "whole"
        for student in assignment.students:
            _write_student(assignment, student, built / STUDENTS)
        _write_record(assignment, built)
        built.chmod(0o755)
        # Onto an empty folder, not into it: a link in its place is kept and filled.
        os.replace(built, target.resolve() if target.is_symlink() else target)
    return target


def add(folder: str | Path, students: Sequence[Student]) -> Added:
    """Hand out to those of `students` who have no folder yet; everybody else keeps theirs untouched.

    The record is written before the folders: what is cut short is finished by the next call. Raises GradingError.
    """
    target = Path(folder)
    old = load(target)
    have = {student.id for student in old.students}
    folded = {student.id.casefold(): student.id for student in old.students}
    for student in students:
        other = folded.get(student.id.casefold(), student.id)
        if other != student.id:
            raise GradingError(
                f"{student.id!r} differs only in case from {other!r}, who has a folder already", "mend the roster"
            )
    new = tuple(student for student in students if student.id not in have)
    params = {**old.params, **{student.id: _drawn(old, student) for student in new}}
    # The roster's columns may have been corrected meanwhile: they go back to Canvas or Moodle.
    fresh = {student.id: student for student in students}
    everybody = (*(fresh.get(student.id, student) for student in old.students), *new)
    grown = replace(old, students=everybody, params=params)
    _write_record(grown, target)
    written = []
    for student in grown.students:
        if not (target / STUDENTS / student.id).exists():
            _write_student(grown, student, target / STUDENTS)
            written.append(student.id)
    gone = tuple(student.id for student in old.students if student.id not in fresh)
    return Added(grown, tuple(written), gone)


def _write_student(assignment: Assignment, student: Student, students: Path) -> None:
    students.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=students, prefix=".student-") as scratch:
        own = Path(scratch) / "own"
        own.mkdir()
        for name, text in files(assignment, student).items():
            (own / name).write_text(text, encoding="utf-8")
        os.replace(own, students / student.id)


def _write_record(assignment: Assignment, folder: Path) -> None:
    """Never readable by others, not even while it is written."""
    target = record_of(folder)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.parent.chmod(0o700)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".assignment-")  # mkstemp's files are 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(_fields(assignment), file, indent=1, ensure_ascii=False)
            file.write("\n")
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _fields(assignment: Assignment) -> dict[str, Any]:
    students = [
        {"id": one.id, "name": one.name, "email": one.email, "columns": dict(one.columns)}
        for one in assignment.students
    ]
    return {
        "format": FORMAT,
        "name": assignment.name,
        "created": assignment.created,
        "questions": list(assignment.questions),
        "exercises": list(assignment.exercises),
        "secret": assignment.secret,
        "students": students,
        "params": assignment.params,
    }


def record_of(folder: str | Path) -> Path:
    """Where the assignment in `folder` is kept; a file is taken for the record itself."""
    path = Path(folder)
    return path if path.is_file() else path / INSTRUCTOR / RECORD


def load(folder: str | Path) -> Assignment:
    """The assignment in `folder` (DIR of `workbook assign`). Raises GradingError that says what is wrong with it."""
    path = record_of(folder)
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["format"] != FORMAT:
            raise GradingError(
                f"{path} has format {told['format']!r}, this version reads {FORMAT}", "update the workbook"
            )
        students = tuple(
            Student(str(one["id"]), str(one["name"]), str(one["email"]), dict(one["columns"]))
            for one in told["students"]
        )
        made = Assignment(
            name=str(told["name"]),
            questions=tuple(told["questions"]),
            exercises=tuple(told["exercises"]),
            students=students,
            params={one.id: {name: told["params"][one.id][name] for name in told["exercises"]} for one in students},
            secret=str(told["secret"]),
            created=str(told["created"]),
        )
        for name in made.exercises:
            find_exercise(name)
    except FileNotFoundError:
        raise GradingError(
            f"there is no assignment in {folder}", "name the folder that `workbook assign` made"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GradingError(
            f"{path} cannot be used: {type(error).__name__}: {error}", "restore it from a copy"
        ) from None
    except ExerciseError as error:
        raise GradingError(
            f"{path}: {error}", "use the version of the workbook that the assignment was made with"
        ) from None
    return made
