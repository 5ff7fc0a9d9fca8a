"""A whole day of the autoscaled fleet: what it costs, and whether the targets hold over the day with cold starts.

Simulated as a slice of the peak's fleet with its share of the traffic. A small slice rounds up to whole replicas more
often than a large fleet does, so its cost is an upper estimate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reference.sizing.engine_model.model import EngineModel
from reference.sizing.fleet.arrivals import RateProfile, arrival_times
from reference.sizing.fleet.day import DayProfile
from reference.sizing.fleet.design import Autoscaling, FleetDesign, Region, Retry
from reference.sizing.fleet.workload import Workload
from reference.sizing.memory import weights_bytes
from reference.sizing.traffic import cold_start_time
from reference.sizing.units import Q, magnitude

from .candidates import load_of
from .demand import as_sessions, lengths
from .formula import in_flight_at
from .requirements import Requirements
from .size import ZONES, Effort, Simulate, Sizing, default_simulate, routing_for, with_losses
from .window import Window, window

DAY_S, WARM_S = 86_400.0, 1800.0
BURST_SHARE, BURST_S = 0.1, 60.0  # assumed
# Ways to follow the day, from the cheapest: as a reactive autoscaler with head-room for a burst (a replica takes longer
# to start than a burst lasts), with more of it, or with the peak's fleet up by the clock through the busy hours.
WAYS = (("reactive", 1.0), ("reactive", 0.75), ("by the clock", 1.0))


@dataclass(frozen=True)
class Day:
    """A day of one region. replica_hours: of its whole fleet in 24 h; low, high: replicas paid at once, least, most.

    way: reactive, or by the clock with `busy` as its hours of the day. target_in_flight: requests per replica that
    the autoscaler aims at. part: replicas that were simulated. fault: the targets that the day missed.
    """

    replica_hours: float
    least: int
    low: int
    high: int
    way: str
    busy: tuple[float, float] | None
    target_in_flight: float
    part: int
    window: Window
    simulations: int
    fault: str = ""
    usd_month: float = 0.0


def cold_start_s(requirements: Requirements, dtype: str) -> float:
    """Seconds from the decision to the first answer: a machine, the image, the weights, the warm-up."""
    return magnitude(
        cold_start_time(
            provision=Q(requirements.provision_s, "s"),
            image_pull=Q(requirements.image_pull_s, "s"),
            weights=weights_bytes(requirements.shape, dtype),
            load_bandwidth=Q(requirements.load_gb_per_s, "GB/s"),
            warm_up=Q(requirements.warm_up_s, "s"),
        ),
        "s",
    )


def rate_of_day(requirements: Requirements, mean_rate: float, rng: np.random.Generator) -> RateProfile:
    """24 hours from midnight and half an hour more: busy hours and night with ramps of an hour, and bursts.

    A burst is a minute at the peak's rate; bursts fill a tenth of the time (assumed), the mean stays.
    """
    # A rate that jumps at nine o'clock would ask for a fleet in a second.
    rates = _hours(requirements).rates(mean_rate * DAY_S, 24 + WARM_S / 3600)
    return rates.with_bursts(requirements.burst, min(BURST_SHARE, 0.5 / requirements.burst), BURST_S, rng)


def _hours(requirements: Requirements) -> DayProfile:
    return DayProfile(DayProfile.diurnal(requirements.busy_share, requirements.busy_hours).hourly)


def busy_hours(requirements: Requirements) -> tuple[float, float] | None:
    """Hours of the day between which the rate is above the night's, ramps included; None if that runs past midnight."""
    hourly = _hours(requirements).hourly
    above = [hour for hour, factor in enumerate(hourly) if factor > min(hourly) * 1.001]
    if not above or above[0] == 0 or above[-1] == 23:
        return None
    return above[0] - 0.5, above[-1] + 1.5


