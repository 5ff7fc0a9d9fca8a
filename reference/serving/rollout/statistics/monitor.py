"""The monitor of one rollout: every check at every look, with one budget for the chance of a false alarm.

Each of the five checks for harm gets alpha / 5 (Bonferroni), so all checks at all looks together roll a harmless
release back with probability at most alpha. A check of latency or errors is SAFE once the limit itself is excluded, at
level alpha each, because all of them must be shown before the share grows. The sample-ratio check has its own level.

At a share of 1 there is no baseline left: nothing new is learnt, and the results stay those of the last comparison.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reference.serving.rollout.statistics.curves import p_value
from reference.serving.rollout.statistics.means import LatencyRatio
from reference.serving.rollout.statistics.odds import OddsRatio, ShareRatio
from reference.serving.rollout.statistics.windows import ArmCounts, Window, check_outcome, count
from reference.serving.rollout.types import BASELINE, CANDIDATE, CheckResult, CheckState, Outcome, Policy, RolloutState

HARM_CHECKS = 5
MISMATCH_ALPHA = 0.001
# Baseline requests from which the slow-request threshold is taken; later windows only are compared with it.
WARM_UP = 200


def odds_limit(rate: float, increase: float) -> float:
    """Odds ratio that an absolute rise of a rate by `increase` means at `rate`; 1 for no tolerated rise."""
    if increase <= 0:
        return 1.0
    rate = min(max(rate, 1e-4), 1 - 1e-4)
    raised = min(rate + increase, 1 - 1e-6)
    return (raised / (1 - raised)) / (rate / (1 - rate))


@dataclass
class _Tracked:
    """A sequence with the largest evidence of harm so far: an alarm once raised stays raised."""

    sequence: OddsRatio | LatencyRatio
    largest: float = 0.0


class WindowMonitor:
    """Checks over windows; what the fast simulation and the live monitor share."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        limit = policy.error_ratio_limit
        self.errors = _Tracked(OddsRatio((limit,)))
        self.typical = _Tracked(LatencyRatio(scale=math.log(policy.latency_ratio_limit)))
        self.slow = _Tracked(OddsRatio())
        self.slow_limit = OddsRatio()
        self.disliked = _Tracked(OddsRatio())
        self.missed = _Tracked(OddsRatio())
        self.mismatch = ShareRatio()
        self._mismatch_largest = 0.0
        self._tolerated: dict[str, tuple[int, int]] = {}

    def add_window(self, window: Window) -> None:
        """Count one window and remember the largest evidence."""
        c, b = window.candidate, window.baseline
        self._odds(self.errors, "errors", (c.failed, c.at_risk), (b.failed, b.at_risk))
        assert isinstance(self.typical.sequence, LatencyRatio)
        self.typical.sequence.add(c.moments(), b.moments())
        self._odds(self.slow, "slow", (c.slow, c.timed), (b.slow, b.timed))
        self.slow_limit.add(c.slow, c.timed, b.slow_scaled, b.timed)
        self._odds(self.disliked, "disliked", (c.disliked, c.rated), (b.disliked, b.rated))
        self._odds(self.missed, "missed", (c.missed, c.asked), (b.missed, b.asked))
        if 0 < window.share < 1:
            self.mismatch.add(c.fresh, c.fresh + b.fresh, window.share)
            self._mismatch_largest = max(self._mismatch_largest, self.mismatch.log_e_differs(1.0))
        for tracked in (self.errors, self.typical, self.slow, self.disliked, self.missed):
            tracked.largest = max(tracked.largest, tracked.sequence.log_e_above(1.0))

    def _odds(self, tracked: _Tracked, name: str, candidate: tuple[int, int], baseline: tuple[int, int]) -> None:
        assert isinstance(tracked.sequence, OddsRatio)
        tracked.sequence.add(*candidate, *baseline)
        events, n = self._tolerated.get(name, (0, 0))
        self._tolerated[name] = (events + baseline[0], n + baseline[1])

    def results(self) -> tuple[CheckResult, ...]:
        """One result per check as of the last window."""
        policy = self.policy
        alpha = policy.alpha / HARM_CHECKS
        error_limit, ratio_limit = policy.error_ratio_limit, policy.latency_ratio_limit
        errors, typical = self.errors.sequence, self.typical.sequence
        return (
            self._check(
                "error rate",
                self.errors,
                alpha,
                errors.log_e_below(error_limit),
                f"odds of failure below {error_limit:g} times the baseline's",
                policy.error_increase_limit,
                "errors",
            ),
            self._check(
                "latency, typical",
                self.typical,
                alpha,
                typical.log_e_below(ratio_limit),
                f"ratio of geometric means below {ratio_limit:g}",
            ),
            self._check(
                f"latency, p{100 * policy.latency_quantile:g}",
                self.slow,
                alpha,
                self.slow_limit.log_e_below(1.0),
                f"fewer slow answers than the baseline would have at {ratio_limit:g} times its latency",
            ),
            self._check("feedback", self.disliked, alpha, None, "", policy.feedback_drop_limit, "disliked"),
            self._check("business", self.missed, alpha, None, "", policy.business_drop_limit, "missed"),
            self._share(),
        )

    def _check(
        self,
        name: str,
        tracked: _Tracked,
        alpha: float,
        log_e_safe: float | None,
        safe_text: str,
        increase: float = 0.0,
        rate_of: str = "",
    ) -> CheckResult:
        sequence = tracked.sequence
        nb, nc = sequence.baseline_n, sequence.candidate_n
        if min(nb, nc) == 0:
            return CheckResult(
                name, CheckState.NO_DATA, "no outcome with this metric yet", None, None, None, None, nb, nc
            )
        low, high = sequence.interval(alpha)
        tolerated = 1.0
        if increase > 0:
            events, n = self._tolerated[rate_of]
            tolerated = odds_limit(events / max(n, 1), increase)
        p = p_value(tracked.largest)
        effect = sequence.estimate()
        harm = p <= alpha and (increase <= 0 or low > tolerated)
        if harm:
            state, reason = CheckState.HARM, f"{effect:.3g} times the baseline's, p {p:.2g} at level {alpha:.2g}"
        elif log_e_safe is not None and log_e_safe >= math.log(1 / self.policy.alpha):
            state, reason = CheckState.SAFE, f"shown: {safe_text}"
        else:
            state, reason = CheckState.UNDECIDED, f"between {low:.3g} and {high:.3g} times the baseline's"
        return CheckResult(name, state, reason, p, effect, low, high, nb, nc)

    def _share(self) -> CheckResult:
        sequence, p = self.mismatch, p_value(self._mismatch_largest)
        n = sequence.n - sequence.candidate_n
        if sequence.n == 0:
            return CheckResult("sample ratio", CheckState.NO_DATA, "no user seen yet", None, None, None, None, 0, 0)
        low, high = sequence.interval(MISMATCH_ALPHA)
        wrong = p <= MISMATCH_ALPHA
        reason = (
            "users do not reach the candidate at the share that is set: nothing else can be trusted"
            if wrong
            else "as set"
        )
        state = CheckState.HARM if wrong else CheckState.UNDECIDED
        return CheckResult("sample ratio", state, reason, p, sequence.estimate(), low, high, n, sequence.candidate_n)


