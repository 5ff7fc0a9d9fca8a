"""From what a sandbox brought back to marks: the comparing happens here, where no student's code has run."""

from __future__ import annotations

import builtins
import dataclasses
import re
from collections.abc import Mapping, Sequence

from exercises.builds import draw_cases
from exercises.catalogue import exercise
from exercises.checking import judge
from exercises.model import Exercise, Kind, Mark, Part, Value, Verdict
from workbook.grading.text import cut
from workbook.grading.types import Assignment, CellRun, Ended, Flag, Marked, Ran, Student, Submission

_LONGEST_REASON = 300  # characters of a reason that came out of a sandbox


def mark_student(
    assignment: Assignment, student: Student, work: Sequence[tuple[Submission, Ran]], missing: str = "not handed in"
) -> Marked:
    """One mark per exercise of the assignment, in its order. work: each notebook as it was read, and its run.

    Points of open answers are nothing until a person gives them (`with_manual`). Exercises of a question whose notebook
    is not in `work` are not attempted, with `missing` as the reason.
    """
    found = {submission.question: (submission, ran) for submission, ran in work}
    marks, reasons = [], {}
    for name in assignment.exercises:
        one = exercise(name)
        if one.question not in found or _is_gone(found[one.question][0]):
            why = "its notebook cannot be read" if one.question in found and found[one.question][0].path else missing
            marks.append(_not_there(one, why))
            continue
        submission, ran = found[one.question]
        marks.append(_mark(one, assignment.params[student.id][name], assignment.hidden(student.id), submission, ran))
        if ran.reasons.get(name):
            reasons[name] = cut(ran.reasons[name], _LONGEST_REASON)
    return Marked(
        student,
        tuple(marks),
        {submission.question: ran.cells for submission, ran in work},
        tuple(flag for submission, ran in work for flag in (*submission.flags, *_stopped(ran, submission.flags))),
        reasons,
        {
            name: text
            for submission, _ in work
            for name, text in submission.texts.items()
            if name in assignment.exercises
        },
    )


def _is_gone(submission: Submission) -> bool:
    """Whether there is no notebook to speak of; one that was read has cells or texts, or its cells are flagged."""
    whole = (Flag.MISSING_NOTEBOOK, Flag.UNREADABLE)
    return not submission.cells and not submission.texts and any(flag in whole for flag, _ in submission.flags)


def answer_cell(name: str, cells: Sequence[CellRun]) -> CellRun | None:
    """The run of the cell that answers an exercise, by its key; one that failed before one that did not."""
    ours = [cell for cell in cells if _names(cell.key, name)]
    return next((cell for cell in ours if cell.ended not in (Ended.OK, Ended.NOT_RUN)), ours[0] if ours else None)


def _names(text: str, name: str) -> bool:
    """Whether the exercise is named in it; "q1-kv" is not in "q1-kv-per-token"."""
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None


def _mark(one: Exercise, params: Mapping[str, Value], hidden: str, submission: Submission, ran: Ran) -> Mark:
    lost = [what for flag, what in submission.flags if flag is Flag.MISSING_CELL and _names(what, one.id)]
    if one.kind is Kind.DESIGN:
        if lost and not submission.texts.get(one.id, "").strip():
            return _not_there(one, "its answer cell is missing")
        return judge(one, params, {"text": submission.texts.get(one.id)})
    if lost and one.id not in ran.values and one.id not in ran.observations:
        return _not_there(one, "its answer cell is missing")
    why = _why(one, submission, ran)
    if one.kind is Kind.BUILD:
        seen = ran.observations.get(one.id)
        if seen is None and one.id in submission.untouched:
            seen = [{"open": True} for _ in draw_cases(one, params, hidden)]
        mark = judge(one, params, {}, seen=seen, hidden=hidden)
        return dataclasses.replace(mark, parts=tuple(_built(part, why) for part in mark.parts))
    answers = ran.values.get(one.id, {})
    mark = judge(one, params, answers)
    if one.id in submission.untouched:
        return mark
    return dataclasses.replace(mark, parts=tuple(_unset(part, part.name in answers, why) for part in mark.parts))


