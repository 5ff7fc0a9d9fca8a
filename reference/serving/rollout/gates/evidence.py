"""The answers that several gates judge: asked once per version, both versions in turn, so that they share the noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reference.serving.rollout.types import GateResult, GateVerdict
from reference.serving.rollout.versions.predict import Prediction
from reference.serving.rollout.versions.task import Case

BLOCK = 64

Ask = Callable[[str, Sequence[Case]], Sequence[Prediction]]


@dataclass(frozen=True)
class Evidence:
    """Answers of candidate and production to the same cases, in the same order; production may be ()."""

    candidate: tuple[Prediction, ...]
    production: tuple[Prediction, ...] = ()

    @property
    def failed(self) -> int:
        return sum(bool(one.error) for one in self.candidate)


def collect(ask: Ask, candidate: str, production: str | None, cases: Sequence[Case]) -> Evidence:
    """Ask both in blocks that take turns: a machine that slows down slows both, and the ratio stays true.

    candidate, production: the names that the engine serves; production None: nothing to compare with.
    """
    mine: list[Prediction] = []
    theirs: list[Prediction] = []
    for index, start in enumerate(range(0, len(cases), BLOCK)):
        block = cases[start : start + BLOCK]
        order = [(candidate, mine)] + ([(production, theirs)] if production is not None else [])
        for name, into in order if index % 2 == 0 else reversed(order):
            into.extend(ask(name, block))
    return Evidence(tuple(mine), tuple(theirs))


def too_few(gate: str, n: int, least: int, what: str = "cases") -> GateResult:
    return GateResult(gate, GateVerdict.NOT_ENOUGH_DATA, f"{n} {what}, fewer than {least}", n=n)
