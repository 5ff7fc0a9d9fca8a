"""A mock interview against the clock, in a terminal (`workbook interview q2`) or in JupyterLab.

from workbook.interview import interview
interview("q2")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exercises.interviews.model import Interview
    from workbook.interview.panel import Panel


def interview(question: str | Interview, minutes: int = 30) -> Panel:
    """The panel of one interview, for the last line of a notebook cell. The clock runs from its Begin button on.

    question: "q1" to "q7", or an `Interview` of your own. minutes: 30 or 45.
    Raises UsageError for other minutes, ExerciseError for an unknown question.
    """
    from exercises.interviews.catalogue import interview_of
    from workbook.interview.panel import open_panel

    return open_panel(interview_of(question) if isinstance(question, str) else question, minutes)


__all__ = ["interview"]
