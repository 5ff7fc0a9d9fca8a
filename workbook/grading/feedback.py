"""A student's feedback page: what was right, what it smells like where it was not, and how to go on.

It holds what `judge` says of each part, which never has the answer in it, the student's own error and the person's
comments. It has no expected value, no case, no printed output (a student's function could print the hidden cases that
it was called with) and nothing of anybody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exercises.catalogue import exercise
from exercises.model import SIGNS, Exercise, Kind, Mark, Verdict
from workbook.grading.marking import answer_cell, total, total_points
from workbook.grading.pages import part_words, render
from workbook.grading.results import Graded
from workbook.grading.text import clean, cut
from workbook.grading.types import Assignment, CellRun, Ended, Flag

_ERROR = 1200  # characters of an error
_ERROR_LINES = 12
_TEXT = 20_000  # characters of an open answer

# What a flag means to the person whose notebook it is, and that it costs nothing by itself.
KIND_WORDS: Mapping[Flag, str] = {
    Flag.MISSING_NOTEBOOK: "This notebook was not among what you handed in, so its exercises count as not attempted.",
    Flag.UNREADABLE: "This file could not be read as a notebook. Open it in JupyterLab, save it and hand it in again.",
    Flag.MISSING_CELL: "The cell for this answer is no longer in your notebook; it counts as not attempted.",
    Flag.DUPLICATED_CELL: "The cell for this answer is there more than once, as happens with copy and paste.",
    Flag.RETYPED_CELL: "The cell for this answer has become another type of cell; we read it all the same.",
    Flag.MOVED_CELL: "This cell stands elsewhere than it was handed out; we found it.",
    Flag.LOST_MARKS: "This cell had lost the mark that tells us whose answer it is; we found it by its first line.",
    Flag.CHANGED_CELL: "A cell that was not yours to change is different from what was handed out; "
    "the original was used in its place.",
    Flag.OTHER_STUDENT: "This notebook was handed out to somebody else, so its numbers are not yours.",
    Flag.OTHER_ASSIGNMENT: "This notebook belongs to another assignment.",
    Flag.CHANGED_SINCE_MARKED: "Your answer is another one than the text that was marked; a person will look again.",
    Flag.STOPPED: "This cell took too much time or memory, or ended its process, and was stopped.",
}


def feedback(assignment: Assignment, graded: Graded) -> str:
    """The page as HTML, without scripts, readable on a phone."""
    marked = graded.marked
    runs = [cell for cells in marked.runs.values() for cell in cells]
    blocks = [_block(mark, exercise(mark.exercise), graded, runs) for mark in marked.marks]
    shown = {block["failing"]["key"] for block in blocks if block["failing"]}
    return render(
        "feedback.html",
        assignment=clean(assignment.name, 200),
        name=clean(marked.student.name or marked.student.id, 200),
        total=total(marked),
        of=total_points(assignment),
        waits=graded.waits,
        failure=graded.failure,
        submitted=graded.submitted,
        blocks=blocks,
        flags=_flags(graded),
        others=[_cell(cell) for cell in runs if _failed(cell) and clean(cell.key, 200) not in shown],
    )


def _block(mark: Mark, one: Exercise, graded: Graded, runs: list[CellRun]) -> dict[str, Any]:
    cell = answer_cell(mark.exercise, runs)
    comments = graded.marked.comments
    return {
        "id": mark.exercise,
        "title": one.title,
        "kind": str(one.kind),
        "section": one.section,
        "earned": mark.earned,
        "points": mark.points,
        "waits": mark.waits_for_person,
        "parts": [
            {
                "sign": SIGNS[Verdict.SLIP if 0 < part.earned < 1 else part.verdict],
                "verdict": str(part.verdict),
                "tone": _tone(part.verdict, part.earned),
                "name": part_words(part, one.kind),
                "code": bool(one.asks),
                "say": clean(part.say, 600),
                "comment": comments.get(f"{mark.exercise}/{part.name}", ""),
            }
            for part in mark.parts
        ],
        "notes": [clean(note, 600) for note in mark.notes],
        "failing": _cell(cell) if cell is not None and _failed(cell) else None,
        "rubric": one.rubric if one.kind is Kind.DESIGN else (),
        "text": clean(graded.marked.texts.get(mark.exercise, ""), _TEXT) if one.kind is Kind.DESIGN else "",
    }


def _tone(verdict: Verdict, earned: float) -> str:
    if verdict is Verdict.RIGHT:
        return "good"
    return "part" if earned > 0 or verdict is Verdict.PERSON else "open" if verdict is Verdict.OPEN else "bad"


def _failed(cell: CellRun) -> bool:
    return cell.ended not in (Ended.OK, Ended.NOT_RUN)


def _cell(cell: CellRun) -> dict[str, str]:
    """An error is read from its end: the last lines say what happened."""
    lines = [cut(line, _ERROR // 4) for line in cell.error.strip().splitlines()[-_ERROR_LINES:]]
    tail = "\n".join(lines)[-_ERROR:]
    return {"key": clean(cell.key, 200), "ended": cell.ended.value, "error": clean(tail, _ERROR)}


def _flags(graded: Graded) -> list[dict[str, str]]:
    """Without the id of somebody else, which stands in front of that flag's cells."""
    pairs = dict.fromkeys(
        (flag, what.partition(": ")[2] if flag is Flag.OTHER_STUDENT else what) for flag, what in graded.marked.flags
    )
    return [{"what": clean(what, 200), "say": KIND_WORDS[flag]} for flag, what in pairs]
