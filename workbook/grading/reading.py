"""Reading one submission back: what is to be run, what is to be read, what was odd. Nothing a student did raises."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path

from exercises.builds import draw_cases
from exercises.catalogue import exercise
from exercises.checking import OPEN_STUB
from exercises.handout import without_mark
from exercises.model import Value
from workbook.grading import sources
from workbook.grading.choosing import Chosen, Flagged, choose, moved
from workbook.grading.finding import notebook_in
from workbook.grading.raw import RawNotebook, read_raw
from workbook.grading.recognise import Expected, Found, asked, open_text, recognise
from workbook.grading.stamps import owner
from workbook.grading.types import Assignment, CodeCell, Collect, Flag, GradingError, Role, Student, Submission

# Locked cells are not run; what a copied check or a `display` calls is there and does nothing.
STAND_IN = """class _Work:
    def __getattr__(self, name):
        return lambda *values, **named: None


work = _Work()
display = print
"""


def read_submission(
    folder_or_file: str | Path | None, assignment: Assignment, student: Student | str, question: str
) -> Submission:
    """The notebook of `question` as `student` handed it in.

    folder_or_file: a notebook, or a folder with one; None if nothing came. Whatever is in it, it is read with this
    student's numbers. Raises GradingError only for a student or question that the assignment does not have.
    """
    who = _student(assignment, student)
    if question not in assignment.questions:
        raise GradingError(
            f"{assignment.name} has no question {question!r}", f"it has {', '.join(assignment.questions)}"
        )
    path = Path(folder_or_file) if folder_or_file is not None else None
    root = path if path is not None and path.is_dir() else None
    if root is not None:
        path = notebook_in(root, question)
    if path is None or not (path.exists() or path.is_symlink()):
        return Submission(who.id, question, None, (), {}, ((Flag.MISSING_NOTEBOOK, f"{question}.ipynb"),))
    notebook = read_raw(path, root)
    if notebook.trouble:
        return Submission(who.id, question, path, (), {}, ((Flag.UNREADABLE, f"{path.name}: {notebook.trouble}"),))
    return _read(path, notebook, Expected(assignment, who, question))


def _student(assignment: Assignment, student: Student | str) -> Student:
    wanted = student if isinstance(student, str) else student.id
    for one in assignment.students:
        if one.id == wanted:
            return one
    raise GradingError(
        f"{assignment.name} was not handed out to {wanted!r}", "hand it out with `workbook assign --add`"
    )


def _read(path: Path, notebook: RawNotebook, expected: Expected) -> Submission:
    found = recognise(notebook, expected)
    chosen, flags = choose(found, expected)
    flags = [
        *((Flag.UNREADABLE, what) for what in notebook.dropped),
        *_whose(notebook, found, expected),
        *flags,
        *((Flag.MOVED_CELL, key) for key in moved(found, expected)),
        *_locked(found, expected),
    ]
    open_ones = [one for one in chosen.values() if open_text(one.exercise)]
    written = {one.exercise: _text(found, one).replace(OPEN_STUB, "").strip() for one in open_ones}
    cells, collected_at = _cells(found, chosen, expected)
    untouched = [
        one.exercise
        for one in chosen.values()
        if (
            not written[one.exercise]
            if one.exercise in written
            else found[one.at].as_handed and collected_at[one.exercise] == one.at
        )
    ]
    return Submission(
        student=expected.student.id,
        question=expected.question,
        path=path,
        cells=cells,
        texts={name: text for name, text in written.items() if text},
        flags=tuple(dict.fromkeys(flags)),
        untouched=tuple(untouched),
    )


# ---- what is run -----------------------------------------------------------------------------------------------------
def _cells(
    found: Sequence[Found], chosen: Mapping[str, Chosen], expected: Expected
) -> tuple[tuple[CodeCell, ...], dict[str, int]]:
    """The cells to run in their order, and after which one each exercise is collected."""
    answers = {one.at: one.exercise for one in chosen.values()}
    skip = frozenset[int]().union(*(one.skip for one in chosen.values()))
    collect_at = {
        one.exercise: _last_that_assigns(found, one, answers) for one in chosen.values() if not open_text(one.exercise)
    }
    collected = {at: name for name, at in collect_at.items()}
    made = [CodeCell("before the first cell", STAND_IN)]
    waiting: tuple[str, Mapping[str, Value]] = ("", {})
    for at, one in enumerate(found):
        own = answers.get(at, "")
        if not own and one.role in (Role.TASK, Role.NUMBERS):
            waiting = (one.exercise, _fresh(one.exercise, expected))
        if at in skip or open_text_at(one, own) or not (own or _runs(one)):
            continue
        if own:
            # The names it is to bind start empty, so that none is left over from another exercise.
            early = any(before.free and before.raw.code for before in _above(found, at, own))
            params = expected.assignment.params[expected.student.id][own] if early else _fresh(own, expected)
        else:
            params = waiting[1]
        if own in ("", waiting[0]):
            waiting = ("", {})
        collect = _collect(collected[at], expected) if at in collected else None
        made.append(CodeCell(_key(one, own), _source(one), params, collect))
    return tuple(made), collect_at


def open_text_at(one: Found, own: str) -> bool:
    """Whether this is the text of an open answer."""
    name = own or (one.exercise if one.role is Role.ANSWER else "")
    return bool(name) and open_text(name)


def _runs(one: Found) -> bool:
    """Cells that are not the answer: those of the student, and further parts or copies of an answer."""
    return one.raw.code and (one.free or one.role is Role.ANSWER)


def _above(found: Sequence[Found], at: int, exercise_id: str) -> list[Found]:
    """Cells between the exercise's task or numbers and its answer."""
    above: list[Found] = []
    for one in reversed(found[:at]):
        if not one.free:
            return above if one.exercise == exercise_id and one.role in (Role.TASK, Role.NUMBERS) else []
        above.append(one)
    return []


