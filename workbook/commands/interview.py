"""workbook interview: a mock interview against the clock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbook.commands import Json

if TYPE_CHECKING:
    from rich.console import Console

    from exercises.interviews.model import Interview
    from workbook.interview.session import Session


def command(
    question: Annotated[str, typer.Argument(help="q1 to q7.", metavar="QUESTION", show_default=False)] = "",
    minutes: Annotated[int, typer.Option("--minutes", help="30, or 45 with every phase half as long again.")] = 30,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last one that was not finished.")] = False,
    list: Annotated[bool, typer.Option("--list", help="List the interviews on this machine.")] = False,
    json: Json = False,
) -> None:
    """Hold a mock interview: five phases with a clock, follow-ups that change the numbers, a rubric at the end.

    Everything is saved as it happens; a report in Markdown is written at the end. Needs no language model.
    """
    from workbook import console
    from workbook.errors import UsageError

    if list:
        _list(question, json)
        return
    if not question:
        raise UsageError("no question named", "for instance: workbook interview q2 (or --list)")
    found = _interview(question)
    out = console.stderr() if json else console.stdout()
    session = _session(found, minutes, resume, out)
    try:
        _hold(session, out, resume, json)
    finally:
        session.close()
    if json:
        assert session.log is not None
        console.emit_json("interview", {"interviews": [_record(session.log.path)]})


def _interview(question: str) -> Interview:
    from exercises.interviews.catalogue import interview_of
    from exercises.model import ExerciseError
    from workbook.errors import UsageError

    try:
        return interview_of(question)
    except ExerciseError as error:
        raise UsageError(str(error), "for instance: workbook interview q2") from None


def _session(found: Interview, minutes: int, resume: bool, out: Console) -> Session:
    from workbook import console
    from workbook.errors import UsageError
    from workbook.interview import log, timing
    from workbook.interview.finding import unfinished
    from workbook.interview.session import Session

    timing.lengths(minutes)
    open_one = unfinished(found.question)
    if resume:
        if open_one is None:
            raise UsageError(f"no unfinished interview of {found.question}", "begin one without --resume")
        return Session.resume(found, open_one)
    if open_one is not None:
        console.say(out, f"{open_one.stem} is not finished: --resume goes on with it. This is a new one.")
    return Session(found, minutes, log=log.Log.create(found.question))


def _hold(session: Session, out: Console, resumed: bool, json: bool) -> None:
    from workbook import console
    from workbook.interview import closing
    from workbook.interview.lines import source
    from workbook.interview.scoring import Scoring
    from workbook.interview.terminal import Conversation

    assert session.log is not None
    lines = source(to_stderr=json)
    whole = False
    try:
        if Conversation(session, lines, out).run(resumed):
            scoring = Scoring(session, lines, out)
            whole = scoring.run()
            if whole:
                closing.settle(session)
                scoring.second_opinion()
    finally:
        path = closing.report(session)
        console.say(out, f"Report: {path}")
        if not whole:
            console.say(out, f"Not finished: `workbook interview {session.interview.question} --resume` goes on.")


def _record(path: Path) -> dict[str, Any]:
    from workbook.interview.report import record_of

    return record_of(path)


def _list(question: str, json: bool) -> None:
    from workbook import console
    from workbook.errors import WorkbookError
    from workbook.interview import log
    from workbook.interview.timing import clock_text

    if question:
        _interview(question)
    rows, damaged = [], []
    for path in log.files(question):
        try:
            rows.append(_record(path))
        except (WorkbookError, KeyError, ValueError, TypeError) as error:
            damaged.append(f"{path}: {error}")
    if json:
        console.emit_json("interview", {"interviews": rows})
        return
    out = console.stdout()
    for row in rows:
        points = f"{row['total']:g} points" if row["total"] is not None else "no points"
        where = {"done": points, "rubric": "to be scored: --resume", "running": f"in {row['phase']}: --resume"}
        console.say(
            out,
            f"{row['question']}  {row['started'][:16].replace('T', ' ')}  {clock_text(row['seconds']):>6} of "
            f"{row['minutes']} min  {where[row['stage']]}\n    {row['report'] or row['file']}",
        )
    if not rows:
        console.say(out, f"No interviews in {log.folder()}.")
    for line in damaged:
        console.say(console.stderr(), f"cannot be read: {line}")
