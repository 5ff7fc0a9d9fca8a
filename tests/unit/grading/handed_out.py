"""A small assignment, notebooks of it as students edit them, and a plain runner of what is read back."""

from __future__ import annotations

import contextlib
import copy
import io
import json
from pathlib import Path
from typing import Any

from exercises.catalogue import exercise as find_exercise
from exercises.catalogue import solution
from exercises.checking import judge
from exercises.handout import mark_line
from exercises.model import Kind, Mark
from workbook.grading.assignment import make
from workbook.grading.handout import notebook
from workbook.grading.reading import read_submission
from workbook.grading.types import Assignment, Student, Submission

KV, REVIEW, CUT, FUSE = "q1-kv-per-token", "q1-replica-review", "q1-budget-cut", "q2-rank-fusion"
IDS = [KV, REVIEW, CUT, FUSE]
PEOPLE = [
    Student("4711", "Jane Doe", "jane@x.org", {"ID": "4711", "SIS Login ID": "jdoe"}),
    Student("ada", "Ada Lovelace", "ada@x.org"),
    Student("bob", "Bob Żak", "bob@x.org"),
]
JANE, ADA, BOB = PEOPLE
TEXT = "A smaller model first: it takes the bill to a third."


def assignment(name: str = "ps1", seed: str = "7") -> Assignment:
    return make(name, ["q1", "q2"], PEOPLE, IDS, seed=seed)


def handed(made: Assignment, student: Student = JANE, question: str = "q1") -> dict[str, Any]:
    """A notebook as it was handed out."""
    return copy.deepcopy(notebook(made, student, question))


def cell(nb: dict[str, Any], exercise: str, role: str = "answer") -> dict[str, Any]:
    return nb["cells"][at(nb, exercise, role)]


def at(nb: dict[str, Any], exercise: str, role: str = "answer") -> int:
    for number, one in enumerate(nb["cells"]):
        marks = one["metadata"].get("workbook", {})
        if (marks.get("exercise"), marks.get("role")) == (exercise, role):
            return number
    raise LookupError(f"no {role} of {exercise}")


def put(one: dict[str, Any], source: str) -> None:
    one["source"] = source.splitlines(keepends=True)


def source_of(one: dict[str, Any]) -> str:
    return "".join(one["source"])


def code(source: str) -> dict[str, Any]:
    """A cell that a student adds."""
    return {
        "cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [],
        "source": source.splitlines(keepends=True),
    }  # fmt: skip


def text(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source.splitlines(keepends=True)}


def right(exercise: str) -> str:
    """A right answer cell, first line and all."""
    markdown = find_exercise(exercise).kind is Kind.DESIGN
    return f"{mark_line(exercise, markdown)}\n{TEXT if markdown else solution(exercise).code}"


def solved(made: Assignment, student: Student = JANE, question: str = "q1") -> dict[str, Any]:
    """A notebook with every answer right."""
    nb = handed(made, student, question)
    for name in made.exercises:
        if name.startswith(question):
            put(cell(nb, name), right(name))
    return nb


def read(made: Assignment, nb: Any, folder: Path, student: Student = JANE, question: str = "q1") -> Submission:
    """Read back what `nb` (a notebook, or text) says in a file."""
    path = folder / f"{question}.ipynb"
    path.write_text(nb if isinstance(nb, str) else json.dumps(nb), encoding="utf-8")
    return read_submission(path, made, student, question)


def marks(made: Assignment, submission: Submission) -> dict[str, Mark]:
    """Run the cells here, one namespace, errors passed over as a notebook's runner does; mark what was collected."""
    space: dict[str, Any] = {}
    given: dict[str, dict[str, Any]] = {name: {"text": said} for name, said in submission.texts.items()}
    seen: dict[str, list[dict[str, Any]]] = {}
    for one in submission.cells:
        space.update(copy.deepcopy(dict(one.params)))
        with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
            exec(compile(one.source, one.key, "exec"), space)
        if one.collect is None:
            continue
        if one.collect.build:
            seen[one.collect.exercise] = [_case(one.collect, space, case) for case in one.collect.cases]
        else:
            given[one.collect.exercise] = {name: space[name] for name in one.collect.names if name in space}
    params = made.params[submission.student]
    return {
        name: judge(
            find_exercise(name),
            params[name],
            given.get(name, {}),
            seen=seen.get(name),
            hidden=made.hidden(submission.student),
        )
        for name in made.exercises
        if name.startswith(submission.question)
    }


def _case(collect: Any, space: dict[str, Any], arguments: Any) -> dict[str, Any]:
    driver: dict[str, Any] = {}
    exec(compile(collect.driver, "driver", "exec"), driver)
    try:
        built = space[collect.build]
        return {"value": json.loads(json.dumps(driver[collect.driver_name](built, copy.deepcopy(dict(arguments)))))}
    except NotImplementedError:
        return {"open": True}
    except Exception as error:
        return {"raises": type(error).__name__}


def shares(made: Assignment, submission: Submission) -> dict[str, float]:
    return {name: mark.share for name, mark in marks(made, submission).items()}
