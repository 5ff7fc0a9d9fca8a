"""The end of an interview: the report beside its file, and a line in the reader's progress."""

from __future__ import annotations

from pathlib import Path

from workbook.errors import WorkbookError
from workbook.interview.report import write_report
from workbook.interview.session import Session


def settle(session: Session) -> Path | None:
    """Make the scores final, write the report, keep the result in the progress; the report's path, if there is a file.

    Raises WorkbookError if the report cannot be written; the scores are kept then nevertheless.
    """
    from exercises.progress import keep_interview

    again = session.state.done
    session.settle()
    path = report(session)
    if not again:
        points = {name: score.points for name, score in session.state.scores.items()}
        of = sum(one.points for one in session.interview.rubric)
        notes = str(path) if path else ""
        keep_interview(session.interview.question, session.minutes, points, session.state.total, of, notes)
    return path


def report(session: Session) -> Path | None:
    """Write the report as things stand. Raises WorkbookError if it cannot be written."""
    if session.log is None:
        return None
    try:
        return write_report(session.state, session.interview, session.log.path)
    except OSError as error:
        raise WorkbookError(
            f"the report cannot be written beside {session.log.path}: {error.strerror}",
            "everything is in that file; make room and go on with --resume",
        ) from None
