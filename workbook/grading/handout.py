"""The notebooks that a student gets: own numbers, answer cells, checks; every cell stamped, no answer in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from exercises.catalogue import exercise
from exercises.checking import OPEN_STUB
from exercises.handout import FORMAT, NUMBERS_FILE, mark_line
from exercises.model import Exercise, Kind, Params, Value
from workbook.grading import wording
from workbook.grading.stamps import plain, stamp
from workbook.grading.types import Assignment, Role, Student

WIDTH = 100
SETUP = """from exercises.handout import open_handout

work = open_handout()
work"""


@dataclass(frozen=True)
class Handed:
    """One cell as it is handed out. exercise: "" for what belongs to the whole notebook. markdown: else code."""

    exercise: str
    role: Role
    source: str
    markdown: bool = False

    @property
    def name(self) -> str:
        """Unique within a notebook: the cell's id and nbgrader's grade_id."""
        own = self.role if self.exercise else ("about" if self.markdown else self.role)
        return f"{self.exercise or 'work'}-{own}"


def exercises_in(assignment: Assignment, question: str) -> tuple[Exercise, ...]:
    """Those of one notebook, in its order."""
    return tuple(exercise(name) for name in assignment.exercises if name.split("-")[0] == question)


def cells(assignment: Assignment, student: Student, question: str) -> tuple[Handed, ...]:
    """Every cell of one student's notebook in its order."""
    ours = exercises_in(assignment, question)
    points = sum(one.points for one in ours)
    made = [
        Handed("", Role.SETUP, wording.about(assignment, student, question, len(ours), points), markdown=True),
        Handed("", Role.SETUP, SETUP),
    ]
    for number, one in enumerate(ours, 1):
        made += _of_exercise(one, number, assignment.params[student.id][one.id])
    return tuple(made)


def _of_exercise(one: Exercise, number: int, params: Params) -> Iterator[Handed]:
    yield Handed(one.id, Role.TASK, wording.task(one, number, params), markdown=True)
    yield Handed(one.id, Role.NUMBERS, numbers(params))
    yield Handed(one.id, Role.ANSWER, answer(one), markdown=one.kind is Kind.DESIGN)
    yield Handed(one.id, Role.CHECK, check(one))


def numbers(params: Params) -> str:
    """The variant's variables as assignments."""
    return "\n".join(["# Your numbers", *(_assigned(name, value) for name, value in params.items())])


def _assigned(name: str, value: Value) -> str:
    line = f"{name} = {value!r}"
    if len(line) <= WIDTH or not isinstance(value, list):
        return line
    return "\n".join([f"{name} = [", *(f"    {item!r}," for item in value), "]"])


@cache
def _blank(exercise_id: str) -> str:
    one = exercise(exercise_id)
    first = mark_line(one.id, markdown=one.kind is Kind.DESIGN)
    if one.kind is Kind.DESIGN:
        return f"{first}\n\n{OPEN_STUB}"
    if one.build:
        return f"{first}\n{one.build.stub.strip()}"
    return "\n".join([first, *(wording.answer_line(ask) for ask in one.asks)])


def answer(one: Exercise) -> str:
    """The answer cell before anything is written into it; the same for every student."""
    return _blank(one.id)


def check(one: Exercise) -> str:
    """The call that checks the answer above it."""
    if one.build:
        given = [one.build.name]
    else:
        given = [f"{ask.name}={ask.name}" for ask in one.asks]
    line = f'work.check("{one.id}"{"".join(f", {each}" for each in given)})'
    if len(line) > WIDTH:
        line = f'work.check(\n    "{one.id}",\n' + "".join(f"    {each},\n" for each in given) + ")"
    return f'# A hint, one step at a time: work.hint("{one.id}")\n{line}'


def notebook(assignment: Assignment, student: Student, question: str) -> dict[str, Any]:
    """One student's notebook, nbformat 4.5, with nbgrader's metadata beside the workbook's own."""
    made = cells(assignment, student, question)
    whole = f"{assignment.name}/{question}"
    return {
        "cells": [_cell(assignment, student, one) for one in made],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "workbook": {
                "assignment": assignment.name,
                "question": question,
                "student": student.id,
                "stamp": stamp(assignment.secret, student.id, "", "notebook", whole),
            },
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell(assignment: Assignment, student: Student, one: Handed) -> dict[str, Any]:
    signed = stamp(assignment.secret, student.id, one.exercise, one.role, one.source)
    open_answer = one.role is Role.ANSWER and one.markdown
    graded = {"grade": open_answer, "solution": one.role is Role.ANSWER, "locked": one.role is not Role.ANSWER}
    grader: dict[str, Any] = {"schema_version": 3, **graded, "task": False, "grade_id": one.name}
    grader["cell_type"] = "markdown" if one.markdown else "code"
    if open_answer:
        grader["points"] = exercise(one.exercise).points
    metadata: dict[str, Any] = {
        "nbgrader": grader,
        "workbook": {"exercise": one.exercise, "role": str(one.role), "stamp": signed},
    }
    if one.role is not Role.ANSWER:
        metadata |= {"deletable": False, "editable": False}
    else:
        metadata["deletable"] = False
    made: dict[str, Any] = {"cell_type": grader["cell_type"], "id": one.name[:64], "metadata": metadata}
    if not one.markdown:
        made |= {"execution_count": None, "outputs": []}
    return made | {"source": plain(one.source).splitlines(keepends=True)}


def files(assignment: Assignment, student: Student) -> dict[str, str]:
    """Everything in one student's folder: file name -> text."""
    made = {
        f"{question}.ipynb": json.dumps(notebook(assignment, student, question), indent=1, ensure_ascii=False) + "\n"
        for question in assignment.questions
    }
    numbers_of = {
        "format": FORMAT,
        "assignment": assignment.name,
        "student": student.id,
        "exercises": assignment.params[student.id],
    }
    made[NUMBERS_FILE] = json.dumps(numbers_of, indent=1, ensure_ascii=False) + "\n"
    points = {q: sum(one.points for one in exercises_in(assignment, q)) for q in assignment.questions}
    made["README.md"] = wording.readme(assignment, student, points)
    return made
