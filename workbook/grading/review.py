"""review.html: the open answers that wait for a person, the same question in a row, its rubric beside it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from exercises.catalogue import exercise
from exercises.model import Kind
from workbook.grading.pages import render
from workbook.grading.results import Graded
from workbook.grading.text import clean
from workbook.grading.types import Assignment, Flag

_TEXT = 20_000  # characters of an answer


def pseudonyms(assignment: Assignment) -> dict[str, str]:
    """student id -> a word that stays the same for this assignment and says nothing of who it is."""
    key = assignment.secret.encode()
    hashes = {
        one.id: hmac.digest(key, f"pseudonym/{one.id}".encode(), hashlib.sha256).hex() for one in assignment.students
    }
    return {student: f"person-{found[:8]}" for student, found in hashes.items()}


def waiting(results: Sequence[Graded]) -> list[tuple[Graded, str]]:
    """(student, exercise) of every open answer without all of its points, or whose text changed after it had them."""
    found = []
    for one in results:
        changed = {what for flag, what in one.marked.flags if flag is Flag.CHANGED_SINCE_MARKED}
        for mark in one.marked.marks:
            if exercise(mark.exercise).kind is Kind.DESIGN and (mark.waits_for_person or mark.exercise in changed):
                found.append((one, mark.exercise))
    return found


def review(assignment: Assignment, results: Sequence[Graded], alias: Mapping[str, str] | None = None) -> str:
    """The page as HTML. alias: student id -> pseudonym; with it no name or id is on the page, and the order of answers
    is that of the pseudonyms, not of the roster."""
    found = waiting(results)
    groups = []
    for name in assignment.exercises:
        answers = [_answer(assignment, graded, name, alias) for graded, exercise_name in found if exercise_name == name]
        if not answers:
            continue
        if alias:
            answers.sort(key=lambda answer: answer["who"])
        groups.append({"one": exercise(name), "answers": answers})
    return render(
        "review.html", assignment=clean(assignment.name, 200), groups=groups, waiting=len(found), hidden=bool(alias)
    )


def _answer(assignment: Assignment, graded: Graded, name: str, alias: Mapping[str, str] | None) -> dict[str, Any]:
    marked = graded.marked
    text = marked.texts.get(name, "")
    given = marked.manual.get(name, {})
    return {
        "who": alias[graded.student.id] if alias else graded.student.id,
        "name": "" if alias else clean(graded.student.name, 200),
        "prompt": exercise(name).prompt(assignment.params[graded.student.id][name]),
        "text": clean(text, _TEXT),
        "words": len(text.split()),
        "given": [(c.name, given[c.name], c.points) for c in exercise(name).rubric if c.name in given],
        "changed": (Flag.CHANGED_SINCE_MARKED, name) in marked.flags,
    }
