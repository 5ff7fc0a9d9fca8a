"""Where somebody stands: by question, the slips that they make most, what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from exercises.catalogue import QUESTIONS, exercises_of
from exercises.model import Exercise, Kind
from exercises.progress.repetition import Due, by_exercise, due, sittings
from exercises.progress.store import Attempt, InterviewKept, attempts, interviews
from exercises.slips import SLIPS

MOST_SLIPS = 5
MOST_NEXT = 3


@dataclass(frozen=True)
class Row:
    """One question. right_first: exercises that were right at the very first answer, without a hint; of `marked` tried.

    best: mean over the tried ones of the best share, 0 to 1; None if none was tried. Open answers have no share and
    count in `exercises`, `tried` and `due` only. interview: the best total as a share, None without one.
    """

    question: str
    exercises: int
    tried: int
    marked: int
    right_first: int
    best: float | None
    due: int
    interview: float | None


@dataclass(frozen=True)
class Summary:
    """slips: (key, what it is, in how many attempts), the most frequent first. next: id and why, at most three."""

    rows: tuple[Row, ...]
    slips: tuple[tuple[str, str, int], ...]
    due: tuple[Due, ...]
    next: tuple[tuple[str, str], ...]
    attempts: tuple[Attempt, ...]
    interviews: tuple[InterviewKept, ...]


def summary(
    now: datetime | None = None,
    kept: Sequence[Attempt] | None = None,
    held: Sequence[InterviewKept] | None = None,
) -> Summary:
    """Everything that `workbook progress` shows. kept, held: attempts and interviews; this machine's if left out."""
    kept = attempts() if kept is None else kept
    held = interviews() if held is None else held
    repeat = due(now, kept)
    tried = by_exercise(kept)
    return Summary(
        tuple(_row(question, tried, repeat, held) for question in QUESTIONS),
        _slips(kept), tuple(repeat), _next(tried, repeat), tuple(kept), tuple(held),
    )  # fmt: skip


def _row(question: str, tried: dict[Exercise, list[Attempt]], repeat: list[Due], held: Sequence[InterviewKept]) -> Row:
    ours = exercises_of(question)
    mine = {one: tried[one] for one in ours if one in tried}
    marked = {one: answers for one, answers in mine.items() if one.kind is not Kind.DESIGN}
    best = [max(answer.share for answer in answers) for answers in marked.values()]
    totals = [one.total / one.of for one in held if one.question == question and one.of > 0]
    return Row(
        question=question,
        exercises=len(ours),
        tried=len(mine),
        marked=len(marked),
        right_first=sum(answers[0].share >= 1 and not answers[0].hints for answers in marked.values()),
        best=sum(best) / len(best) if best else None,
        due=sum(one.exercise in mine for one in repeat),
        interview=max(totals, default=None),
    )


def _slips(kept: Sequence[Attempt]) -> tuple[tuple[str, str, int], ...]:
    """By sittings, so that a check which is called five times with the same answer is one slip."""
    counted: Counter[str] = Counter()
    for answers in by_exercise(kept).values():
        for sitting in sittings(answers):
            counted.update({key for answer in sitting for key in answer.slips if key in SLIPS})
    ordered = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple((key, SLIPS[key].say, times) for key, times in ordered[:MOST_SLIPS])


def _next(tried: dict[Exercise, list[Attempt]], repeat: list[Due]) -> tuple[tuple[str, str], ...]:
    """Weak spots first, then what was not tried, beginning with the question that was worked on last."""
    found = [(one.exercise.id, f'{one.reason} (practice("{one.exercise.id}", take={one.take}))') for one in repeat]
    latest = max(tried, key=lambda one: tried[one][-1].at).question if tried else QUESTIONS[0]
    start = QUESTIONS.index(latest)
    for question in (*QUESTIONS[start:], *QUESTIONS[:start]):
        found += [
            (one.id, f"not tried yet, about {one.minutes} minutes")
            for one in exercises_of(question)
            if one not in tried
        ]
    return tuple(found[:MOST_NEXT])
