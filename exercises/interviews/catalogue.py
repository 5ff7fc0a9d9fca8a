"""The interviews by question."""

from __future__ import annotations

import importlib

from exercises.catalogue import QUESTIONS
from exercises.interviews.model import Interview
from exercises.model import ExerciseError


def interview_of(question: str) -> Interview:
    """The interview of "q1" to "q7". Raises ExerciseError for another."""
    if question not in QUESTIONS:
        raise ExerciseError(f"no question {question!r}: there are {', '.join(QUESTIONS)}")
    found: Interview = importlib.import_module(f"exercises.interviews.{question}").INTERVIEW
    return found
