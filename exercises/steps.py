"""Somebody's worked answer, step by step: which step does not follow from the lines above it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from exercises.model import Mistake


def first_wrong(steps: Sequence[str], redone: Sequence[float], said: Sequence[float]) -> str:
    """The first of `steps` whose number is not what redoing it gives. redone: each step from what is *said* above it.

    Raises ValueError if every step holds: then nothing could be found.
    """
    for step, right, number in zip(steps, redone, said, strict=True):
        if not math.isclose(right, number):
            return step
    raise ValueError(f"every step holds: {list(said)}")


def other_steps(steps: Sequence[str], wrong: float | str) -> list[Mistake]:
    """The mistake of naming a step that holds. wrong: what `answers` gives for the ask."""
    return [Mistake("other_step", step) for step in steps if step != wrong]
