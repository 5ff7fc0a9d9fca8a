"""What a fleet on a queue costs: always on, scaled on depth, on spot; same arrivals, same deadline."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference.sizing.open_arrivals import Arrivals
from reference.sizing.pipeline import Floats, ServiceTime

from .fleet_simulation import FleetPlan, FleetRun, Scaling, Spot, draw, simulate_fleet

TARGETS = (0.1, 0.3, 0.7)  # target waits that are tried, as shares of the deadline


@dataclass(frozen=True)
class Setting:
    """What is equal for all fleets that are compared. Seconds, dollars; defaults are assumptions.

    Attributes:
        slots: jobs of a worker at once. service: of one job in a slot; give measured seconds (`ServiceTime.empirical`).
        deadline_s, late: at most this share of the jobs may take longer from arrival to end.
        scaling: of the fleets that follow the queue. spot: of those on spot.
        seconds: of arrivals simulated. burst_share: of the time; burst_s: seconds of one burst.
    """

    service: ServiceTime
    slots: int = 4
    usd_per_hour: float = 6.88
    deadline_s: float = 600.0
    late: float = 0.01
    scaling: Scaling = Scaling(0, 256, target_wait_s=60.0, every_s=15.0, cold_start_s=180.0, down_after_s=300.0)  # noqa: RUF009 - frozen
    spot: Spot = Spot(0.1, 0.4, notice_s=30.0)  # noqa: RUF009 - frozen
    redeliver_s: float = 12.0
    seconds: float = 4 * 3600.0
    burst_share: float = 0.125
    burst_s: float = 900.0
    seed: int = 0

    def arrivals(self, load: float, burst: float) -> tuple[Floats, Floats]:
        """Arrivals and work for a mean load of so many busy workers: Poisson, with even spells of `burst` x the mean.

        Even, and not drawn as in `Arrivals`: a run of hours has few bursts, and their luck would hide what is compared.
        """
        if not 1 <= burst <= 1 / self.burst_share:
            raise ValueError(f"burst must lie between 1 and {1 / self.burst_share:g}, got {burst!r}")
        cycle = self.burst_s / self.burst_share
        quiet = (1 - burst * self.burst_share) / (1 - self.burst_share)
        lengths = np.tile([cycle - self.burst_s, self.burst_s], math.ceil(self.seconds / cycle))
        ends = np.concatenate([[0.0], np.cumsum(lengths)])
        passed = np.concatenate([[0.0], np.cumsum(lengths * np.tile([quiet, burst], lengths.size // 2))])
        # Change of clock: drawn as Poisson, then stretched so that a spell of n x the rate passes n x as fast.
        until = float(np.interp(self.seconds, ends, passed))
        at, work = draw(Arrivals(load * self.slots / self.service.mean), self.service, until, self.seed)
        return np.interp(at, passed, ends), work

    def plan(self, name: str, scaling: Scaling, spot: Spot | None = None) -> FleetPlan:
        """A fleet at the prices of this setting."""
        return FleetPlan(name, self.slots, self.usd_per_hour, scaling, spot, self.redeliver_s, max_attempts=10)

    def run(self, at: Floats, work: Floats, plan: FleetPlan) -> FleetRun:
        """Simulate a fleet on these arrivals (s) and this work (s)."""
        return simulate_fleet(at, work, plan, horizon_s=self.seconds, service_s=self.service.mean, seed=self.seed)


def cheapest_fixed(setting: Setting, at: Floats, work: Floats, most: int = 512) -> FleetRun | None:
    """The smallest fleet that is always on and keeps the deadline for all but `late` of the jobs; None above `most`."""

    def run(workers: int) -> FleetRun:
        scaling = Scaling.fixed(workers, every_s=max(1.0, setting.seconds), cold_start_s=setting.scaling.cold_start_s)
        return setting.run(at, work, setting.plan("always on", scaling))

    low, high = 1, 1
    found = run(high)
    while found.late_share(setting.deadline_s) > setting.late:
        low, high = high + 1, 2 * high
        if high > most:
            return None
        found = run(high)
    while low < high:
        middle = (low + high) // 2
        one = run(middle)
        if one.late_share(setting.deadline_s) <= setting.late:
            found, high = one, middle
        else:
            low = middle + 1
    return found


def cheapest_scaled(
    setting: Setting, at: Floats, work: Floats, name: str, spot: Spot | None = None, shares: Sequence[float] = TARGETS
) -> FleetRun:
    """The cheapest fleet that follows the queue and keeps the deadline; without any, the one with the fewest late.

    shares: of the deadline, as target waits to try. A fixed fleet is sized for the deadline, so this one is too.
    """
    runs = []
    for share in shares:
        scaling = dataclasses.replace(setting.scaling, target_wait_s=share * setting.deadline_s)
        runs.append(setting.run(at, work, setting.plan(name, scaling, spot)))
    kept = [run for run in runs if run.late_share(setting.deadline_s) <= setting.late]
    if kept:
        return min(kept, key=lambda run: run.usd)
    return min(runs, key=lambda run: run.late_share(setting.deadline_s))


def compare(setting: Setting, load: float, burst: float) -> list[FleetRun]:
    """Always on, scaled on depth, the same on spot, each the cheapest that keeps the deadline; same arrivals and work.

    load: mean number of busy workers. burst: rate in a burst over the mean. Raises ValueError without a job to run.
    """
    at, work = setting.arrivals(load, burst)
    if not at.size:
        raise ValueError(f"no job comes in {setting.seconds:g} s at load {load:g}: raise seconds or load")
    runs = [
        cheapest_scaled(setting, at, work, "scaled on depth"),
        cheapest_scaled(setting, at, work, "scaled, spot", setting.spot),
    ]
    fixed = cheapest_fixed(setting, at, work)
    return [fixed, *runs] if fixed is not None else runs


def sweep(setting: Setting, loads: Sequence[float], bursts: Sequence[float]) -> list[dict[str, Any]]:
    """One row per load and burst: dollars per 1,000 of the three fleets, and the cost of each over always on.

    utilisation: of the fleet that is always on. in_time: the scaled fleet keeps the deadline as well.
    """
    rows = []
    for load in loads:
        for burst in bursts:
            runs = {run.plan.name: run for run in compare(setting, load, burst)}
            fixed, scaled, spot = runs.get("always on"), runs["scaled on depth"], runs["scaled, spot"]
            base = fixed.usd_per_1000 if fixed is not None else math.inf
            rows.append(
                {
                    "load": load,
                    "burst": burst,
                    "jobs": scaled.jobs,
                    "utilisation": fixed.utilisation if fixed is not None else 0.0,
                    "always_on": base,
                    "scaled": scaled.usd_per_1000,
                    "spot": spot.usd_per_1000,
                    "scaled_over_always_on": scaled.usd_per_1000 / base,
                    "spot_over_always_on": spot.usd_per_1000 / base,
                    "in_time": scaled.late_share(setting.deadline_s) <= setting.late,
                    "spot_in_time": spot.late_share(setting.deadline_s) <= setting.late,
                }
            )
    return rows


def crossing(xs: Sequence[float], ratios: Sequence[float]) -> float | None:
    """Where a ratio first passes 1 along `xs` (ascending), linear between the points; None if it never does."""
    for (x0, y0), (x1, y1) in zip(zip(xs, ratios, strict=True), list(zip(xs, ratios, strict=True))[1:], strict=False):
        if (y0 - 1) * (y1 - 1) <= 0 and y0 != y1:
            return x0 + (x1 - x0) * (1 - y0) / (y1 - y0)
    return None


def frontier(
    setting: Setting, load: float, burst: float, waits: Sequence[float] = (5, 15, 30, 60, 120, 240)
) -> dict[str, list[dict[str, Any]]]:
    """Wait against cost under the same arrivals: fixed fleets of every size, scaled fleets by target wait.

    Fixed sizes go from the first that is not overrun to the first in which nobody waits a second (p99).
    """
    at, work = setting.arrivals(load, burst)
    fixed = []
    for workers in range(max(1, math.ceil(load)), 200):
        scaling = Scaling.fixed(workers, every_s=setting.seconds)
        run = setting.run(at, work, setting.plan(f"{workers} always on", scaling))
        fixed.append({**run.row(setting.deadline_s), "workers": workers})
        if run.wait_percentile(99) < 1:
            break
    made: dict[str, list[dict[str, Any]]] = {"always on": fixed}
    for name, spot in (("scaled on depth", None), ("scaled, spot", setting.spot)):
        made[name] = []
        for wait in waits:
            scaling = dataclasses.replace(setting.scaling, target_wait_s=float(wait))
            run = setting.run(at, work, setting.plan(name, scaling, spot))
            made[name].append({**run.row(setting.deadline_s), "target_wait_s": wait})
    return made


def interruptions(
    setting: Setting,
    load: float,
    burst: float,
    per_hour: Sequence[float],
    notices: Sequence[float] = (0.0, 30.0, 120.0),
) -> list[dict[str, Any]]:
    """Spot fleets by rate of interruption and notice: what is run twice, wasted and late, and what it costs.

    on_demand: dollars per 1,000 of the same fleet without interruptions, at the full price.
    """
    at, work = setting.arrivals(load, burst)
    full = setting.run(at, work, setting.plan("scaled on depth", setting.scaling)).usd_per_1000
    rows = []
    for notice in notices:
        for rate in per_hour:
            spot = dataclasses.replace(setting.spot, interruptions_per_hour=float(rate), notice_s=float(notice))
            run = setting.run(at, work, setting.plan("scaled, spot", setting.scaling, spot))
            rows.append(
                {
                    **run.row(setting.deadline_s),
                    "per_hour": rate,
                    "notice_s": notice,
                    "on_demand": full,
                    "twice_share": run.run_twice / max(1, run.jobs),
                    "wasted": run.wasted_s / max(1e-9, run.work_s + run.wasted_s),
                }
            )
    return rows
