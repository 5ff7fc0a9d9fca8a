"""Open arrivals for simulations of a few stages: Poisson or bursty around a mean rate, by number.

Fleets of engines take theirs from `fleet.arrivals`, which knows days and flash crowds and fills a horizon.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .pipeline import Floats


@dataclass(frozen=True)
class Arrivals:
    """Open arrivals with a mean of `rate` queries/s: Poisson, or bursty.

    burst: rate inside a burst over the mean rate; 1 is Poisson. burst_share: fraction of the time that is burst.
    burst_length: mean seconds of one burst. Between bursts the rate is what is left, so the mean stays `rate`.
    """

    rate: float
    burst: float = 1.0
    burst_share: float = 0.1
    burst_length: float = 1.0

    def __post_init__(self) -> None:
        for name in ("rate", "burst_length"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} must be positive, got {getattr(self, name)!r}")
        if not 0 < self.burst_share < 1:
            raise ValueError(f"burst_share must lie between 0 and 1, got {self.burst_share!r}")
        if not 1 <= self.burst <= 1 / self.burst_share:
            raise ValueError(
                f"burst must lie between 1 and {1 / self.burst_share:g}, above that no arrivals are left for the rest "
                f"of the time; got {self.burst!r}"
            )

    def sample(self, random: np.random.Generator, n: int) -> Floats:
        """Times of the first `n` arrivals, seconds from 0, ascending."""
        units = np.cumsum(random.exponential(1.0, n))  # arrivals of a Poisson process of rate 1
        if self.burst == 1:
            return units / self.rate
        quiet_rate = self.rate * (1 - self.burst * self.burst_share) / (1 - self.burst_share)
        quiet_length = self.burst_length * (1 - self.burst_share) / self.burst_share
        # Change of clock: in a spell of rate r, `units` pass r times as fast as seconds.
        spells = max(4, math.ceil(units[-1] / self.rate / (self.burst_length + quiet_length)))
        ends, passed = np.zeros(1), np.zeros(1)
        while passed[-1] < units[-1]:
            lengths = random.exponential(1.0, (spells, 2)) * (quiet_length, self.burst_length)
            done = lengths * (quiet_rate, self.rate * self.burst)
            ends = np.concatenate([ends, ends[-1] + np.cumsum(lengths.ravel())])
            passed = np.concatenate([passed, passed[-1] + np.cumsum(done.ravel())])
        return np.interp(units, passed, ends)
