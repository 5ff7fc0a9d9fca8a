"""Variants: the numbers of one exercise for one person, the same each time they are drawn."""

from __future__ import annotations

import hashlib
import hmac
import json
from itertools import combinations
from random import Random

from exercises.model import Ask, Exercise, ExerciseError, Mistake, Params
from exercises.numbers import rounded

TRIES = 400


def seed_of(*words: str, secret: str = "") -> int:
    """A seed that depends on every word. With a secret, nobody without it can compute the seed."""
    return int.from_bytes(hmac.digest(secret.encode(), "\x1f".join(words).encode(), hashlib.sha256)[:8], "big")


def variant(exercise: Exercise, person: str, take: int = 1, secret: str = "") -> dict[str, object]:
    """The numbers that `person` gets; another `take` draws others. Raises ExerciseError if no draw is well posed."""
    random = Random(seed_of(exercise.id, person, str(take), secret=secret))
    for _ in range(TRIES):
        drawn = exercise.draw(random)
        if not flaw(exercise, drawn):
            return drawn
    raise ExerciseError(f"{exercise.id}: none of {TRIES} draws is well posed; the last one: {flaw(exercise, drawn)}")


def flaw(exercise: Exercise, params: Params) -> str:
    """Why these numbers make a bad exercise; "" if they do not.

    A variant is well posed if it survives JSON, and if no listed mistake gives the right answer or another's.
    """
    if json.loads(json.dumps(params)) != params:
        return "the numbers do not survive JSON: use lists for tuples, strings for keys"
    if not exercise.asks:
        return ""
    assert exercise.answers is not None
    right = exercise.answers(params)
    listed = exercise.mistakes(params) if exercise.mistakes else {}
    for ask in exercise.asks:
        mistakes = listed.get(ask.name, [])
        for mistake in mistakes:
            if _same(ask, mistake.value, right[ask.name]):
                return f"{ask.name}: {mistake.slip} gives the right answer"
        for one, other in combinations(mistakes, 2):
            if one.slip != other.slip and _same(ask, one.value, other.value):
                return f"{ask.name}: {one.slip} and {other.slip} give the same"
        if ask.whole and _at_the_edge(float(right[ask.name])):
            return f"{ask.name}: so near a whole number that the noise of floats decides how it is rounded"
        if not ask.choices and not ask.whole and right[ask.name] == 0:
            return f"{ask.name}: the answer is zero"
    return ""


def _at_the_edge(value: float) -> bool:
    """Beside a whole number by noise only. Exactly on it is what functions give that round themselves."""
    return value != round(value) and abs(value - round(value)) <= 1e-9 * max(1.0, abs(value))


def _same(ask: Ask, one: float | str, other: float | str) -> bool:
    """Whether two answers could be taken for each other; numbers with twice the room that the check gives."""
    if ask.choices:
        return one == other
    if ask.whole:
        return rounded(ask, float(one)) == rounded(ask, float(other))
    return abs(float(one) - float(other)) <= 2.5 * ask.tolerance * max(abs(float(one)), abs(float(other)))


def mistakes_of(exercise: Exercise, params: Params) -> dict[str, list[Mistake]]:
    """Every listed mistake, by ask; an empty list where there is none."""
    listed = exercise.mistakes(params) if exercise.mistakes else {}
    return {ask.name: list(listed.get(ask.name, [])) for ask in exercise.asks}
