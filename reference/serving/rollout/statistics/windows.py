"""Outcomes counted into windows: what the tests need of a stretch of time, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from reference.serving.rollout.types import BASELINE, CANDIDATE, Outcome, RolloutError


@dataclass
class ArmCounts:
    """One arm inside one window. A unit is a user: the requests of one user resemble each other and count once.

    Attributes:
        units: users seen; timed: users with a latency.
        at_risk, failed: users without an error in an earlier window, and those of them with one in this. So a user
            whose every request fails counts once: the comparison is a log-rank test of the time to the first failure.
        mean_log, squares: mean of the users' mean log seconds, and the sum of squared deviations from it.
        slow, slow_scaled: timed users whose first request took longer than the threshold; than threshold / limit.
        slow_limit: than threshold x limit, which rules with a fixed latency limit look at.
        rated, disliked, asked, missed: users with feedback and with a thumb down; with a known goal and with a miss.
        fresh: users not seen before (a ramp moves users without a new draw); requests: outcomes.
    """

    units: int = 0
    at_risk: int = 0
    failed: int = 0
    timed: int = 0
    mean_log: float = 0.0
    squares: float = 0.0
    slow: int = 0
    slow_scaled: int = 0
    slow_limit: int = 0
    rated: int = 0
    disliked: int = 0
    asked: int = 0
    missed: int = 0
    fresh: int = 0
    requests: int = 0

    def moments(self) -> tuple[int, float, float]:
        return self.timed, self.mean_log, self.squares


@dataclass
class Window:
    """One stretch of time at one share."""

    share: float
    baseline: ArmCounts = field(default_factory=ArmCounts)
    candidate: ArmCounts = field(default_factory=ArmCounts)


def check_outcome(outcome: Outcome) -> None:
    """Raise RolloutError naming the field for values that cannot be."""
    if outcome.arm not in (BASELINE, CANDIDATE):
        raise RolloutError(f"arm: must be {BASELINE!r} or {CANDIDATE!r}, got {outcome.arm!r}")
    if outcome.latency_s is not None and not (outcome.latency_s > 0 and math.isfinite(outcome.latency_s)):
        raise RolloutError(f"latency_s: must be above 0 and finite, got {outcome.latency_s}")
    for name in ("feedback", "business"):
        if getattr(outcome, name) not in (None, 0, 1):
            raise RolloutError(f"{name}: must be 0, 1 or None, got {getattr(outcome, name)!r}")
    if not math.isfinite(outcome.at):
        raise RolloutError(f"at: must be seconds since the epoch, got {outcome.at}")


def count(
    outcomes: Iterable[Outcome], threshold_s: float | None, limit: float, seen: set[str], failed: set[str]
) -> ArmCounts:
    """Counts of one arm's outcomes of one window.

    threshold_s: the slow-request threshold, None while there is none; limit: allowed latency ratio (1.10).
    seen: users met earlier in the rollout, in either arm; new ones are added.
    failed: users with an error in an earlier window; those of this one are added.
    """
    arm = ArmCounts()
    users: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        users.setdefault(outcome.user, []).append(outcome)
        arm.requests += 1
        if outcome.user not in seen:
            seen.add(outcome.user)
            arm.fresh += 1
    means = []
    for user, group in users.items():
        arm.units += 1
        if user not in failed:
            arm.at_risk += 1
            if any(one.error for one in group):
                arm.failed += 1
                failed.add(user)
        times = [one.latency_s for one in group if not one.error and one.latency_s is not None]
        if times:
            means.append(sum(math.log(seconds) for seconds in times) / len(times))
            if threshold_s is not None:
                arm.slow += times[0] > threshold_s
                arm.slow_scaled += times[0] > threshold_s / limit
                arm.slow_limit += times[0] > threshold_s * limit
        ratings = [one.feedback for one in group if one.feedback is not None]
        arm.rated += bool(ratings)
        arm.disliked += 0 in ratings
        goals = [one.business for one in group if one.business is not None]
        arm.asked += bool(goals)
        arm.missed += bool(goals) and 1 not in goals
    arm.timed = len(means)
    if means:
        arm.mean_log = sum(means) / len(means)
        arm.squares = sum((mean - arm.mean_log) ** 2 for mean in means)
    return arm
