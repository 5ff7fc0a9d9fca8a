"""Where somebody stands in a path: which exercises are right, which interviews were held, what is due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from exercises.catalogue import exercise
from exercises.model import Kind
from exercises.progress import Summary, summary
from exercises.progress.repetition import by_exercise
from workbook.study.paths import Session, Step, StudyPath


@dataclass(frozen=True)
class Standing:
    """right, tried: ids of exercises; an open answer is right when it was written. interviews: question -> how many."""

    summary: Summary
    right: frozenset[str]
    tried: frozenset[str]
    interviews: Counter[str]

    @property
    def is_empty(self) -> bool:
        return not self.tried and not self.interviews

    def done(self, step: Step) -> bool | None:
        """Whether a step is done; None for reading, which leaves no trace."""
        if step.exercises:
            return self.right.issuperset(step.exercises)
        if step.interview:
            return self.interviews[step.question] >= step.interview
        return None

    def minutes_done(self, steps: Sequence[Step]) -> tuple[int, int]:
        """Minutes of exercises and interviews: done, and all."""
        counted = [step for step in steps if self.done(step) is not None]
        return sum(step.minutes for step in counted if self.done(step)), sum(step.minutes for step in counted)

    def next_session(self, path: StudyPath) -> Session | None:
        """The first with an exercise or interview that is not done; None if all are."""
        return next((one for one in path.sessions if any(self.done(step) is False for step in one.steps)), None)


def standing(now: datetime | None = None) -> Standing:
    """What this machine's progress file says; an empty one where there is none.

    Raises exercises.progress.ProgressError if the file cannot be read.
    """
    found = summary(now)
    tried = by_exercise(found.attempts)
    right = {
        one.id for one, kept in tried.items() if one.kind is Kind.DESIGN or any(attempt.share >= 1 for attempt in kept)
    }
    return Standing(
        summary=found,
        right=frozenset(right),
        tried=frozenset(one.id for one in tried),
        interviews=Counter(one.question for one in found.interviews),
    )


def due_today(found: Standing, question: str) -> list[str]:
    """Ids of the question's exercises that should be repeated now, the least likely to be known first."""
    return [one.exercise.id for one in found.summary.due if exercise(one.exercise.id).question == question]
