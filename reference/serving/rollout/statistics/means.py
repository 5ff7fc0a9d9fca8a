"""Two latencies compared window by window: the ratio of geometric means, candidate over baseline.

Normal mixture sequential test on the difference of mean log latencies (Robbins 1970; the mSPRT of Johari et al. 2022).
Valid for large samples (an asymptotic confidence sequence, Waudby-Smith et al. 2024, Annals of Statistics 52(6)):
nothing is said below `least` units in each arm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from reference.serving.rollout.types import RolloutError

LEAST_UNITS = 50


@dataclass
class LatencyRatio:
    """Windows are compared inside themselves and added with weights n_c n_b / (n_c + n_b): a share that grows during a
    busy hour cannot make either arm look slower. `scale`: the log ratio the mixture is sharpest at.
    """

    scale: float = math.log(1.10)
    least: int = LEAST_UNITS
    candidate_n: int = 0
    baseline_n: int = 0
    _weight: float = 0.0
    _weighted: float = 0.0
    _variance: float = 0.0

    def add(
        self,
        candidate: tuple[int, float, float],
        baseline: tuple[int, float, float],
    ) -> None:
        """One window: (units, mean of log seconds, sum of squared deviations from it) of each arm."""
        for name, (n, mean, squares) in (("candidate", candidate), ("baseline", baseline)):
            if n < 0 or squares < 0 or not math.isfinite(mean):
                raise RolloutError(f"{name}: needs n >= 0, a finite mean and squares >= 0, got {(n, mean, squares)}")
        (nc, mc, sc), (nb, mb, sb) = candidate, baseline
        self.candidate_n += nc
        self.baseline_n += nb
        if nc < 1 or nb < 1 or nc + nb < 3:
            return
        # One variance for both arms inside a window: with a 5 % share the candidate's own is too rough to weigh by.
        variance = (sc + sb) / (nc + nb - 2)
        weight = nc * nb / (nc + nb)
        self._weight += weight
        self._weighted += weight * (mc - mb)
        self._variance += weight * weight * variance * (1 / nc + 1 / nb)

    @property
    def ready(self) -> bool:
        return min(self.candidate_n, self.baseline_n) >= self.least and self._variance > 0

    def _moments(self) -> tuple[float, float]:
        return self._weighted / self._weight, self._variance / self._weight**2

    def _log_e(self, difference: float, variance: float) -> float:
        from scipy.special import log_ndtr

        tau = self.scale**2
        spread = variance * (variance + tau)
        return (
            math.log(2)
            + 0.5 * math.log(variance / (variance + tau))
            + tau * difference**2 / (2 * spread)
            + float(log_ndtr(difference * self.scale / math.sqrt(spread)))
        )

    def log_e_above(self, ratio: float) -> float:
        """Log e-value against "the ratio is at most `ratio`" (half-normal mixture); 0 while not ready."""
        if not self.ready:
            return 0.0
        difference, variance = self._moments()
        return self._log_e(difference - math.log(ratio), variance)

    def log_e_below(self, ratio: float) -> float:
        """Log e-value against "the ratio is at least `ratio`"; 0 while not ready."""
        if not self.ready:
            return 0.0
        difference, variance = self._moments()
        return self._log_e(math.log(ratio) - difference, variance)

    def estimate(self) -> float:
        """Ratio of geometric means; 1 while nothing can be compared."""
        return math.exp(self._moments()[0]) if self._weight else 1.0

    def interval(self, alpha: float) -> tuple[float, float]:
        """Always-valid interval at level `alpha`; (0, inf) while not ready."""
        if not self.ready:
            return 0.0, math.inf
        difference, variance = self._moments()
        tau = self.scale**2
        radius = math.sqrt(variance * (1 + variance / tau) * (math.log(1 + tau / variance) + 2 * math.log(1 / alpha)))
        return math.exp(difference - radius), math.exp(difference + radius)
