"""What a reader has tried, on this machine only: attempts, interviews, and what to repeat when.

WORKBOOK_PROGRESS names another file, or switches all of it off ("off"). Nothing leaves the machine.
"""

from exercises.progress.repetition import Due, due
from exercises.progress.store import (
    Attempt,
    InterviewKept,
    ProgressError,
    attempts,
    forget,
    interviews,
    keep_attempt,
    keep_interview,
    path,
)
from exercises.progress.summary import Row, Summary, summary

__all__ = [
    "Attempt",
    "Due",
    "InterviewKept",
    "ProgressError",
    "Row",
    "Summary",
    "attempts",
    "due",
    "forget",
    "interviews",
    "keep_attempt",
    "keep_interview",
    "path",
    "summary",
]
