"""What a fleet of workers on a queue is: how it scales, what it runs on, what it costs. Seconds and dollars."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Scaling:
    """How the number of workers follows the queue. `least` = `most` is a fixed fleet.

    Attributes:
        target_wait_s: time within which the unfinished jobs should be done (`wanted_workers`).
        every_s: seconds between two decisions.
        cold_start_s: from the decision until the worker takes its first job; paid for.
        down_after_s: a worker goes when none was wanted for so long; the largest want of that time counts.
    """

    least: int
    most: int
    target_wait_s: float = 60.0
    every_s: float = 5.0
    cold_start_s: float = 0.0
    down_after_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.most or self.most < 1:
            raise ValueError(f"scaling needs 0 <= least <= most and most >= 1, got {self.least} and {self.most}")
        for name in ("target_wait_s", "every_s"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"scaling.{name} must be positive seconds, got {getattr(self, name)!r}")
        for name in ("cold_start_s", "down_after_s"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"scaling.{name} must not be negative, got {getattr(self, name)!r}")

    @classmethod
    def fixed(cls, workers: int, **rest: float) -> Scaling:
        """Always so many."""
        return cls(workers, workers, **rest)


@dataclass(frozen=True)
class Spot:
    """Machines that the provider takes back.

    Attributes:
        interruptions_per_hour: of one worker, exponential.
        price_factor: share of the on-demand price.
        notice_s: between the notice and the end; in it a worker takes no new job and ends what it can. 0: no notice.
    """

    interruptions_per_hour: float
    price_factor: float
    notice_s: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.interruptions_per_hour) and self.interruptions_per_hour >= 0):
            raise ValueError(f"spot.interruptions_per_hour must not be negative, got {self.interruptions_per_hour!r}")
        if not 0 < self.price_factor <= 1:
            raise ValueError(f"spot.price_factor must lie in (0, 1], got {self.price_factor!r}")
        if not (math.isfinite(self.notice_s) and self.notice_s >= 0):
            raise ValueError(f"spot.notice_s must not be negative, got {self.notice_s!r}")


@dataclass(frozen=True)
class FleetPlan:
    """A fleet. `usd_per_hour`: one worker, on demand, from the decision to start it until it is gone.

    Attributes:
        slots: jobs that a worker runs at once.
        redeliver_s: from the loss of a worker until its jobs wait again: lease, look of the reconciler, pause.
        max_attempts: tries of a job, lost workers included; then it is given up.
    """

    name: str
    slots: int
    usd_per_hour: float
    scaling: Scaling
    spot: Spot | None = None
    redeliver_s: float = 12.0
    max_attempts: int = 4

    def __post_init__(self) -> None:
        if self.slots < 1 or self.max_attempts < 1:
            raise ValueError(f"plan {self.name!r}: slots and max_attempts must be at least 1")
        for name in ("usd_per_hour", "redeliver_s"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"plan {self.name!r}: {name} must not be negative, got {getattr(self, name)!r}")

    @property
    def price(self) -> float:
        """Dollars of a worker-hour as paid."""
        return self.usd_per_hour * (self.spot.price_factor if self.spot else 1.0)
