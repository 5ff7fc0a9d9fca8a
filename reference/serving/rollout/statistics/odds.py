"""Two rates compared window by window: the odds ratio of an event, candidate over baseline.

Inside a window, given how many events there were in all, the candidate's count follows Fisher's noncentral
hypergeometric distribution, which holds the odds ratio alone: whatever the common rate does from window to window (an
outage, day and night, a share that grows) drops out. Exact for any counts; the sum over windows is a conditional
logistic regression (Breslow and Day 1980, chapter 7).
"""

from __future__ import annotations

import math

import numpy as np

from reference.serving.rollout.statistics.curves import Curve
from reference.serving.rollout.types import RolloutError


def _log_choose(n: int, k: np.ndarray) -> np.ndarray:
    from scipy.special import gammaln

    chosen: np.ndarray = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return chosen


class OddsRatio(Curve):
    """Evidence about odds(candidate) / odds(baseline) of an event."""

    baseline_n = 0
    candidate_n = 0

    def add(self, candidate_events: int, candidate_n: int, baseline_events: int, baseline_n: int) -> None:
        """One window. Raises RolloutError if there are more events than trials."""
        for name, events, n in (
            ("candidate", candidate_events, candidate_n),
            ("baseline", baseline_events, baseline_n),
        ):
            if not 0 <= events <= n:
                raise RolloutError(f"{name}: {events} events among {n} trials; count both over the same requests")
        self.baseline_n += baseline_n
        self.candidate_n += candidate_n
        events = candidate_events + baseline_events
        least, most = max(0, events - baseline_n), min(candidate_n, events)
        if least == most:
            return  # the window cannot tell: all of one kind, or one arm empty
        counts = np.arange(least, most + 1)
        base = _log_choose(candidate_n, counts) + _log_choose(baseline_n, events - counts)
        terms = base[:, None] + counts[:, None] * self.grid[None, :]
        top = terms.max(axis=0)
        self.log_likelihood += terms[candidate_events - least] - top - np.log(np.exp(terms - top).sum(axis=0))


class ShareRatio(Curve):
    """Evidence that users reach the candidate at other odds than the share says (sample ratio mismatch)."""

    candidate_n = 0
    n = 0

    def add(self, candidate: int, total: int, share: float) -> None:
        """`candidate` of `total` newly seen users while the share was `share` (above 0, below 1)."""
        if not 0 < share < 1:
            raise RolloutError(f"share: must lie between 0 and 1 to be checked, got {share}")
        if not 0 <= candidate <= total:
            raise RolloutError(f"candidate: {candidate} users among {total}")
        self.candidate_n += candidate
        self.n += total
        odds = math.log(share / (1 - share)) + self.grid
        # log of p and of 1 - p, from the log odds, without cancellation
        self.log_likelihood += -candidate * np.logaddexp(0, -odds) - (total - candidate) * np.logaddexp(0, odds)
