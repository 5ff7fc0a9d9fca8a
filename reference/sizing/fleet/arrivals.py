"""Arrival times of requests: Poisson, bursty, following a rate through the day, with flash crowds.

Everything is one construction. Points of a process of rate 1 are laid on the line [0, expected number], and the
cumulative rate maps that line to seconds: where the rate is high, many points fall into a second. The map is inverted
exactly, so no proposal is thrown away. Rate 1 is Poisson, or a renewal process with gamma gaps where gaps vary more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_CHUNK = 1 << 17  # points mapped at a time, so that temporaries stay small beside the result


def _ready(name: str, value: Any) -> Floats:
    array = np.atleast_1d(np.asarray(value, dtype=np.float64))
    if not np.isfinite(array).all() or (array < 0).any():
        bad = array[~(np.isfinite(array) & (array >= 0))][0]
        raise ValueError(f"{name} must be finite and not negative, got {bad!r}")
    return array


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be positive, got {value!r}")


@dataclass(frozen=True, eq=False)
class RateProfile:
    """Requests/s over time: between edges[i] and edges[i + 1] linear from left[i] to right[i]; edges may be jumps.

    edges: seconds, ascending from 0, (k + 1,). left, right: requests/s, (k,). Raises ValueError that names the field.
    """

    edges: Floats
    left: Floats
    right: Floats

    def __post_init__(self) -> None:
        edges = _ready("edges", self.edges)
        left, right = _ready("left", self.left), _ready("right", self.right)
        if edges.size < 2 or edges[0] != 0 or (np.diff(edges) <= 0).any():
            raise ValueError(f"edges must ascend from 0 s and have at least two entries, got {edges[:5]}")
        if left.shape != right.shape or left.size != edges.size - 1:
            raise ValueError(f"left and right must have {edges.size - 1} entries, got {left.size} and {right.size}")
        for name, array in (("edges", edges), ("left", left), ("right", right)):
            object.__setattr__(self, name, array)

    @classmethod
    def constant(cls, rate: float, horizon_s: float) -> RateProfile:
        """The same `rate` (requests/s) for `horizon_s` seconds."""
        rates = _ready("rate", rate)
        _positive("horizon_s", horizon_s)
        return cls(np.array([0.0, horizon_s]), rates, rates)

    @classmethod
    def linear(cls, seconds: Any, rates: Any) -> RateProfile:
        """Through (seconds, requests/s) points, the first at 0 s."""
        points = _ready("rates", rates)
        return cls(np.asarray(seconds, dtype=np.float64), points[:-1], points[1:])

    @classmethod
    def steps(cls, edges: Any, rates: Any) -> RateProfile:
        """rates[i] requests/s between edges[i] and edges[i + 1]."""
        level = _ready("rates", rates)
        return cls(np.asarray(edges, dtype=np.float64), level, level)

    @property
    def horizon_s(self) -> float:
        return float(self.edges[-1])

    @property
    def cumulative(self) -> Floats:
        """Requests expected before each edge, (k + 1,)."""
        return np.concatenate([[0.0], np.cumsum(np.diff(self.edges) * (self.left + self.right) / 2)])

    @property
    def total(self) -> float:
        """Requests expected in all."""
        return float(self.cumulative[-1])

    def at(self, seconds: Any) -> Floats:
        """Requests/s at each of `seconds`; at a jump the rate after it."""
        when = np.asarray(seconds, dtype=np.float64)
        i = np.clip(np.searchsorted(self.edges, when, side="right") - 1, 0, self.left.size - 1)
        slope = (self.right - self.left) / np.diff(self.edges)
        return self.left[i] + slope[i] * (when - self.edges[i])

    def split(self, at: Any) -> RateProfile:
        """The same rate with further edges where they lie inside."""
        more = np.asarray(at, dtype=np.float64)
        edges = np.union1d(self.edges, more[(more > 0) & (more < self.horizon_s)])
        i = np.searchsorted(self.edges, edges[:-1], side="right") - 1
        slope = (self.right - self.left) / np.diff(self.edges)
        low, high = edges[:-1] - self.edges[i], edges[1:] - self.edges[i]
        # A slope that falls to 0 would end a rounding error below it.
        return RateProfile(
            edges, np.maximum(self.left[i] + slope[i] * low, 0), np.maximum(self.left[i] + slope[i] * high, 0)
        )

    def times(self, edges: Any, factors: Any) -> RateProfile:
        """Multiplied by factors[i] between edges[i] and edges[i + 1]; by 1 outside of them."""
        bounds, factor = np.asarray(edges, dtype=np.float64), _ready("factors", factors)
        if bounds.size != factor.size + 1:
            raise ValueError(f"factors must have one entry fewer than edges, got {factor.size} and {bounds.size}")
        fine = self.split(bounds)
        middle = (fine.edges[:-1] + fine.edges[1:]) / 2
        i = np.searchsorted(bounds, middle) - 1
        inside = (i >= 0) & (i < factor.size)
        by = np.where(inside, factor[np.clip(i, 0, factor.size - 1)], 1.0)
        return RateProfile(fine.edges, fine.left * by, fine.right * by)

    def plus(self, other: RateProfile) -> RateProfile:
        """Both together; they must have the same horizon."""
        if other.horizon_s != self.horizon_s:
            raise ValueError(f"horizon_s must be the same, got {self.horizon_s:g} and {other.horizon_s:g}")
        a, b = self.split(other.edges), other.split(self.edges)
        return RateProfile(a.edges, a.left + b.left, a.right + b.right)

    def with_flash_crowd(self, factor: float, start_s: float, duration_s: float) -> RateProfile:
        """The rate times `factor` from `start_s` for `duration_s`: everybody comes at once, and leaves."""
        _ready("factor", factor)
        _positive("duration_s", duration_s)
        if not 0 <= start_s < self.horizon_s:
            raise ValueError(f"start_s must lie within the {self.horizon_s:g} s of the profile, got {start_s!r}")
        return self.times([start_s, start_s + duration_s], [factor])

    def with_bursts(self, factor: float, share: float, length_s: float, rng: np.random.Generator) -> RateProfile:
        """An on-off Markov modulation that keeps the mean: `factor` times the rate during `share` of the time.

        length_s: mean seconds of a burst (exponential). Poisson points of the result are a two-state MMPP. With
        v = share (factor - 1)^2 / (1 - share) and tau = length_s (1 - share), counts in windows of T seconds at a
        rate r have variance over mean 1 + 2 r v tau (1 - (1 - exp(-T / tau)) tau / T).
        """
        _positive("length_s", length_s)
        if not 0 < share < 1:
            raise ValueError(f"share must lie between 0 and 1, got {share!r}")
        if not 1 <= factor <= 1 / share:
            raise ValueError(
                f"factor must lie between 1 and 1 / share = {1 / share:g}, got {factor!r}: nothing is left"
            )
        if factor == 1:
            return self
        quiet_s, quiet = length_s * (1 - share) / share, (1 - factor * share) / (1 - share)
        starts_in_burst = bool(rng.random() < share)
        pair_s = (length_s, quiet_s) if starts_in_burst else (quiet_s, length_s)
        edges = np.zeros(1)
        while edges[-1] < self.horizon_s:
            pairs = 16 + math.ceil((self.horizon_s - edges[-1]) / (length_s + quiet_s))
            spells = rng.exponential(1.0, (pairs, 2)) * pair_s
            edges = np.concatenate([edges, edges[-1] + np.cumsum(spells.ravel())])
        pair = (factor, quiet) if starts_in_burst else (quiet, factor)
        return self.times(edges, np.resize(pair, edges.size - 1))


def _unit_points(total: float, cv: float, rng: np.random.Generator) -> Floats:
    """Ascending points of a stationary process of rate 1 on [0, total)."""
    if cv == 1:
        count = int(rng.poisson(total))
        # Sums of exponential gaps over their last one are uniform order statistics: sorted without sorting.
        points = rng.standard_exponential(count + 1)
        np.cumsum(points, out=points)
        points *= total / points[-1]
        # Rounding may put a point on the end itself.
        return np.minimum(points[:-1], np.nextafter(total, 0), out=points[:-1])
    shape = 1 / cv**2
    points = np.empty(0)
    while not points.size or points[-1] < total:
        done = points[-1] if points.size else 0.0
        gaps = rng.standard_gamma(shape, math.ceil(total - done + 6 * cv * math.sqrt(total) + 16))
        gaps /= shape
        if not points.size:
            # The gap that is under way at 0 is a length-biased one (gamma of shape + 1), of which an even part is left.
            gaps[0] = rng.gamma(shape + 1, 1 / shape) * rng.random()
        gaps[0] += done
        np.cumsum(gaps, out=gaps)
        points = np.concatenate([points, gaps]) if points.size else gaps
    return points[: np.searchsorted(points, total)]


def arrival_times(profile: RateProfile, rng: np.random.Generator, *, cv: float = 1.0) -> Floats:
    """Arrival times within [0, horizon), ascending seconds (float64). The number is random, its mean profile.total.

    cv: coefficient of variation of the gaps where the rate is even; 1 is Poisson, more is bursty (gamma gaps).
    """
    _positive("cv", cv)
    total = profile.total
    if total == 0:
        return np.empty(0)
    points = _unit_points(total, cv, rng)
    cumulative, slope = profile.cumulative, (profile.right - profile.left) / np.diff(profile.edges)
    bounds = np.searchsorted(points, cumulative)
    for i in range(profile.left.size):
        for start in range(int(bounds[i]), int(bounds[i + 1]), _CHUNK):
            part = points[start : min(start + _CHUNK, int(bounds[i + 1]))]
            part -= cumulative[i]
            np.maximum(part, 0, out=part)
            rate = profile.left[i]
            if slope[i] == 0:
                part /= rate
            else:  # rate t + slope t^2 / 2 = requests, in the form that does not cancel
                root = np.sqrt(np.maximum(rate * rate + 2 * slope[i] * part, 0))
                root += rate
                part *= 2
                np.divide(part, root, out=part, where=root > 0)
            part += profile.edges[i]
            np.minimum(part, np.nextafter(profile.edges[i + 1], 0), out=part)
    # Points that are nearly one may come out of the map in the wrong order, by a rounding error.
    return np.maximum.accumulate(points, out=points)


def poisson(rate: float, horizon_s: float, rng: np.random.Generator) -> Floats:
    """Poisson arrivals at `rate` requests/s."""
    return arrival_times(RateProfile.constant(rate, horizon_s), rng)


def gamma_renewal(rate: float, cv: float, horizon_s: float, rng: np.random.Generator) -> Floats:
    """Independent gamma gaps with mean 1 / `rate` and coefficient of variation `cv`; stationary from 0 s on."""
    return arrival_times(RateProfile.constant(rate, horizon_s), rng, cv=cv)


def bursty(
    rate: float, factor: float, share: float, length_s: float, horizon_s: float, rng: np.random.Generator
) -> Floats:
    """Two-state MMPP with a mean of `rate` requests/s; see `RateProfile.with_bursts`."""
    return arrival_times(RateProfile.constant(rate, horizon_s).with_bursts(factor, share, length_s, rng), rng)
