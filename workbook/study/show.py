"""The index notebook's tables about paths and progress, as markdown whose links JupyterLab follows."""

from __future__ import annotations

from itertools import groupby

from exercises.catalogue import exercise, exercises_of
from exercises.practice import Shown
from exercises.progress import ProgressError
from exercises.progress import path as progress_file
from workbook.study.minutes import ASSUMPTION
from workbook.study.paths import INTERVIEW, Session, Step, StudyPath, all_paths, exercise_link, notebook_of
from workbook.study.paths import path as path_of
from workbook.study.standing import Standing, due_today, standing

DONE = "✓"


def stand() -> Shown:
    """By question: exercises right, tried and all, interviews held, and what is due today, with links."""
    found = _standing()
    if isinstance(found, str):
        return Shown(found)
    lines = ["| question | exercises right | tried | interviews held | best | due today |", "|:--|:--|:--|:--|:--|:--|"]
    for row in found.summary.rows:
        ids = [one.id for one in exercises_of(row.question)]
        right, tried = len(found.right.intersection(ids)), len(found.tried.intersection(ids))
        best = "" if row.interview is None else f"{row.interview:.0%}"
        due = ", ".join(_exercise(one) for one in due_today(found, row.question)) or ""
        lines.append(
            f"| {_question(row.question)} | {right} of {len(ids)} | {tried or ''} "
            f"| {found.interviews[row.question] or ''} | {best} | {due} |"
        )
    if found.is_empty:
        lines.append(f"\n{_nothing_yet()}")
    return Shown("\n".join(lines))


def paths() -> Shown:
    """The three paths: how long, how far you are, and what comes next."""
    found = _standing()
    lines = ["| you have | sessions | one takes | together | done | next | aim |", "|:--|:--|:--|:--|:--|:--|:--|"]
    for one in all_paths():
        shortest, longest = min(s.minutes for s in one.sessions), max(s.minutes for s in one.sessions)
        lines.append(
            f"| **a {one.name}** | {len(one.sessions)} | {shortest} to {longest} min | {_hours(one.minutes)} "
            f"| {_done(found, one)} | {_next(found, one)} | {one.aim} |"
        )
    return Shown("\n".join([*lines, f"\n{ASSUMPTION}"]))


def path(name: str) -> Shown:
    """One path, session by session: steps with links and minutes, what is done marked. KeyError for another name."""
    one, found = path_of(name), _standing()
    lines = ["| session | what to do, in this order (minutes) | together |", "|:--|:--|:--|"]
    for session in one.sessions:
        lines.append(f"| {session.name} | {_steps(session, found)} | {session.minutes} |")
    marks = f"{DONE} done: all of it right, or held; reading leaves no trace."
    return Shown("\n".join([f"**A {one.name}.** {one.aim} {marks}\n", *lines]))


def _standing() -> Standing | str:
    """The standing, or why there is none, in words."""
    try:
        return standing()
    except ProgressError as error:
        return f"Your progress cannot be read: {error}"


def _nothing_yet() -> str:
    file = progress_file()
    if file is None:
        return "Progress is switched off (`WORKBOOK_PROGRESS=off`): the tables stay empty, everything else works."
    return (
        "Nothing is kept yet. The first `check(...)` of an exercise and the first finished interview appear here; they "
        f"are written to `{file}` and leave this machine nowhere."
    )


def _steps(session: Session, found: Standing | str) -> str:
    """The steps of one cell, grouped by question."""
    return "<br>".join(
        f"**{question.upper()}** {' · '.join(_step(step, found) for step in steps)}"
        for question, steps in groupby(session.steps, lambda step: step.question)
    )


def _step(step: Step, found: Standing | str) -> str:
    mark = f"{DONE} " if isinstance(found, Standing) and found.done(step) else ""
    return f"{mark}[{step.what}]({step.link}) ({step.minutes})"


def _done(found: Standing | str, one: StudyPath) -> str:
    if isinstance(found, str):
        return ""
    done, of = found.minutes_done(one.steps)
    return f"{done / of:.0%}"


def _next(found: Standing | str, one: StudyPath) -> str:
    if isinstance(found, str):
        return one.sessions[0].name
    session = found.next_session(one)
    if session is None:
        return f"nothing: what is due, and another [interview]({INTERVIEW})"
    step = next(step for step in session.steps if found.done(step) is False)
    return f"{session.name}: {step.question.upper()}, [{step.what}]({step.link})"


def _question(question: str) -> str:
    notebook = notebook_of(question)
    return f"[{notebook.title}]({notebook.file})"


def _exercise(name: str) -> str:
    one = exercise(name)
    return f"[{one.title}]({exercise_link(one)})"


def _hours(minutes: int) -> str:
    return f"{minutes / 60:.0f} h"
