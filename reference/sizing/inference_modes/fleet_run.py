"""What a simulated fleet of workers did: waits, dollars, work that was lost, and the evidence for them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference.sizing.evidence import Simulated
from reference.sizing.intervals import spread_in_parts
from reference.sizing.pipeline import Floats

from .fleet_plan import FleetPlan


@dataclass(frozen=True)
class FleetRun:
    """Outcome. Arrays are per job in order of arrival, seconds; `started` is the first start, as the store has it.

    attempts: starts of the job. given_up: it ran out of tries. history: (second, workers paid for) at every change.
    ended_s: when the last job had ended and the horizon was over. wasted_s: work that was thrown
    away with its worker. warm_up: jobs at the start that no percentile counts.
    """

    plan: FleetPlan
    arrived: Floats
    started: Floats
    finished: Floats
    attempts: Any
    given_up: Any
    horizon_s: float
    ended_s: float
    worker_s: float
    starts: int
    interrupted: int
    wasted_s: float
    work_s: float
    history: tuple[tuple[float, int], ...]
    seed: int
    warm_up: int = 0

    @property
    def jobs(self) -> int:
        return int(self.arrived.size)

    @property
    def usd(self) -> float:
        """Dollars for all the time that workers were up."""
        return self.worker_s / 3600 * self.plan.price

    @property
    def usd_per_1000(self) -> float:
        """Dollars per 1,000 jobs; infinite without a job."""
        return self.usd / self.jobs * 1000 if self.jobs else math.inf

    @property
    def utilisation(self) -> float:
        """Share of the paid slot-seconds in which a job ran that counted."""
        return self.work_s / (self.worker_s * self.plan.slots) if self.worker_s else 0.0

    @property
    def wait(self) -> Floats:
        """Seconds until the first start, of the jobs that count."""
        return (self.started - self.arrived)[self.warm_up :]

    @property
    def total(self) -> Floats:
        """Seconds until the end, of the jobs that count."""
        return (self.finished - self.arrived)[self.warm_up :]

    @property
    def run_twice(self) -> int:
        """Jobs that were started more than once."""
        return int((self.attempts > 1).sum())

    def wait_percentile(self, percent: float) -> float:
        """Seconds until the first start that `percent` of the jobs do not exceed; 0 without a job."""
        return float(np.percentile(self.wait, percent)) if self.wait.size else 0.0

    def late_share(self, deadline_s: float) -> float:
        """Share of the jobs that were not done `deadline_s` after they came, those given up included."""
        if not self.total.size:
            return 0.0
        return float(((self.total > deadline_s) | self.given_up[self.warm_up :]).mean())

    def row(self, deadline_s: float) -> dict[str, Any]:
        """One row of a table."""
        return {
            "fleet": self.plan.name,
            "usd_per_1000": self.usd_per_1000,
            "worker_hours": self.worker_s / 3600,
            "utilisation": self.utilisation,
            "wait_p50_s": self.wait_percentile(50),
            "wait_p99_s": self.wait_percentile(99),
            "late": self.late_share(deadline_s),
            "run_twice": self.run_twice,
            "given_up": int(self.given_up.sum()),
            "starts": self.starts,
            "interrupted": self.interrupted,
        }

    @property
    def evidence(self) -> Simulated:
        from .fleet_simulation import validation_point

        waits = spread_in_parts(self.wait, 95)
        spread = f"wait {waits}" if waits else "no job"
        return Simulated(f"job fleet, {self.plan.name}", validation_point(), max(1, self.jobs), self.seed, spread)