def day_of(requirements: Requirements, mean_rate: float, seed: int) -> Workload:
    """24.5 hours at a mean of `mean_rate` requests/s; the first half hour is there to fill the fleet."""
    rng = np.random.default_rng([seed, 3])
    profile = rate_of_day(requirements, mean_rate / requirements.turns, rng)
    starts = arrival_times(profile, rng)
    if requirements.turns > 1:
        return as_sessions(starts, profile.horizon_s, requirements, rng)
    n_in, n_out = lengths(requirements, starts.size, rng)
    return Workload.of(starts, n_in, n_out, shared=requirements.shared_prefix, horizon_s=profile.horizon_s)


def target_in_flight(engine: EngineModel, requirements: Requirements, sizing: Sizing, room: float) -> float:
    """Requests per replica at which the autoscaler keeps head-room for a burst and for what may be gone.

    The formula says how many are in flight at a lower rate, and the simulation of the peak how far it is off.
    """
    assert sizing.window is not None
    load, most = load_of(requirements), float(engine.limits.max_num_seqs)
    at_peak = in_flight_at(engine, load, sizing.rate / sizing.survivors, most)
    wanted = in_flight_at(engine, load, room * sizing.rate / sizing.replicas / requirements.burst, most)
    return max(0.1, sizing.window.in_flight * wanted / at_peak)


def autoscaled_day(
    engine: EngineModel,
    requirements: Requirements,
    sizing: Sizing,
    *,
    dtype: str,
    effort: Effort,
    seed: int = 0,
    simulate: Simulate | None = None,
) -> Day:
    """The day of one region whose peak was sized; in the first of `WAYS` that meets the targets, or in the last."""
    run_it = simulate or default_simulate
    share = sizing.rate / requirements.peak_rate
    part = day_part(requirements, sizing, share, effort)
    scale = sizing.replicas / part
    workload = day_of(requirements, requirements.mean_rate * share / scale, seed)
    least = min(sizing.replicas, ZONES if requirements.survive == "zone" else with_losses(1, requirements.survive))
    cold, busy = cold_start_s(requirements, dtype), busy_hours(requirements)
    tried = WAYS if busy else WAYS[:2]
    day = None
    for number, (way, room) in enumerate(tried, 1):
        target = target_in_flight(engine, requirements, sizing, room)
        clock = busy if way == "by the clock" else None
        scaling = Autoscaling(
            least=max(1, math.ceil(least / scale)), most=part, target_in_flight=target, cold_start_s=cold,
            warm_pool=math.ceil(requirements.warm_pool / scale), schedule=_schedule(clock, cold, part),
        )  # fmt: skip
        design = FleetDesign(
            engine, (Region("one", scaling, zones=1),), routing=routing_for(requirements),
            retry=Retry(timeout_s=requirements.patience_s),
        )  # fmt: skip
        run = run_it(workload, design, seed=seed)
        hours = run.replica_hours * DAY_S / workload.horizon_s
        seen = window(run, workload.arrived, requirements, WARM_S, workload.horizon_s, hours / 24)
        fault = f"its autoscaled day missed {'; '.join(seen.misses)}" if seen.misses else ""
        paid = run.timeline["paid"]
        low, high = (round(float(number) * scale) for number in (paid.min(), paid.max()))
        day = Day(hours * scale, least, low, high, way, clock, target, part, seen, number, fault)
        if not fault:
            break
    assert day is not None
    return day


def _schedule(busy: tuple[float, float] | None, cold_s: float, replicas: int) -> tuple[tuple[float, int], ...]:
    """Up a cold start before the busy hours, released after them."""
    if busy is None:
        return ()
    return (max(0.0, busy[0] * 3600 - cold_s), replicas), (busy[1] * 3600, 1)


def day_part(requirements: Requirements, sizing: Sizing, share: float, effort: Effort) -> int:
    """Replicas of the slice: as many as the effort has requests for, at least the smallest that scales at all."""
    requests = requirements.mean_rate * share * DAY_S
    wanted = math.floor(sizing.replicas * effort.day_requests / requests)
    return min(sizing.replicas, max(wanted, effort.day_replicas))
