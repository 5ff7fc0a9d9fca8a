"""The answers that several gates judge: asked once per version, all versions in turn, so that they share the noise."""

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


def collect(ask: Ask, versions: Sequence[str], cases: Sequence[Case]) -> dict[str, tuple[Prediction, ...]]:
    """Ask every version once, in blocks that take turns: a machine that slows down slows all, and ratios stay true.

    versions: the names that the engine serves; one that is there twice is asked once. Returns answers by name, in the
    order of `cases`.
    """
    names = list(dict.fromkeys(versions))
    answers: dict[str, list[Prediction]] = {name: [] for name in names}
    for index, start in enumerate(range(0, len(cases), BLOCK)):
        for turn in range(len(names)):
            name = names[(index + turn) % len(names)]
            answers[name].extend(ask(name, cases[start : start + BLOCK]))
    return {name: tuple(made) for name, made in answers.items()}


def too_few(gate: str, n: int, least: int, what: str = "cases") -> GateResult:
    return GateResult(gate, GateVerdict.NOT_ENOUGH_DATA, f"{n} {what}, fewer than {least}", n=n)
