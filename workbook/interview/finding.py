"""Interviews that were not finished."""

from __future__ import annotations

from pathlib import Path

from workbook.errors import WorkbookError
from workbook.interview.log import files, read
from workbook.interview.state import replay


def unfinished(question: str) -> Path | None:
    """The latest interview of a question that was left before its scores were final; damaged files are passed over."""
    for path in reversed(files(question)):
        try:
            state = replay(read(path))
        except (WorkbookError, KeyError, ValueError, TypeError):
            continue
        if state.question == question and not state.done:
            return path
    return None
