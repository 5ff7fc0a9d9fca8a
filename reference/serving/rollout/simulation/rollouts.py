"""One rollout through windows under a rule, and many of them: sequential tests and fixed thresholds side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from reference.serving.rollout.control.decide import Situation, decide
from reference.serving.rollout.simulation.scenario import Scenario, Traffic
from reference.serving.rollout.statistics.monitor import WindowMonitor
from reference.serving.rollout.statistics.windows import Window
from reference.serving.rollout.types import Decision, Phase, Policy, RolloutError, RolloutState

PROMOTED = "promoted"
ROLLED_BACK = "rolled back"
HELD = "held"  # not shown safe within the patience: a person decides, the share does not grow
MISMATCH = "paused: sample ratio"
_ENDS = {Decision.ROLL_BACK: ROLLED_BACK, Decision.PROMOTE: "advance", Decision.FINISH: "advance"}


@dataclass(frozen=True)
class Run:
    """How one simulated rollout ended.

    Attributes:
        end: PROMOTED (reached the last share), ROLLED_BACK, HELD or MISMATCH; share: the highest share served.
        hours: from start to the end; bad_units: users served by the candidate until then.
    """

    end: str
    share: float
    hours: float
    bad_units: int
    reason: str


class Rule(Protocol):
    """A way to decide after each window: a Run's end, "advance", or "" for going on."""

    def __call__(self, window: Window, step: int, step_s: float) -> tuple[str, str]: ...


class Sequential:
    """The rule of this package: the live monitor's checks, and the very function by which the controller decides."""

    def __init__(self, policy: Policy) -> None:
        self.policy, self.monitor = policy, WindowMonitor(policy)
        self.units, self.step = 0, 0

    def __call__(self, window: Window, step: int, step_s: float) -> tuple[str, str]:
        if step != self.step:
            self.step, self.units = step, 0
        self.units += window.candidate.units
        self.monitor.add_window(window)
        state = RolloutState("", "", "", "", Phase.RUNNING, step, window.share, 0.0, 1)
        decision, reason, cause = decide(state, self.policy, Situation(step_s, self.monitor.results(), self.units))
        if decision is Decision.PAUSE:
            return MISMATCH if cause == "sample ratio" else HELD, reason
        return _ENDS.get(decision, ""), reason


def simulate(
    scenario: Scenario, policy: Policy, rule: Rule, seed: int, window_s: float = 900.0, longest_s: float = 14 * 86_400
) -> Run:
    """One rollout from midnight. Same seed, same run. Raises RolloutError for a window longer than the bake times."""
    import numpy as np

    if not 0 < window_s <= max(policy.bake_s):
        raise RolloutError(f"window_s: must be above 0 and at most the longest bake time, got {window_s}")
    traffic = Traffic(
        scenario, np.random.default_rng(seed), window_s, policy.latency_quantile, policy.latency_ratio_limit
    )
    at, step, step_begun, served = 0.0, 0, 0.0, 0
    while at < longest_s:
        share = policy.steps[step]
        window = traffic.window(at, share)
        at += window_s
        served += window.candidate.units
        end, reason = rule(window, step, at - step_begun)
        if end == "advance":
            if step + 1 == len(policy.steps) or policy.steps[step + 1] >= 1.0:
                # At a share of 1 there is no baseline: the comparison ends where it can end.
                return Run(PROMOTED, 1.0, at / 3600, served, reason)
            step, step_begun = step + 1, at
        elif end:
            return Run(end, share, at / 3600, served, reason)
    return Run(HELD, policy.steps[step], at / 3600, served, "the longest time passed")


@dataclass(frozen=True)
class Summary:
    """Shares of `n` runs, with 95 % Wilson intervals where a target hangs on them.

    stopped_early: ended without ever passing the first share (rolled back, held or paused there).
    """

    scenario: str
    rule: str
    n: int
    promoted: float
    rolled_back: float
    rolled_back_low: float
    rolled_back_high: float
    stopped_early: float
    stopped_early_low: float
    stopped_early_high: float
    hours_p50: float
    units_p50: float


def summarize(scenario: str, rule: str, runs: Sequence[Run], first_share: float) -> Summary:
    """Counts and medians of runs of one scenario under one rule."""
    from statistics import median

    from reference.sizing.intervals import wilson

    n = len(runs)
    back = sum(run.end == ROLLED_BACK for run in runs)
    early = sum(run.end != PROMOTED and run.share <= first_share for run in runs)
    back_low, back_high = wilson(back, n)
    early_low, early_high = wilson(early, n)
    return Summary(
        scenario,
        rule,
        n,
        sum(run.end == PROMOTED for run in runs) / n,
        back / n,
        back_low,
        back_high,
        early / n,
        early_low,
        early_high,
        median(run.hours for run in runs),
        median(run.bad_units for run in runs),
    )


def many(
    scenario: Scenario, policy: Policy, make: Callable[[], Rule], n: int, seed: int = 1, window_s: float = 900.0
) -> list[Run]:
    """`n` rollouts with seeds of their own (seed, seed + 1, ...), each with a fresh rule."""
    return [simulate(scenario, policy, make(), seed + index, window_s) for index in range(n)]
