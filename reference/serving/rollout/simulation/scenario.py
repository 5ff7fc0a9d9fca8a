"""A release as numbers, and the windows of counts it produces.

Distributions: units per window Poisson; failures, ratings and goals binomial; log latencies normal, so that the mean
and the sum of squares of a window are drawn exactly (normal and chi-square) without drawing the requests; slow answers
binomial with the normal tail. The mean and the slow answers of one window are drawn independently of each other: every
check has a level of its own, so their dependence changes no bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from reference.serving.rollout.statistics.windows import ArmCounts, Window
from reference.serving.rollout.types import RolloutError


@dataclass(frozen=True)
class Scenario:
    """A baseline and how the candidate differs from it.

    Attributes:
        units_per_s: users, one request each, per second over both arms; swing: relative daily amplitude.
        error_rate, latency_s (median), latency_log_sd, rating_share, dislike_rate, goal_rate: of the baseline.
        error_ratio: factor on the rate of errors; latency_ratio: factor on all latencies.
        tail_share, tail_ratio: a share of the candidate's answers is slower by a factor, the others are not.
        dislike_ratio: factor on the rate of thumbs down; goal_ratio: factor on the rate of goals met.
        skew: the share that really reaches the candidate over the one that is set (1 = a sound split).
        outage_every_s, outage_rate: both arms fail at this rate for one window now and then (a common cause).
    """

    name: str
    units_per_s: float = 5.0
    swing: float = 0.5
    error_rate: float = 0.01
    latency_s: float = 0.8
    latency_log_sd: float = 0.6
    rating_share: float = 0.05
    dislike_rate: float = 0.15
    goal_rate: float = 0.10
    error_ratio: float = 1.0
    latency_ratio: float = 1.0
    tail_share: float = 0.0
    tail_ratio: float = 1.0
    dislike_ratio: float = 1.0
    goal_ratio: float = 1.0
    skew: float = 1.0
    outage_every_s: float = 0.0
    outage_rate: float = 0.2

    def __post_init__(self) -> None:
        for name in (
            "units_per_s",
            "latency_s",
            "latency_log_sd",
            "error_ratio",
            "latency_ratio",
            "tail_ratio",
            "skew",
        ):
            if not getattr(self, name) > 0:
                raise RolloutError(f"{name}: must be above 0, got {getattr(self, name)}")
        for name in ("error_rate", "rating_share", "dislike_rate", "goal_rate", "tail_share", "swing", "outage_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise RolloutError(f"{name}: must lie in [0, 1], got {getattr(self, name)}")
        if self.error_rate * self.error_ratio > 1 or self.dislike_rate * self.dislike_ratio > 1:
            raise RolloutError("error_ratio, dislike_ratio: the candidate's rate would pass 1")


class Traffic:
    """Windows of one simulated rollout; `quantile` sets the slow-request threshold at the baseline's true quantile."""

    def __init__(self, scenario: Scenario, random: Any, window_s: float, quantile: float, limit: float) -> None:
        from scipy.special import ndtri

        self.scenario, self.random, self.window_s = scenario, random, window_s
        self.threshold = float(ndtri(quantile))  # in standard deviations above the median's log
        self.shift = math.log(limit) / scenario.latency_log_sd

    def window(self, at: float, share: float) -> Window:
        """The window that begins `at` seconds after midnight, with `share` of the users on the candidate."""
        s = self.scenario
        level = 1 + s.swing * math.sin(2 * math.pi * (at / 86_400 - 0.25))
        outage = s.outage_every_s > 0 and at % s.outage_every_s < self.window_s
        real = min(1.0, share * s.skew)
        units = s.units_per_s * level * self.window_s
        return Window(share, self._arm(units * (1 - real), False, outage), self._arm(units * real, True, outage))

    def _arm(self, mean_units: float, candidate: bool, outage: bool) -> ArmCounts:
        from scipy.special import ndtr

        s, random = self.scenario, self.random
        n = int(random.poisson(mean_units)) if mean_units > 0 else 0
        if n == 0:
            return ArmCounts()
        error = s.error_rate * (s.error_ratio if candidate else 1.0)
        failed = int(random.binomial(n, max(error, s.outage_rate) if outage else error))
        timed = n - failed
        counts = ArmCounts(units=n, at_risk=n, failed=failed, timed=timed, fresh=n, requests=n)
        if timed:
            tail = int(random.binomial(timed, s.tail_share)) if candidate and s.tail_share else 0
            shift = math.log(s.latency_ratio) if candidate else 0.0
            slow_shift = math.log(s.tail_ratio)
            mean = math.log(s.latency_s) + shift + slow_shift * tail / timed
            counts.mean_log = mean + float(random.normal(0, s.latency_log_sd / math.sqrt(timed)))
            between = slow_shift**2 * tail * (timed - tail) / timed
            counts.squares = s.latency_log_sd**2 * float(random.chisquare(timed - 1)) + between if timed > 1 else 0.0
            z = shift / s.latency_log_sd
            z_tail = z + slow_shift / s.latency_log_sd
            slow = int(random.binomial(timed - tail, float(ndtr(z - self.threshold))))
            slow += int(random.binomial(tail, float(ndtr(z_tail - self.threshold)))) if tail else 0
            counts.slow = slow
            # Slower than threshold / limit: those above the threshold, and some of the others.
            above, wider = float(ndtr(z - self.threshold)), float(ndtr(z + self.shift - self.threshold))
            extra = (wider - above) / (1 - above) if above < 1 else 0.0
            over = float(ndtr(z - self.threshold - self.shift))
            counts.slow_limit = int(random.binomial(slow, min(1.0, over / above))) if above else 0
            counts.slow_scaled = slow + int(random.binomial(timed - slow, extra))
        counts.rated = int(random.binomial(n, s.rating_share))
        counts.disliked = int(random.binomial(counts.rated, s.dislike_rate * (s.dislike_ratio if candidate else 1.0)))
        counts.asked = n
        counts.missed = n - int(random.binomial(n, min(1.0, s.goal_rate * (s.goal_ratio if candidate else 1.0))))
        return counts
