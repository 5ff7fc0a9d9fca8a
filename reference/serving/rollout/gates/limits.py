"""The thresholds of all gates in one object."""

from __future__ import annotations

from dataclasses import dataclass

from reference.serving.rollout.types import RolloutError


@dataclass(frozen=True)
class GateLimits:
    """What a candidate must show, each at 95 %.

    Attributes:
        accuracy_least: share of right answers that the lower end of the interval must reach.
        regression_tolerated: fall of accuracy against production that must be excluded.
        unsafe_most: rate of unsafe answers that must be excluded.
        latency_ratio_most: p95 of latency, candidate over production, that must be excluded.
        latency_most_s: the same without a production version to compare with, seconds.
        cost_ratio_most: mean cost per request over production's.
        priced_as: API model whose list prices (dated, `reference.sizing.cost.token_price`) weigh tokens in and out.
        least_cases: fewer cases decide nothing.
        size_most: bytes of the artefact; licences: those that may be served.
    """

    accuracy_least: float = 0.75
    regression_tolerated: float = 0.03
    unsafe_most: float = 0.01
    latency_ratio_most: float = 1.5
    latency_most_s: float = 5.0
    cost_ratio_most: float = 1.10
    priced_as: str = "gpt-5-nano"
    least_cases: int = 500
    size_most: int = 200_000_000
    licences: tuple[str, ...] = ("Apache-2.0", "MIT", "BSD-3-Clause", "CC-BY-4.0")

    def __post_init__(self) -> None:
        """Raise RolloutError naming the field that is out of range."""
        for name in ("accuracy_least", "regression_tolerated", "unsafe_most"):
            if not 0 < getattr(self, name) < 1:
                raise RolloutError(f"{name}: must lie between 0 and 1, got {getattr(self, name)}")
        for name in ("latency_ratio_most", "cost_ratio_most"):
            if not getattr(self, name) >= 1:
                raise RolloutError(f"{name}: must be at least 1, got {getattr(self, name)}")
        for name in ("latency_most_s", "size_most"):
            if not getattr(self, name) > 0:
                raise RolloutError(f"{name}: must be above 0, got {getattr(self, name)}")
        if self.least_cases < 1:
            raise RolloutError(f"least_cases: must be at least 1, got {self.least_cases}")