def _last_that_assigns(found: Sequence[Found], one: Chosen, answers: Mapping[int, str]) -> int:
    """The answer, or a cell below it, before the next handed-out one, that binds its names: what the check saw."""
    names, last = asked(one.exercise), one.at
    for at in range(one.at + 1, len(found)):
        below = found[at]
        part = below.role is Role.ANSWER and below.exercise == one.exercise
        if at in answers or not (below.free or part):
            break
        if at not in one.skip and below.names & names:
            last = at
    return last


def _fresh(exercise_id: str, expected: Expected) -> dict[str, Value]:
    empty = {ask.name: None for ask in exercise(exercise_id).asks}
    return {**empty, **expected.assignment.params[expected.student.id][exercise_id]}


def _key(one: Found, own: str) -> str:
    if not own and one.role is Role.ANSWER:
        return one.key.replace("answer of", "further answer of")
    return f"cell {one.raw.number}, answer of {own}" if own and one.free else one.key


def _source(one: Found) -> str:
    text = one.source
    if not one.raw.code:  # retyped: some put fences around code in a text cell
        lines = text.split("\n")
        text = "\n".join(f"# {line}" if line.strip().startswith("```") else line for line in lines)
    return "\n" * one.line + sources.runnable(text)


def _collect(exercise_id: str, expected: Expected) -> Collect:
    one = exercise(exercise_id)
    if one.build is None:
        return Collect(exercise_id, names=tuple(ask.name for ask in one.asks))
    who = expected.student.id
    cases = draw_cases(one, expected.assignment.params[who][exercise_id], hidden=expected.assignment.hidden(who))
    return Collect(
        exercise_id,
        build=one.build.name,
        driver=inspect.getsource(one.build.driver),
        driver_name=one.build.driver.__name__,
        cases=tuple(case.arguments for case in cases),
    )


# ---- what is read ----------------------------------------------------------------------------------------------------
def _text(found: Sequence[Found], one: Chosen) -> str:
    """The open answer, with the text cells below it up to the next handed-out cell."""
    texts = [without_mark(found[one.at].source)]
    for at in range(one.at + 1, len(found)):
        below = found[at]
        part = below.role is Role.ANSWER and below.exercise == one.exercise
        if not (below.free or part):
            break
        if at not in one.skip and (part or not below.raw.code):
            texts.append(without_mark(below.source))
    return "\n\n".join(text for text in texts if text.strip())


# ---- what was odd ----------------------------------------------------------------------------------------------------
def _whose(notebook: RawNotebook, found: Sequence[Found], expected: Expected) -> list[Flagged]:
    """Notebooks and cells that were handed out to somebody else, or by another assignment."""
    marks, assignment = notebook.marks, expected.assignment
    stamp, question = marks.get("stamp"), marks.get("question")
    if marks.get("assignment", assignment.name) != assignment.name:
        return [(Flag.OTHER_ASSIGNMENT, str(marks["assignment"])[:80])]
    flags: list[Flagged] = []
    if question in assignment.questions and question != expected.question:
        flags.append((Flag.OTHER_ASSIGNMENT, f"the notebook of {question}"))
    others = [one.other for one in found if one.other]
    if isinstance(stamp, str):
        ids = (expected.student.id, *(one.id for one in assignment.students))
        wholes = [f"{assignment.name}/{each}" for each in assignment.questions]
        to = owner(stamp, assignment.secret, ids, "", "notebook", wholes)
        if to and to != expected.student.id:
            others.insert(0, to)
        elif not to:
            flags.append((Flag.OTHER_ASSIGNMENT, "its stamp is none of this assignment"))
    for other in dict.fromkeys(others):
        numbers = ", ".join(str(one.raw.number) for one in found if one.other == other)
        flags.append((Flag.OTHER_STUDENT, f"{other}{f': cells {numbers}' if numbers else ''}"))
    return flags


def _locked(found: Sequence[Found], expected: Expected) -> list[Flagged]:
    flags: list[Flagged] = []
    for (exercise_id, role), handed in expected.by_place.items():
        if role is Role.ANSWER:
            continue
        there = [one for one in found if (one.exercise, one.role) == (exercise_id, role)]
        bad = [one for one in there if not one.as_handed and not one.other]
        good = len({one.source for one in there if one.as_handed or one.other})
        if good >= len(handed):
            continue
        gone = f"{role} of {exercise_id}" if exercise_id else str(role)
        flags += [(Flag.CHANGED_CELL, one.key) for one in bad] or [(Flag.CHANGED_CELL, f"{gone} is gone")]
    return flags
