"""The analysis of an A/B test of fixed size: effect with interval, and guardrail metrics that must not get worse.

Rates: difference with Newcombe's interval (1998, Statistics in Medicine 17, method 10, from two Wilson intervals).
Latencies: ratio of geometric means with Welch's t interval. The decision metric is tested at alpha; guardrails are
non-inferiority tests, each at alpha, because all of them must hold (an intersection needs no correction).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reference.serving.rollout.types import RolloutError


@dataclass(frozen=True)
class Effect:
    """Treatment against control: `difference` (rates) or `ratio` (latencies) with its interval at level 1 - alpha.

    better: the whole interval lies on the good side; worse: on the bad side; both false: not decided.
    """

    metric: str
    control: float
    treatment: float
    effect: float
    low: float
    high: float
    n_control: int
    n_treatment: int
    better: bool
    worse: bool


def rate_effect(
    metric: str, control: tuple[int, int], treatment: tuple[int, int], *, higher_is_better: bool, alpha: float = 0.05
) -> Effect:
    """(hits, users) of each arm. Raises RolloutError for hits outside 0..users or an arm without users."""
    from statistics import NormalDist

    from reference.sizing.intervals import wilson

    for name, (hits, n) in (("control", control), ("treatment", treatment)):
        if n < 1 or not 0 <= hits <= n:
            raise RolloutError(f"{name}: needs 0 <= hits <= users and at least one user, got {hits} of {n}")
    z = NormalDist().inv_cdf(1 - alpha / 2)
    (c, nc), (t, nt) = control, treatment
    pc, pt = c / nc, t / nt
    (lc, uc), (lt, ut) = wilson(c, nc, z), wilson(t, nt, z)
    low = pt - pc - math.hypot(pt - lt, uc - pc)
    high = pt - pc + math.hypot(ut - pt, pc - lc)
    good = (low > 0) if higher_is_better else (high < 0)
    bad = (high < 0) if higher_is_better else (low > 0)
    return Effect(metric, pc, pt, pt - pc, low, high, nc, nt, good, bad)


def latency_effect(metric: str, control: Sequence[float], treatment: Sequence[float], alpha: float = 0.05) -> Effect:
    """Seconds, one value per user. Raises RolloutError for fewer than two users in an arm or a time not above 0."""
    from statistics import fmean, variance

    from scipy.stats import t as student

    logs = []
    for name, values in (("control", control), ("treatment", treatment)):
        if len(values) < 2:
            raise RolloutError(f"{name}: needs at least two users, got {len(values)}")
        if any(not value > 0 for value in values):
            raise RolloutError(f"{name}: every time must be above 0 s")
        logs.append([math.log(value) for value in values])
    (c, t), (nc, nt) = logs, (len(control), len(treatment))
    vc, vt = variance(c) / nc, variance(t) / nt
    if vc + vt == 0:
        raise RolloutError("control, treatment: no spread at all; give the times of single users, not their mean")
    freedom = (vc + vt) ** 2 / (vc**2 / (nc - 1) + vt**2 / (nt - 1))
    radius = float(student.ppf(1 - alpha / 2, freedom)) * math.sqrt(vc + vt)
    difference = fmean(t) - fmean(c)
    low, high = math.exp(difference - radius), math.exp(difference + radius)
    return Effect(
        metric, math.exp(fmean(c)), math.exp(fmean(t)), math.exp(difference), low, high, nc, nt, high < 1, low > 1
    )


@dataclass(frozen=True)
class Guardrail:
    """A metric that must not get worse by more than `margin` (difference of a rate, or ratio - 1 of a latency)."""

    effect: Effect
    margin: float
    higher_is_better: bool = False

    @property
    def holds(self) -> bool:
        """Whether the interval excludes a worsening by the margin."""
        effect = self.effect
        if effect.metric.startswith("latency"):
            return effect.high < 1 + self.margin
        return effect.low > -self.margin if self.higher_is_better else effect.high < self.margin


def decide(primary: Effect, guardrails: Sequence[Guardrail]) -> tuple[str, str]:
    """("ship", "stop" or "not enough data", reason): ship a better primary whose guardrails all hold."""
    broken = [g.effect.metric for g in guardrails if g.effect.worse]
    open_ones = [g.effect.metric for g in guardrails if not g.holds]
    if primary.worse or broken:
        return "stop", f"worse: {', '.join([primary.metric] * primary.worse + broken)}"
    if not primary.better:
        return (
            "not enough data",
            f"{primary.metric}: the interval [{primary.low:.4g}, {primary.high:.4g}] decides nothing",
        )
    if open_ones:
        return "not enough data", f"not shown to hold: {', '.join(open_ones)}"
    return "ship", f"{primary.metric} is better and every guardrail holds"
