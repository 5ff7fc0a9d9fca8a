"""The student's side of an assignment: immediate checks and hints with the numbers that were handed out.

`numbers.json` lies beside the notebook and holds no answers. Nothing here raises for what a student did to it: a
missing or damaged file is said where the notebook is opened, and again by every check.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exercises.catalogue import exercise
from exercises.checking import OPEN_STUB, judge
from exercises.model import ExerciseError, Kind, Value, Verdict
from exercises.practice import Practice, Shown

NUMBERS_FILE = "numbers.json"
FORMAT = 1
# The first line of an answer cell, as code and as markdown. What follows the id may be edited away.
MARK = re.compile(r"^\s*(?:#|<!--)\s*exercise:\s*(q\d+-[a-z0-9-]*[a-z0-9])\b[^\n]*$", re.IGNORECASE)


def mark_line(exercise_id: str, markdown: bool = False) -> str:
    """The line by which an answer cell is found if a tool has thrown its metadata away."""
    said = f"exercise: {exercise_id} (keep this line)"
    return f"<!-- {said} -->" if markdown else f"# {said}"


def marked(source: str) -> str:
    """The exercise that the first line with anything on it names; "" if it names none."""
    first = next((line for line in source.splitlines() if line.strip()), "")
    found = MARK.match(first)
    return found.group(1).lower() if found else ""


def without_mark(source: str) -> str:
    """The text below the first line, if that line names an exercise."""
    return source.strip().partition("\n")[2].strip() if marked(source) else source.strip()


class Handout:
    """What a handed-out notebook calls `work`."""

    def __init__(self, folder: Path, numbers: Mapping[str, Any], trouble: str = "") -> None:
        self._folder, self._numbers, self._trouble = folder, numbers, trouble
        self._open: dict[str, Practice] = {}

    def check(self, exercise_id: str, answer: Value = None, **answers: Value) -> Shown:
        """Right, not yet with the likely slip, or not attempted, with the numbers of this folder; never the answer."""
        practice = self._practice(exercise_id)
        if isinstance(practice, Shown):
            return practice
        if practice.exercise.kind is Kind.DESIGN and answer is None:
            return self._open_answer(practice)
        try:
            return practice.check(answer, **answers)
        except ExerciseError as error:
            return Shown(html.escape(str(error), quote=False))

    def hint(self, exercise_id: str) -> Shown:
        """The next hint; the last one again when there are no more."""
        practice = self._practice(exercise_id)
        return practice if isinstance(practice, Shown) else practice.hint()

    def _practice(self, exercise_id: str) -> Practice | Shown:
        if self._trouble:
            return Shown(self._trouble)
        if exercise_id not in self._open:
            params = self._numbers["exercises"].get(exercise_id)
            if not isinstance(params, dict):
                there = ", ".join(self._numbers["exercises"])
                return Shown(f"{NUMBERS_FILE} has no numbers of `{exercise_id}`; it has those of {there}")
            try:
                self._open[exercise_id] = Practice(exercise(exercise_id), params=params)
            except ExerciseError as error:
                return Shown(f"{error}. Install the version of the workbook that the assignment was made with.")
        return self._open[exercise_id]

    def _open_answer(self, practice: Practice) -> Shown:
        """An open answer stands in a text cell, which code sees only once the notebook is saved."""
        text = saved_answer(self._folder / f"{practice.exercise.question}.ipynb", practice.exercise.id)
        if text is None:
            return Shown("○ Your text cannot be seen from here; a person will read it. Save the notebook.")
        (part,) = judge(practice.exercise, practice.params, {"text": text}).parts
        if part.verdict is Verdict.OPEN:
            return Shown(f"○ **text**: {part.say}, then save the notebook")
        return Shown(f"✎ {len(text.replace(OPEN_STUB, '').split())} words as last saved; {part.say}.")

    def __repr__(self) -> str:
        if self._trouble:
            return self._trouble
        count = len(self._numbers["exercises"])
        return f"{self._numbers['assignment']}, handed out to {self._numbers['student']}: numbers of {count} exercises"

    def _repr_markdown_(self) -> str:
        return html.escape(repr(self), quote=False)


def open_handout(folder: str | Path = ".") -> Handout:
    """The assignment in `folder`, usually the notebook's own. Never raises: what it returns says what is wrong."""
    path = Path(folder) / NUMBERS_FILE
    try:
        numbers = json.loads(path.read_text(encoding="utf-8"))
        fit = numbers["format"] == FORMAT and isinstance(numbers["exercises"], dict)
        trouble = "" if fit and numbers["assignment"] and numbers["student"] else "is not the file that was handed out"
    except FileNotFoundError:
        numbers, trouble = {}, "is missing"
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        numbers, trouble = {}, f"cannot be read ({type(error).__name__})"
    if trouble:
        trouble = (
            f"{NUMBERS_FILE} {trouble}: copy it again from the folder that you were given into the folder of this "
            "notebook, and run this notebook from its first cell. Your answers can be handed in without it."
        )
    return Handout(Path(folder), numbers, trouble)


def saved_answer(notebook: Path, exercise_id: str) -> str | None:
    """The open answer in a saved notebook, without its first line; None if there is no such cell to be read."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return next((without_mark(source) for source in sources if marked(source) == exercise_id), None)
