"""Fixed thresholds on the candidate alone, as Argo Rollouts and Flagger are commonly set up: the rules to compare with.

Both ask a metrics system at intervals, compare the answer with a constant, and stop after a number of failed checks.
The settings below are those of the projects' own examples (read 2026-11-24): an Argo AnalysisTemplate with an interval
of 5 minutes, success rate >= 0.95 and failureLimit 3; a Flagger canary with an interval of 1 minute, success rate >=
99 %, a limit on the duration (here: none, it is the service's own) and threshold 5. A team that knows its service sets
the constants to its own limits instead (`fitted`): the most that a fixed threshold can know.
"""

from __future__ import annotations

from dataclasses import dataclass

from reference.serving.rollout.simulation.rollouts import ROLLED_BACK
from reference.serving.rollout.simulation.scenario import Scenario
from reference.serving.rollout.statistics.windows import Window
from reference.serving.rollout.types import Policy, RolloutError


@dataclass(frozen=True)
class Thresholds:
    """Constants of one set-up.

    Attributes:
        most_errors: a check fails above this rate of failed users.
        slow_share: a check fails if more than this share of the answers is slower than the latency limit (1 - quantile
            means: the quantile passes the limit); None: latency is not asked.
        failures: failed checks that are tolerated; one more stops the rollout.
        interval_s: between checks; a check looks at the requests since the last one.
    """

    name: str
    most_errors: float
    slow_share: float | None
    failures: int
    interval_s: float

    def __post_init__(self) -> None:
        if not 0 < self.most_errors < 1:
            raise RolloutError(f"most_errors: must lie between 0 and 1, got {self.most_errors}")
        if self.failures < 0 or not self.interval_s > 0:
            raise RolloutError(
                f"failures, interval_s: need at least 0 and above 0 s, got {self.failures}, {self.interval_s}"
            )


ARGO_EXAMPLE = Thresholds("Argo's example", 0.05, None, 3, 300.0)
FLAGGER_EXAMPLE = Thresholds("Flagger's example", 0.01, None, 4, 60.0)


def fitted(scenario: Scenario, policy: Policy, failures: int = 3, interval_s: float = 300.0) -> Thresholds:
    """Constants at the policy's own limits, the baseline's true rate known: errors doubled, quantile +10 %."""
    return Thresholds(
        "thresholds at the limits",
        scenario.error_rate * policy.error_ratio_limit,
        1 - policy.latency_quantile,
        failures,
        interval_s,
    )


class FixedThreshold:
    """A rule for `simulate`: counts failed checks, stops past the tolerated number, else promotes once baked."""

    def __init__(self, policy: Policy, thresholds: Thresholds) -> None:
        self.policy, self.thresholds = policy, thresholds
        self.failed = 0
        self._units = self._errors = self._timed = self._slow = 0
        self._elapsed = 0.0
        self._last = 0.0

    def __call__(self, window: Window, step: int, step_s: float) -> tuple[str, str]:
        """See `Rule`. A check without a request passes, as a query that returns nothing does unless it is caught."""
        arm = window.candidate
        self._units += arm.units
        self._errors += arm.failed
        self._timed += arm.timed
        self._slow += arm.slow_limit
        self._elapsed += step_s - self._last if step_s > self._last else step_s
        self._last = step_s
        if self._elapsed + 1e-9 >= self.thresholds.interval_s:
            reason = self._check()
            self._units = self._errors = self._timed = self._slow = 0
            self._elapsed = 0.0
            if self.failed > self.thresholds.failures:
                return ROLLED_BACK, reason
        return ("advance", "bake time over") if step_s >= self.policy.bake_s[step] else ("", "")

    def _check(self) -> str:
        limits = self.thresholds
        errors = self._units > 0 and self._errors / self._units > limits.most_errors
        slow = limits.slow_share is not None and self._timed > 0 and self._slow / self._timed > limits.slow_share
        self.failed += errors or slow
        return "error rate" if errors else "latency"
