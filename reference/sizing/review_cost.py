"""What reviewing a change costs, what a window holds, how long parallel agents take, and how much people must read."""

from __future__ import annotations

import math
from dataclasses import dataclass


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0 or not math.isfinite(value):
            raise ValueError(f"{name} must be positive, got {value!r}")


@dataclass(frozen=True)
class CallPrice:
    """Dollars per million tokens."""

    input: float
    output: float
    cached_input: float | None = None

    def __post_init__(self) -> None:
        if min(self.input, self.output, self.cached_input or 0.0) < 0:
            raise ValueError(f"prices cannot be negative: {self}")

    def call(self, tokens_in: float, tokens_out: float, cached_share: float = 0.0) -> float:
        """Dollars of one call; `cached_share` of the input is charged at the cached price, where there is one."""
        if not 0 <= cached_share <= 1:
            raise ValueError(f"cached_share must lie in [0, 1], got {cached_share!r}")
        if min(tokens_in, tokens_out) < 0:
            raise ValueError(f"tokens cannot be negative: {tokens_in}, {tokens_out}")
        cheap = self.input if self.cached_input is None else self.cached_input
        per_input = cached_share * cheap + (1 - cached_share) * self.input
        return (tokens_in * per_input + tokens_out * self.output) / 1e6


def implied_input_price(dollars: float, tokens_in: float, tokens_out: float, output_ratio: float) -> float:
    """Input price, dollars per million tokens, at which one call costs `dollars`; output costs `output_ratio` as much.

    Inverse of CallPrice.call without a cache.
    """
    _positive(dollars=dollars, output_ratio=output_ratio, tokens=tokens_in + tokens_out)
    return dollars * 1e6 / (tokens_in + output_ratio * tokens_out)


@dataclass(frozen=True)
class SizeDistribution:
    """Tokens of a change's diff, log-normal: sizes of changes have no typical value, and the tail decides."""

    median: float
    sigma: float

    def __post_init__(self) -> None:
        _positive(median=self.median, sigma=self.sigma)

    @classmethod
    def of_quantiles(cls, p50: float, p90: float) -> SizeDistribution:
        """Through the median and the 90th percentile."""
        from statistics import NormalDist

        _positive(p50=p50, p90=p90)
        if p90 <= p50:
            raise ValueError(f"p90 ({p90:g}) must lie above p50 ({p50:g})")
        return cls(p50, math.log(p90 / p50) / NormalDist().inv_cdf(0.9))

    @property
    def mean(self) -> float:
        """Exact: median times exp(sigma^2 / 2)."""
        return self.median * math.exp(self.sigma**2 / 2)

    def quantile(self, share: float) -> float:
        """Lines that `share` of the changes do not exceed. Raises ValueError outside of (0, 1)."""
        from statistics import NormalDist

        if not 0 < share < 1:
            raise ValueError(f"share must lie in (0, 1), got {share!r}")
        return self.median * math.exp(self.sigma * NormalDist().inv_cdf(share))

    def share_above(self, tokens: float) -> float:
        """Share of changes with more tokens than this."""
        from statistics import NormalDist

        if tokens <= 0:
            return 1.0
        return 1 - NormalDist().cdf(math.log(tokens / self.median) / self.sigma)


def tokens_within(cap: float, calls: int, price: CallPrice, instructions: float, tokens_out: float) -> float:
    """Largest diff, in tokens, whose review by `calls` calls stays within `cap` dollars; 0 if none does."""
    _positive(cap=cap, calls=calls)
    left = cap / calls - price.call(instructions, tokens_out)
    return max(0.0, left * 1e6 / price.input) if price.input else math.inf


def lines_within(window: float, instructions: float, tokens_per_line: float) -> float:
    """Changed lines that a call of `window` input tokens can show."""
    _positive(tokens_per_line=tokens_per_line)
    return max(0.0, window - instructions) / tokens_per_line


def wall_over_slowest(work: float, cpu_share: float, agents: int, cores: int) -> float:
    """Wall time over the time of the slowest agent, for equal agents side by side.

    Waiting overlaps without limit; processor time does not: the wall is at least all of it divided by the cores.
    """
    _positive(work=work, agents=agents, cores=cores)
    if not 0 <= cpu_share <= 1:
        raise ValueError(f"cpu_share must lie in [0, 1], got {cpu_share!r}")
    return max(work, agents * work * cpu_share / cores) / work


def slowest_over_mean(agents: int, variation: float) -> float:
    """Expected time of the slowest of `agents` over the mean of one, for independent log-normal times.

    variation: standard deviation over mean. Integral of 1 - F(t)^agents, to about 1e-4.
    """
    import numpy as np
    from scipy.special import ndtr

    _positive(agents=agents, variation=variation)
    sigma = math.sqrt(math.log1p(variation**2))
    z = np.linspace(-9, 9, 20_001)
    times = np.exp(sigma * z - sigma**2 / 2)  # mean 1
    return float(times[0] + np.trapezoid(1 - ndtr(z) ** agents, times))


def comments_per_developer(per_change: float, changes_per_day: float, developers: float) -> float:
    """Comments that one developer must read a day."""
    _positive(developers=developers)
    if min(per_change, changes_per_day) < 0:
        raise ValueError("per_change and changes_per_day cannot be negative")
    return per_change * changes_per_day / developers
