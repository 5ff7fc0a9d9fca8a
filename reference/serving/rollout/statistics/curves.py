"""Evidence about one ratio as a log-likelihood curve on a grid: e-values, p-values and intervals valid at every look.

An e-process against "the ratio is at most r0" is the likelihood averaged over ratios above r0, divided by the one at
r0. Under the null its expectation never passes 1, so by Ville's inequality it ever reaches 1/alpha with probability at
most alpha, at whatever moment somebody looks (Robbins 1970; Johari et al. 2022, Operations Research 70(3)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

WIDEST_LOG_RATIO = math.log(64)
POINTS = 193
# Where the averaging puts its weight: effects around a doubling or a halving.
MIXTURE_LOG_SD = math.log(2)


class Curve:
    """Log-likelihood of a log ratio, summed over windows; each window's term is computed by a subclass.

    exact: ratios that are nulls of later questions; they lie on the grid so that nothing is interpolated.
    """

    def __init__(self, exact: Sequence[float] = ()) -> None:
        grid = np.linspace(-WIDEST_LOG_RATIO, WIDEST_LOG_RATIO, POINTS)
        points = {0.0, *(math.log(ratio) for ratio in exact)}
        kept = [x for x in grid if all(abs(x - point) > 1e-9 for point in points)]
        self.grid: Any = np.array(sorted([*kept, *points]))
        self.log_likelihood: Any = np.zeros_like(self.grid)
        density = np.exp(-0.5 * (self.grid / MIXTURE_LOG_SD) ** 2)
        self._weights: Any = density * np.gradient(self.grid)

    def _at(self, ratio: float) -> int:
        index = int(np.argmin(np.abs(self.grid - math.log(ratio))))
        if abs(self.grid[index] - math.log(ratio)) > 1e-9:
            raise ValueError(f"ratio {ratio} is not on the grid: name it in `exact` when the curve is made")
        return index

    def _log_e(self, chosen: Any, null: int) -> float:
        # The weight falls off from the null, not from 1, so that a null of 2 is tested as sharply as a null of 1.
        weights = np.exp(-0.5 * ((self.grid - self.grid[null]) / MIXTURE_LOG_SD) ** 2) * np.gradient(self.grid)
        weights = np.where(chosen, weights, 0.0)
        terms = self.log_likelihood[chosen] - self.log_likelihood[null] + np.log(weights[chosen] / weights.sum())
        top = terms.max()
        return float(top + math.log(np.exp(terms - top).sum()))

    def log_e_above(self, ratio: float) -> float:
        """Log e-value against "the ratio is at most `ratio`"."""
        null = self._at(ratio)
        return self._log_e(self.grid > self.grid[null] + 1e-12, null)

    def log_e_below(self, ratio: float) -> float:
        """Log e-value against "the ratio is at least `ratio`"."""
        null = self._at(ratio)
        return self._log_e(self.grid < self.grid[null] - 1e-12, null)

    def log_e_differs(self, ratio: float) -> float:
        """Log e-value against "the ratio is `ratio`"."""
        null = self._at(ratio)
        return self._log_e(np.abs(self.grid - self.grid[null]) > 1e-12, null)

    def estimate(self) -> float:
        """The most likely ratio on the grid."""
        return float(math.exp(self.grid[int(np.argmax(self.log_likelihood))]))

    def interval(self, alpha: float) -> tuple[float, float]:
        """Ratios that no look so far has excluded at level `alpha` now; from the two-sided mixture."""
        weights = self._weights / self._weights.sum()
        terms = self.log_likelihood + np.log(weights)
        top = terms.max()
        mixture = top + math.log(np.exp(terms - top).sum())
        inside = np.flatnonzero(mixture - self.log_likelihood < math.log(1 / alpha))
        low, high = int(inside[0]), int(inside[-1])
        # Outwards to the neighbours: the true end lies between two grid points.
        low = max(0, low - 1)
        high = min(len(self.grid) - 1, high + 1)
        return float(math.exp(self.grid[low])), float(math.exp(self.grid[high]))


def p_value(largest_log_e: float) -> float:
    """Always-valid p: one over the largest e-value seen so far, at most 1."""
    return math.exp(-max(0.0, largest_log_e))
