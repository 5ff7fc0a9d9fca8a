"""What to repeat: one card of the FSRS schedule per exercise, fed with the first answer of each sitting."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from exercises.catalogue import all_exercises
from exercises.model import Exercise, Kind
from exercises.progress.store import Attempt, attempts
from exercises.slips import SLIPS

if TYPE_CHECKING:
    from fsrs import Card, Rating, Scheduler

# Answers within this time of each other are one sitting: a check that is called until it says "right" is one try.
SITTING = timedelta(minutes=30)


@dataclass(frozen=True)
class Due:
    """since: when it became due, UTC. recall: expected chance, 0 to 1, of knowing it now. reason: in words.

    take: which variant to do: the next one where the last was solved, for its answer still stands in the notebook.
    """

    exercise: Exercise
    since: datetime
    recall: float
    last: datetime
    reason: str
    take: int


def due(now: datetime | None = None, kept: Sequence[Attempt] | None = None) -> list[Due]:
    """What to repeat at `now` (UTC), the least likely to be known first.

    kept: attempts, the oldest first; those of this machine if left out. Exercises that this workbook no longer has are
    left out. Raises ProgressError if the progress cannot be read.
    """
    now = now or datetime.now(UTC)
    found = []
    for one, tried in by_exercise(attempts() if kept is None else kept).items():
        card = card_of(one, tried)
        if card.due <= now:
            recall, counted = _scheduler().get_card_retrievability(card, now), first_time(one, tried)
            take = counted[-1].take + _solved(one, counted[-1])
            found.append(Due(one, card.due, recall, counted[-1].at, _reason(one, counted, recall, now), take))
    return sorted(found, key=lambda each: (each.recall, each.since, each.exercise.id))


def by_exercise(kept: Iterable[Attempt]) -> dict[Exercise, list[Attempt]]:
    """The attempts of each exercise that exists, in their order."""
    known = {one.id: one for one in all_exercises()}
    found: dict[Exercise, list[Attempt]] = {}
    for attempt in kept:
        if attempt.exercise in known:
            found.setdefault(known[attempt.exercise], []).append(attempt)
    return found


def sittings(tried: Sequence[Attempt]) -> list[list[Attempt]]:
    """Attempts of one exercise, put together where less than `SITTING` lies between one and the next."""
    found: list[list[Attempt]] = []
    for attempt in tried:
        if found and attempt.at - found[-1][-1].at < SITTING:
            found[-1].append(attempt)
        else:
            found.append([attempt])
    return found


def first_time(one: Exercise, tried: Sequence[Attempt]) -> list[Attempt]:
    """Without the attempts at a variant that was solved before: whoever runs a notebook again has recalled nothing."""
    solved: set[int] = set()
    found = []
    for attempt in tried:
        if attempt.take not in solved:
            found.append(attempt)
        if _solved(one, attempt):
            solved.add(attempt.take)
    return found


def _solved(one: Exercise, attempt: Attempt) -> bool:
    return attempt.share >= 1 or one.kind is Kind.DESIGN


def card_of(one: Exercise, tried: Sequence[Attempt]) -> Card:
    """The card after all sittings that count (`first_time`). Raises ValueError without an attempt."""
    from fsrs import Card

    if not tried:
        raise ValueError(f"{one.id}: no attempt, no card")
    card = Card(card_id=1)
    for sitting in sittings(first_time(one, tried)):
        card, _ = _scheduler().review_card(card, rating(one, sitting[0]), sitting[0].at)
    return card


def rating(one: Exercise, first: Attempt) -> Rating:
    """How well it was known: the first answer of a sitting decides, for after three tries everybody is right.

    An open answer has no marks here: having written it counts as known.
    """
    from fsrs import Rating

    if one.kind is Kind.DESIGN:
        return Rating.Good
    if first.share < 0.5:
        return Rating.Again
    if first.share < 1 or first.hints:
        return Rating.Hard
    return Rating.Good


@cache
def _scheduler() -> Scheduler:
    """Days from the first review on (no steps of minutes), and no chance in it: the same attempts give the same day."""
    from fsrs import Scheduler

    return Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)


def _reason(one: Exercise, tried: Sequence[Attempt], recall: float, now: datetime) -> str:
    first = sittings(tried)[-1][0]
    when = ago(now - first.at)
    if one.kind is Kind.DESIGN:
        return f"written {when}"
    if first.share >= 1:
        hints = f" with {first.hints} hint{'s' if first.hints > 1 else ''}" if first.hints else ""
        return f"right{hints} {when}; {recall:.0%} likely to be known now"
    said = next((SLIPS[key].say for key in first.slips if key in SLIPS), "")
    so_far = "wrong" if first.share == 0 else f"{first.share:.0%} right"
    return f"{so_far} {when}" + (f": {said}" if said else "")


def ago(passed: timedelta) -> str:
    """ "today", "yesterday", "12 days ago": by full days."""
    days = passed.days
    return "today" if days < 1 else "yesterday" if days == 1 else f"{days} days ago"
