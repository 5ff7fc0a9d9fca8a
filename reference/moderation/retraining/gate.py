"""Whether a newly trained model replaces the one in use: a paired test, and a limit on false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from reference.moderation.evaluation.paired import mcnemar_exact, more_by_chance
from reference.moderation.types import ModerationError


class Verdict(StrEnum):
    PROMOTE = "promote"
    KEEP = "keep"
    NOT_ENOUGH_DATA = "not enough data"


@dataclass(frozen=True)
class GateResult:
    """The verdict with what it rests on. `p_value`: of McNemar's exact test on the violating posts.

    Attributes:
        only_new, only_old: violating posts that only the new, only the old model catches.
        false_new, false_old: allowed posts that only the new, only the old model flags.
        p_false: one-sided exact p that the new model flags more allowed posts.
    """

    verdict: Verdict
    reason: str
    only_new: int
    only_old: int
    false_new: int
    false_old: int
    p_value: float
    p_false: float


class Gate(Protocol):
    """What decides about a promotion; another one, e.g. of an experiment platform, can stand in its place."""

    def judge(self, old: Sequence[bool], new: Sequence[bool], violating: Sequence[bool]) -> GateResult:
        """`old`, `new`: what each model flags on the same labelled posts that neither was trained on."""
        ...


@dataclass(frozen=True)
class McNemarGate:
    """Promote if the new model catches more (p below `level`) and no rise of false alarms shows (p above `level`).

    Not enough data: fewer than `least_bad` violating or `least_clean` allowed posts, or so few discordant pairs that no
    outcome could be significant.
    """

    level: float = 0.05
    least_bad: int = 100
    least_clean: int = 500

    def judge(self, old: Sequence[bool], new: Sequence[bool], violating: Sequence[bool]) -> GateResult:
        import numpy as np

        a, b, bad = (np.asarray(one, dtype=bool) for one in (old, new, violating))
        if not a.shape == b.shape == bad.shape:
            raise ModerationError(
                f"{a.shape}, {b.shape}, {bad.shape}: both models and the labels are about the same posts"
            )
        only_new, only_old = _count(bad & b & ~a), _count(bad & a & ~b)
        false_new, false_old = _count(~bad & b & ~a), _count(~bad & a & ~b)
        p = mcnemar_exact(only_new, only_old)
        p_false = more_by_chance(false_new, false_old)

        def result(verdict: Verdict, reason: str) -> GateResult:
            return GateResult(verdict, reason, only_new, only_old, false_new, false_old, p, p_false)

        pairs = only_new + only_old
        if bad.sum() < self.least_bad or (~bad).sum() < self.least_clean:
            return result(
                Verdict.NOT_ENOUGH_DATA,
                f"{bad.sum()} violating, {(~bad).sum()} allowed posts; {self.least_bad} and {self.least_clean} needed",
            )
        if false_new > false_old and p_false < self.level:
            return result(Verdict.KEEP, f"flags {false_new} more allowed posts and {false_old} fewer (p {p_false:.2g})")
        if mcnemar_exact(pairs, 0) >= self.level:
            return result(Verdict.NOT_ENOUGH_DATA, f"the models differ on {pairs} violating posts only")
        if only_new > only_old and p < self.level:
            return result(Verdict.PROMOTE, f"catches {only_new} more and {only_old} fewer violating posts (p {p:.2g})")
        return result(Verdict.KEEP, f"no gain shown: {only_new} more, {only_old} fewer caught (p {p:.2g})")


def _count(marks: Any) -> int:
    return int(marks.sum())
