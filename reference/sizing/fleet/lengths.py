"""Lengths of prompts and answers in tokens, as distributions that can be drawn from ten million times.

A fit is a lognormal, or lognormal pieces through given quantiles: the log of a length is piecewise linear in the normal
score of its quantile, beyond the outer points along the outer slopes. So the given points are met exactly, and
`error_at` says how far the rest is off.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_NORMAL = NormalDist()
LONGEST = 2**31 - 1  # what an int32 holds
_CHUNK = 1 << 20  # draws at a time, so that float64 temporaries stay small beside the int32 result


def _score(percent: float, field_name: str = "p") -> float:
    """Normal score of a percentile."""
    if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 < percent < 100:
        raise ValueError(f"{field_name} must lie between 0 and 100 (percent, both excluded), got {percent!r}")
    return _NORMAL.inv_cdf(percent / 100)


def _length(name: str, value: float, limit: int | None) -> float:
    if isinstance(value, bool) or not (math.isfinite(value) and value >= 1):
        raise ValueError(f"{name} must be a length of at least 1 token, got {value!r}")
    if limit is not None and value > limit:
        raise ValueError(f"{name} is {value:,g} tokens, past the context limit of {limit:,}: shorten it or raise limit")
    return float(value)


@dataclass(frozen=True)
class Lengths:
    """Tokens per prompt or answer, cut at [low, high]: what falls outside is set to the bound (`share_cut` of it).

    Made by `lognormal_from`, `from_quantiles`, `constant`, `uniform` or `empirical`, not directly. scores, logs: points
    of a fit (normal score of the quantile, log of the length). first, last: bounds of an even distribution. values:
    ascending lengths that were observed. Exactly one of the three is set.
    """

    name: str
    scores: tuple[float, ...] = ()
    logs: tuple[float, ...] = ()
    first: int = 0
    last: int = 0
    values: NDArray[np.int64] | None = field(default=None, repr=False, compare=False)
    low: int = 1
    high: int = LONGEST

    def __post_init__(self) -> None:
        if not 1 <= self.low <= self.high <= LONGEST:
            raise ValueError(f"low and high must satisfy 1 <= low <= high <= {LONGEST}, got {self.low} and {self.high}")

    @classmethod
    def lognormal_from(
        cls,
        *,
        median: float,
        p99: float | None = None,
        mean: float | None = None,
        low: int = 1,
        high: int = LONGEST,
        limit: int | None = None,
    ) -> Lengths:
        """Lognormal of a median and either the 99th percentile or the mean (sigma^2 = 2 ln(mean / median)).

        limit: the model's context; a given length above it is an error, and what the tail puts there is cut.
        """
        if (p99 is None) == (mean is None):
            raise ValueError("exactly one of p99 and mean must be given beside the median")
        middle = _length("median", median, limit)
        other = _length("p99" if mean is None else "mean", p99 if p99 is not None else mean, limit)  # type: ignore[arg-type]
        if other <= middle:
            raise ValueError(
                f"{'p99' if mean is None else 'mean'} must exceed the median, got {other:g} and {middle:g}"
                + ("" if mean is None else ": lengths whose mean lies below are not lognormal, use from_quantiles")
            )
        sigma = math.log(other / middle) / _score(99) if mean is None else math.sqrt(2 * math.log(other / middle))
        log = math.log(middle)
        return cls(
            f"lognormal, median {middle:g}, sigma {sigma:.3g}", (0.0, 1.0), (log, log + sigma), low=low,
            high=high if limit is None else min(high, limit),
        )  # fmt: skip

    @classmethod
    def from_quantiles(
        cls, quantiles: Mapping[float, float], *, low: int = 1, high: int = LONGEST, limit: int | None = None
    ) -> Lengths:
        """Through published points {percent: tokens}, at least two, e.g. {50: 928, 90: 3830, 99: 6683}."""
        if len(quantiles) < 2:
            raise ValueError(f"quantiles must have at least two points, got {dict(quantiles)}; for one use constant")
        points = sorted(quantiles.items())
        scores = tuple(_score(percent, "percent of quantiles") for percent, _ in points)
        tokens = [_length(f"quantiles[{percent:g}]", value, limit) for percent, value in points]
        for (below, _), (above, _), a, b in zip(points, points[1:], tokens, tokens[1:], strict=False):
            if b < a:
                raise ValueError(f"quantiles must not fall: {a:g} tokens at {below:g} % and {b:g} at {above:g} %")
        return cls(
            "quantiles " + ", ".join(f"{percent:g} %: {value:g}" for percent, value in points), scores,
            tuple(math.log(value) for value in tokens), low=low, high=high if limit is None else min(high, limit),
        )  # fmt: skip

    @classmethod
    def constant(cls, tokens: int, *, limit: int | None = None) -> Lengths:
        """Always `tokens` tokens."""
        return replace(cls.uniform(tokens, tokens, limit=limit), name=f"{tokens} tokens")

    @classmethod
    def uniform(cls, first: int, last: int, *, limit: int | None = None) -> Lengths:
        """Every whole length from `first` to `last`, both included, is as likely as any other."""
        for name, value in (("first", first), ("last", last)):
            if _length(name, value, limit) != int(value):
                raise ValueError(f"{name} must be a whole number of tokens, got {value!r}")
        if last < first:
            raise ValueError(f"last must not lie below first, got {first} and {last}")
        return cls(f"uniform {first} to {last}", first=int(first), last=int(last))

    @classmethod
    def empirical(
        cls, values: Iterable[int], *, low: int = 1, high: int = LONGEST, limit: int | None = None
    ) -> Lengths:
        """Drawn from observed lengths, each as likely as any other."""
        seen = np.sort(np.asarray(list(values) if not isinstance(values, np.ndarray) else values))
        if seen.ndim != 1 or not seen.size:
            raise ValueError(f"values must be a list of at least one length, got shape {seen.shape}")
        for value in (seen[0], seen[-1]):
            _length("values", float(value), limit)
        if (seen != np.rint(seen)).any():
            raise ValueError("values must be whole numbers of tokens")
        high = high if limit is None else min(high, limit)
        return cls(f"{seen.size} observed lengths", values=seen.astype(np.int64), low=low, high=high)

    def cut(self, low: int = 1, high: int = LONGEST) -> Lengths:
        """The same, cut further."""
        return replace(self, low=max(self.low, low), high=min(self.high, high))

    def sample(self, rng: np.random.Generator, n: int) -> NDArray[np.int32]:
        """`n` lengths, (n,) int32, whole tokens within [low, high]."""
        drawn = np.empty(n, dtype=np.int32)
        for start in range(0, n, _CHUNK):
            part = drawn[start : start + _CHUNK]
            part[:] = self._draw(rng, part.size)
        return drawn

    def _draw(self, rng: np.random.Generator, n: int) -> NDArray[np.float64] | NDArray[np.int64]:
        if self.values is not None:
            return np.clip(self.values[rng.integers(0, self.values.size, n)], self.low, self.high)
        if not self.scores:
            return np.clip(rng.integers(self.first, self.last + 1, n), self.low, self.high)
        score = rng.standard_normal(n)
        if len(self.scores) == 2:
            slope = (self.logs[1] - self.logs[0]) / (self.scores[1] - self.scores[0])
            log = np.multiply(score, slope, out=score)
            log += self.logs[0] - slope * self.scores[0]
        else:
            far = 40.0  # normal scores that are never drawn: np.interp needs an end to extend the outer slopes to
            log = np.interp(score, [-far, *self.scores, far], [self._log(-far), *self.logs, self._log(far)])
        np.clip(log, math.log(self.low), math.log(self.high), out=log)  # before exp, which would overflow
        np.exp(log, out=log)
        return np.clip(np.rint(log, out=log), self.low, self.high)

    def _log(self, score: float) -> float:
        last = len(self.scores) - 1
        i = min(max(bisect.bisect_left(self.scores, score), 1), last)
        slope = (self.logs[i] - self.logs[i - 1]) / (self.scores[i] - self.scores[i - 1])
        return self.logs[i - 1] + slope * (score - self.scores[i - 1])

    def quantile(self, p: float) -> float:
        """Tokens that `p` percent of the lengths do not exceed, after the cut."""
        score, share = _score(p), p / 100
        if self.values is not None:
            raw = float(self.values[math.ceil(share * self.values.size) - 1])
        elif self.scores:
            raw = math.exp(min(self._log(score), math.log(LONGEST)))
        else:
            raw = self.first + math.ceil(share * (self.last - self.first + 1)) - 1.0
        return min(max(raw, float(self.low)), float(self.high))

    def error_at(self, known: Mapping[float, float]) -> dict[float, float]:
        """{percent: relative error} against published quantiles that the fit did not use; 0.1 is 10 % too long."""
        return {p: self.quantile(p) / _length(f"known[{p:g}]", value, None) - 1 for p, value in known.items()}

    @property
    def share_cut(self) -> float:
        """Share of the lengths that lay outside of [low, high] and were set to a bound."""
        if self.values is not None:
            return float(((self.values < self.low) | (self.values > self.high)).mean())
        if self.scores:
            below, above = self._crossings(0.5)  # half a token outside is rounded to the bound, not cut
            return _NORMAL.cdf(below) + 1 - _NORMAL.cdf(above)
        inside = max(0, min(self.last, self.high) - max(self.first, self.low) + 1)
        return 1 - inside / (self.last - self.first + 1)

    def _crossings(self, slack: float = 0.0) -> tuple[float, float]:
        """Normal scores below which a length is under low - slack, and above which it is over high + slack."""

        def crossing(log: float) -> float:
            low, high = -40.0, 40.0
            for _ in range(100):
                middle = (low + high) / 2
                low, high = (middle, high) if self._log(middle) < log else (low, middle)
            return low

        return crossing(math.log(self.low - slack)), crossing(math.log(self.high + slack))

    @property
    def mean(self) -> float:
        """Mean after the cut, exact up to the rounding to whole tokens.

        Of a fit: the sum over its pieces ln x = a + b z of exp(a + b^2 / 2) (Phi(z1 - b) - Phi(z0 - b)).
        """
        if self.values is not None:
            return float(np.clip(self.values, self.low, self.high).mean())
        if not self.scores:
            span = np.clip(np.arange(self.first, self.last + 1), self.low, self.high)
            return float(span.mean())
        below, above = self._crossings()
        inner = [score for score in self.scores[1:-1] if below < score < above]
        total = self.low * _NORMAL.cdf(below) + self.high * (1 - _NORMAL.cdf(above))
        for start, end in zip([below, *inner], [*inner, above], strict=True):
            if end <= start:
                continue
            slope = (self._log(end) - self._log(start)) / (end - start)
            height = self._log(start) - slope * start
            total += math.exp(height + slope * slope / 2) * (_NORMAL.cdf(end - slope) - _NORMAL.cdf(start - slope))
        return total
