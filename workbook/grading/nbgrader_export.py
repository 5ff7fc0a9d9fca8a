"""The exercises as an nbgrader course: instructor notebooks with solutions and hidden tests, one variant for everybody.

DIR/nbgrader_config.py, DIR/README.md      not written where a course is already
DIR/source/NAME/q1.ipynb ...               for `nbgrader generate_assignment NAME`
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from exercises.catalogue import solution
from exercises.checking import OPEN_STUB
from exercises.model import Exercise, Kind, Params
from workbook.grading import handout, wording
from workbook.grading.assignment import make
from workbook.grading.names import unsafe
from workbook.grading.types import Assignment, GradingError, Role, Student

CONFIG = "nbgrader_config.py"
# nbgrader has no variants: everybody gets the numbers of this one.
EVERYBODY = Student("everybody", "everybody")
BEGIN, END = "### BEGIN {}", "### END {}"


def write_course(
    name: str, questions: Sequence[str], folder: str | Path, exercises: Sequence[str] = (), seed: str | None = None
) -> Assignment:
    """Write the notebooks into the course at `folder`, new or there already, whole or not at all.

    Returns what is in them, with one student, `everybody`. Raises GradingError if the course has such an assignment.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name) or unsafe(name):
        raise GradingError(f"nbgrader makes a folder of the name: {name!r}", "use letters, digits, - and _ in --name")
    made = make(name, questions, [EVERYBODY], exercises, seed)
    course = Path(folder)
    target = course / "source" / name
    if target.exists():
        raise GradingError(f"{target} is there already", "name another --name or another --out")
    if course.exists() and not course.is_dir():
        raise GradingError(f"{course} is no folder", "name the folder of a course, or a new one")
    if course.is_dir() and any(course.iterdir()) and not (course / CONFIG).exists():
        raise GradingError(f"{course} is no nbgrader course: it has no {CONFIG}", "name a new folder, or a course's")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".course-") as scratch:
        built = Path(scratch) / "whole"
        built.mkdir()
        for question in made.questions:
            text = json.dumps(notebook(made, question), indent=1, ensure_ascii=False) + "\n"
            (built / f"{question}.ipynb").write_text(text, encoding="utf-8")
        os.replace(built, target)
    for file, text in {CONFIG: config(name), "README.md": readme(name)}.items():
        if not (course / file).exists():
            (course / file).write_text(text, encoding="utf-8")
    return made


def notebook(assignment: Assignment, question: str) -> dict[str, Any]:
    """The instructor's notebook of one question."""
    cells = [_cell(f"{question}-about", "markdown", _about(assignment, question), locked=True)]
    for number, one in enumerate(handout.exercises_in(assignment, question), 1):
        cells += _of_exercise(one, number, assignment.params[EVERYBODY.id][one.id], assignment.secret)
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _about(assignment: Assignment, question: str) -> str:
    ours = handout.exercises_in(assignment, question)
    return f"""# {assignment.name}: question {question[1:]}

{sum(one.points for one in ours):g} points. Write into the answer cells. A number is a plain number in the unit that its
line names; what you build is called with cases that you do not see. Exercises use some names twice: run the cell with
the numbers before you answer."""


def _of_exercise(one: Exercise, number: int, params: Params, secret: str) -> Iterator[dict[str, Any]]:
    yield _cell(f"{one.id}-{Role.TASK}", "markdown", wording.task(one, number, params), locked=True)
    yield _cell(f"{one.id}-{Role.NUMBERS}", "code", handout.numbers(params), locked=True)
    if one.kind is Kind.DESIGN:
        yield _cell(f"{one.id}-{Role.ANSWER}", "markdown", _open_answer(one), solution=True, points=one.points)
        return
    answer = f"{handout.answer(one)}\n\n{_region('SOLUTION', solution(one.id).code)}"
    yield _cell(f"{one.id}-{Role.ANSWER}", "code", answer, solution=True)
    # The literal is read back by JSON: it is the variant, whatever became of the variables of these names.
    call = f"points({one.id!r}, json.loads({json.dumps(dict(params))!r}), globals(), hidden={secret!r})"
    tests = _region("HIDDEN TESTS", f"import json\n\nfrom exercises.nbgrader import points\n\n{call}")
    yield _cell(f"{one.id}-marks", "code", f"# {one.points:g} points, by hidden tests\n{tests}", points=one.points)


def _open_answer(one: Exercise) -> str:
    """Solution and rubric: nbgrader's form grader shows them to whoever marks."""
    rubric = "\n".join(
        f"- {c.name} ({c.points:g}): full, {c.full} half, {c.part} quote, {c.evidence}." for c in one.rubric
    )
    return _region("SOLUTION", f"{solution(one.id).code}\n{rubric}")


def _region(name: str, text: str) -> str:
    return f"{BEGIN.format(name)}\n{text.strip()}\n{END.format(name)}"


def _cell(
    name: str, kind: str, source: str, *, solution: bool = False, locked: bool = False, points: float | None = None
) -> dict[str, Any]:
    """nbgrader's metadata, schema 3: points make it graded; graded and not a solution is a test, which is locked."""
    grade = points is not None
    meta: dict[str, Any] = {"schema_version": 3, "grade": grade, "solution": solution, "task": False}
    meta |= {"locked": locked or (grade and not solution), "grade_id": name}
    if grade:
        meta["points"] = points
    made: dict[str, Any] = {"cell_type": kind, "id": name[:64], "metadata": {"nbgrader": meta}}
    if kind == "code":
        made |= {"execution_count": None, "outputs": []}
    return made | {"source": source.splitlines(keepends=True)}


def config(name: str) -> str:
    """Untouched answers stay what the workbook calls not attempted: None, the stub of a function, the open text."""
    return f'''c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "{name}"
c.ClearSolutions.code_stub = {{"python": "# Your answer"}}
c.ClearSolutions.text_stub = "{OPEN_STUB}"
# A cell that takes longer is stopped and earns nothing; the others of the notebook are still run.
c.ExecutePreprocessor.timeout = 60
'''


def readme(name: str) -> str:
    """What the README of an exported course says, as Markdown."""
    return f"""# {name} for nbgrader

    nbgrader generate_assignment {name}     # release/{name}: what students get
    nbgrader autograde {name}               # submitted/STUDENT/{name} -> marks; open answers in the form grader
    nbgrader generate_feedback {name}
    nbgrader export

The hidden tests import `exercises` and `reference`: run these commands where the workbook is installed, or with its
folder on PYTHONPATH and its packages there. Where one is missing, nbgrader gives everybody nothing and says no word.
So hand the solutions in first: copy source/{name} to submitted/solution/{name}, autograde it, and see that it earns
everything but what a person marks.

nbgrader runs them in the kernel of the student's notebook, without isolation, with the same
numbers for everybody, and its feedback shows them. `workbook assign` and `workbook grade` have none of these limits.
"""