def _not_there(one: Exercise, reason: str) -> Mark:
    """Every part not attempted, so that an exercise always shows what it would have asked."""
    if one.asks:
        names = [(ask.name, ask.weight) for ask in one.asks]
    else:
        names = [(one.build.name if one.build else "text", 1.0)]
    return Mark(one.id, one.points, tuple(Part(name, Verdict.OPEN, 0.0, weight, reason) for name, weight in names))


def _why(one: Exercise, submission: Submission, ran: Ran) -> str:
    """Why something of this exercise did not come back: its answer or the cell that it was taken after did not end
    well, or the sandbox says so; "" if nothing explains it."""
    after = {cell.key for cell in submission.cells if cell.collect is not None and cell.collect.exercise == one.id}
    ours = [cell for cell in ran.cells if cell.key in after or _names(cell.key, one.id)]
    failed = [cell for cell in ours if cell.ended is not Ended.OK]
    if failed:
        lines = failed[0].error.strip().splitlines() or [""]
        return ": ".join(word for word in (f"{failed[0].key}: {failed[0].ended.value}", cut(lines[-1], 120)) if word)
    return cut(ran.reasons.get(one.id, ""), _LONGEST_REASON)


def _unset(part: Part, there: bool, why: str) -> Part:
    """What is None, or did not come back at all, is no answer; the reason says what happened to it."""
    if part.verdict is not Verdict.OPEN:
        return part
    if why:
        return dataclasses.replace(part, verdict=Verdict.UNUSABLE, say=f"nothing came back: {why}")
    return part if there else dataclasses.replace(part, say="not attempted: the cell does not set this name")


def _built(part: Part, why: str) -> Part:
    if part.verdict is Verdict.UNUSABLE and why:
        return dataclasses.replace(part, say=f"did not run: {why}")
    return dataclasses.replace(part, say=_without_own_names(part.say))


def _without_own_names(say: str) -> str:
    """An exception's name is the student's to choose, and could carry a hidden case's arguments out of the sandbox."""

    def known(found: re.Match[str]) -> str:
        kind = getattr(builtins, found[1], None)
        raised = isinstance(kind, type) and issubclass(kind, BaseException)
        return found[0] if raised else "raises an exception of its own"

    return re.sub(r"raises ([^;]*)", known, say)


def _stopped(ran: Ran, flags: Sequence[tuple[Flag, str]]) -> list[tuple[Flag, str]]:
    """A flag for each cell that was stopped, unless the submission has it already."""
    stopped = [cell.key for cell in ran.cells if cell.ended in (Ended.TIME, Ended.MEMORY, Ended.KILLED)]
    return [(Flag.STOPPED, key) for key in stopped if (Flag.STOPPED, key) not in flags]


def with_manual(
    marked: Marked,
    points: Mapping[str, Mapping[str, float]],
    comments: Mapping[str, str],
    changed: Sequence[str] = (),
) -> Marked:
    """The same with the points that a person gave: exercise -> criterion -> points, and comments by
    "exercise/criterion". changed: exercises whose text is another one than was marked. What has no points yet waits."""
    marks = []
    for mark in marked.marks:
        given = points.get(mark.exercise, {})
        one = exercise(mark.exercise)
        if not one.rubric or not (given or mark.waits_for_person):
            marks.append(mark)
            continue
        parts = []
        for criterion in one.rubric:
            if criterion.name not in given:
                parts.append(Part(criterion.name, Verdict.PERSON, 0.0, criterion.points, "waits for its marks"))
                continue
            earned = given[criterion.name]
            verdict = Verdict.RIGHT if earned >= criterion.points else Verdict.WRONG
            say = f"{earned:g} of {criterion.points:g} points"
            parts.append(Part(criterion.name, verdict, earned / criterion.points, criterion.points, say))
        marks.append(dataclasses.replace(mark, parts=tuple(parts)))
    flags = (*marked.flags, *((Flag.CHANGED_SINCE_MARKED, name) for name in changed))
    return dataclasses.replace(marked, marks=tuple(marks), flags=flags, manual=dict(points), comments=dict(comments))


def total(marked: Marked) -> float:
    """Points earned over all exercises."""
    return sum(mark.earned for mark in marked.marks)


def total_points(assignment: Assignment) -> float:
    """Points that an assignment can earn."""
    return sum(exercise(name).points for name in assignment.exercises)
