"""All exercises: one module each in q1/ to q7/, one worked solution each in solutions/."""

from __future__ import annotations

import ast
import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from exercises.model import Exercise, ExerciseError, Kind

HERE = Path(__file__).parent
QUESTIONS = ("q1", "q2", "q3", "q4", "q5", "q6", "q7")


@cache
def exercises_of(question: str) -> tuple[Exercise, ...]:
    """The exercises of "q1" to "q7", easiest first. Raises ExerciseError for another question."""
    if question not in QUESTIONS:
        raise ExerciseError(f"no question {question!r}: there are {', '.join(QUESTIONS)}")
    names = sorted(path.stem for path in (HERE / question).glob("[!_]*.py"))
    found = [importlib.import_module(f"exercises.{question}.{name}").EXERCISE for name in names]
    return tuple(sorted(found, key=lambda one: (one.difficulty, list(Kind).index(one.kind), one.id)))


def all_exercises() -> tuple[Exercise, ...]:
    return tuple(one for question in QUESTIONS for one in exercises_of(question))


def exercise(name: str) -> Exercise:
    """By id. Raises ExerciseError that lists the ids of the same question, or all questions."""
    question = name.split("-")[0]
    for one in exercises_of(question):
        if one.id == name:
            return one
    raise ExerciseError(f"no exercise {name!r}; {question} has {', '.join(one.id for one in exercises_of(question))}")


@dataclass(frozen=True)
class Solution:
    """worked: the reasoning, markdown. code: what an answer cell would hold (the numbers of the variant are variables
    in it); for an open exercise one answer's text."""

    worked: str
    code: str


def solution(name: str) -> Solution:
    """The worked solution: the docstring and the rest of solutions/q1/kv_per_token.py."""
    one = exercise(name)
    path = HERE / "solutions" / f"{one.module.replace('.', '/')}.py"
    if not path.is_file():
        raise ExerciseError(f"this copy has no worked solution of {name}: {path} is missing")
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    worked = ast.get_docstring(tree) or ""
    if one.kind is Kind.DESIGN:
        answer = tree.body[1]
        assert isinstance(answer, ast.Expr)
        assert isinstance(answer.value, ast.Constant)
        return Solution(worked, str(answer.value.value).strip() + "\n")
    return Solution(worked, "\n".join(text.splitlines()[tree.body[0].end_lineno :]).strip() + "\n")
