"""What moves the answer: one assumption at a time (tornado), and all of them at once (Monte Carlo)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .units import Q, Quantity, show


@dataclass(frozen=True)
class Swing:
    """Result at the low and at the high end of one assumption, all others at their base value."""

    name: str
    low: Any
    high: Any
    at_low: Any
    at_high: Any
    base: Any

    @property
    def width(self) -> float:
        """Size of the swing, in the unit of the base result."""
        return abs(_number(self.at_high, self.base) - _number(self.at_low, self.base))


def _number(value: Any, like: Any) -> float:
    return float(value.to(like.units).magnitude) if isinstance(like, Quantity) else float(value)


@dataclass(frozen=True)
class Tornado:
    """Swings, widest first."""

    base: Any
    swings: tuple[Swing, ...]

    def rows(self) -> list[dict[str, Any]]:
        """One flat row per assumption, numbers in the unit of the base result: for a table or a bar chart."""
        return [
            {
                "assumption": swing.name,
                "low": show(swing.low),
                "high": show(swing.high),
                "result_at_low": _number(swing.at_low, self.base),
                "result_at_high": _number(swing.at_high, self.base),
                "swing": swing.width,
                "unit": f"{self.base.units:~P}" if isinstance(self.base, Quantity) else "",
            }
            for swing in self.swings
        ]

    def as_dataframe(self) -> Any:
        import pandas as pd

        return pd.DataFrame(self.rows())


def tornado(function: Callable[..., Any], base: Mapping[str, Any], ranges: Mapping[str, tuple[Any, Any]]) -> Tornado:
    """Vary each assumption in `ranges` from its low to its high end with the others at `base`; widest swing first.

    `function` takes the assumptions by name and returns a number or a Quantity. Raises KeyError for a range without a
    base value.
    """
    missing = sorted(set(ranges) - set(base))
    if missing:
        raise KeyError(f"no base value for {', '.join(missing)}")
    centre = function(**base)
    swings = [
        Swing(name, low, high, function(**{**base, name: low}), function(**{**base, name: high}), centre)
        for name, (low, high) in ranges.items()
    ]
    return Tornado(centre, tuple(sorted(swings, key=lambda swing: -swing.width)))


@dataclass(frozen=True)
class Spread:
    """5th, 50th and 95th percentile of a Monte Carlo result, with the seed and size that reproduce them."""

    p5: Any
    p50: Any
    p95: Any
    samples: int
    seed: int
    failed: int

    def __str__(self) -> str:
        lost = f", {self.failed} samples infeasible" if self.failed else ""
        return f"{show(self.p50)} ({show(self.p5)} to {show(self.p95)}, 5th to 95th percentile, n={self.samples}{lost})"


def monte_carlo(
    function: Callable[..., Any],
    base: Mapping[str, Any],
    ranges: Mapping[str, tuple[Any, Any]],
    *,
    samples: int = 1000,
    seed: int = 0,
    infeasible: Sequence[type[Exception]] = (),
) -> Spread:
    """Draw every assumption in `ranges` and evaluate `function`; a range is the 5th and 95th percentile of a lognormal.

    Lognormal, since these quantities are positive and wrong by factors. `infeasible`: exceptions that count as "no such
    design" and are left out of the percentiles (their number is reported) instead of ending the run. A low end equal
    to the high end fixes the assumption.
    """
    import numpy as np

    if samples < 20:
        raise ValueError(f"samples must be at least 20 for a 5th percentile, got {samples}")
    missing = sorted(set(ranges) - set(base))
    if missing:
        raise KeyError(f"no base value for {', '.join(missing)}")
    random = np.random.default_rng(seed)
    draws = {}
    for name, (low, high) in ranges.items():
        bottom, top = (_number(low, base[name]), _number(high, base[name]))
        if not 0 < bottom <= top:
            raise ValueError(f"{name}: the low end must be positive and not above the high end, got {low} and {high}")
        # 1.6449: the 95th percentile of the standard normal.
        sigma = (math.log(top) - math.log(bottom)) / (2 * 1.6448536269514722)
        draws[name] = random.lognormal((math.log(top) + math.log(bottom)) / 2, sigma, samples)
    results: list[float] = []
    like: Any = None
    for index in range(samples):
        chosen = {
            name: Q(float(values[index]), str(base[name].units))
            if isinstance(base[name], Quantity)
            else float(values[index])
            for name, values in draws.items()
        }
        try:
            value = function(**{**base, **chosen})
        except tuple(infeasible):
            continue
        like = value if like is None else like
        results.append(_number(value, like))
    if not results:
        raise ValueError(f"none of {samples} samples was feasible")
    unit = str(like.units) if isinstance(like, Quantity) else None
    p5, p50, p95 = (float(value) for value in np.percentile(results, [5, 50, 95]))
    wrap = (lambda value: Q(value, unit)) if unit is not None else (lambda value: value)
    return Spread(wrap(p5), wrap(p50), wrap(p95), len(results), seed, samples - len(results))