class SequentialMonitor(WindowMonitor):
    """The live monitor: outcomes in, windows of `window_s` seconds of their own time stamps, checks out.

    A window is closed when `grace_s` have passed after its end, so that late outcomes still count; what comes later is
    counted in `late`, not used. `share_at(at)` tells the share in force at a time; windows never span a change of it.
    """

    def __init__(
        self,
        policy: Policy,
        state: RolloutState | None = None,
        *,
        window_s: float = 60.0,
        grace_s: float = 5.0,
        warm_up: int = WARM_UP,
    ) -> None:
        super().__init__(policy)
        self.window_s, self.grace_s, self.warm_up = window_s, grace_s, warm_up
        start = (state.step_started_at, state.share) if state else (-math.inf, policy.steps[0])
        self._shares: list[tuple[float, float]] = [start]
        self._open: list[Outcome] = []
        self._closed_until = -math.inf
        self._baseline_times: list[float] = []
        self.threshold_s: float | None = None
        self._seen: set[str] = set()
        self._failed: set[str] = set()
        self.late = 0
        self.last_at: dict[str, float] = {}

    def share_changed(self, at: float, share: float) -> None:
        """From `at` on, `share` of the users reach the candidate."""
        if at < self._shares[-1][0]:
            at = self._shares[-1][0]  # a clock that went back must not reorder the shares
        self._shares.append((at, share))

    def shares_from(self, history: Sequence[tuple[float, float]]) -> None:
        """Take the shares of a rollout that began in another process: (from when, share), in order."""
        if history:
            self._shares = [history[0]]
            for at, share in history[1:]:
                if share != self._shares[-1][1]:
                    self.share_changed(at, share)

    def share_at(self, at: float) -> float:
        share = self._shares[0][1]
        for begun, value in self._shares:
            if begun <= at:
                share = value
        return share

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Raise RolloutError for an outcome with impossible fields; none of the batch is counted then."""
        for outcome in outcomes:
            check_outcome(outcome)
        for outcome in outcomes:
            if outcome.at < self._closed_until:
                self.late += 1
                continue
            self._open.append(outcome)
            self.last_at[outcome.arm] = max(outcome.at, self.last_at.get(outcome.arm, -math.inf))

    def _key(self, at: float) -> tuple[int, int]:
        step = sum(begun <= at for begun, _ in self._shares)
        return step, int(at // self.window_s)

    def look(self, now: float) -> tuple[CheckResult, ...]:
        """Close the windows that ended `grace_s` before `now`, and say what is known. Never raises for missing data."""
        edge = (now - self.grace_s) // self.window_s * self.window_s
        if edge > self._closed_until:
            ready = sorted((one for one in self._open if one.at < edge), key=lambda one: one.at)
            self._open = [one for one in self._open if one.at >= edge]
            self._closed_until = edge
            groups: dict[tuple[int, int], list[Outcome]] = {}
            for outcome in ready:
                groups.setdefault(self._key(outcome.at), []).append(outcome)
            for key in sorted(groups):
                self._close(groups[key])
        return self.results()

    def _close(self, outcomes: list[Outcome]) -> None:
        arms: dict[str, ArmCounts] = {}
        for arm in (BASELINE, CANDIDATE):
            mine = [one for one in outcomes if one.arm == arm]
            arms[arm] = count(mine, self.threshold_s, self.policy.latency_ratio_limit, self._seen, self._failed)
        window = Window(self.share_at(outcomes[0].at), arms[BASELINE], arms[CANDIDATE])
        if self.threshold_s is None:
            # No threshold yet: this window has no slow answers to compare, and its baseline makes the threshold.
            for counts in (window.baseline, window.candidate):
                counts.slow = counts.slow_scaled = 0
        self.add_window(window)
        if self.threshold_s is None:
            self._baseline_times += [
                one.latency_s for one in outcomes if one.arm == BASELINE and not one.error and one.latency_s is not None
            ]
            if len(self._baseline_times) >= self.warm_up:
                ordered = sorted(self._baseline_times)
                self.threshold_s = ordered[min(len(ordered) - 1, int(self.policy.latency_quantile * len(ordered)))]
