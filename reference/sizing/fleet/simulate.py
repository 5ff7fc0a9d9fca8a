"""A whole fleet, simulated to the token: routing, admission, retries, scaling, outages, regions, what it costs.

Figures come from discrete events; see core.py for what a replica does in a step. What is simplified: a request that
another region answers gets that region's `rtt_s` added to its times, and a client's patience counts time at the fleet
only; a health check finds an outage at once; requests lost with a replica are lost at once too.
"""

from __future__ import annotations

import numpy as np

from .design import FleetDesign
from .run import FleetRun
from .workload import Workload

__all__ = ["FleetRun", "simulate"]

SLICE = 1_000_000  # events between two looks of Python, so that a run can be interrupted


def simulate(workload: Workload, design: FleetDesign, *, seed: int = 0, leaps: bool = True) -> FleetRun:
    """Run `workload` on `design` until every request has ended and the horizon is over.

    Same arguments, same result, bit for bit; routing, noise and back-off draw from streams of their own.
    leaps=False takes every step as an event of its own: the same times, slowly, for checks.
    Raises ValueError where requests do not fit the engine's limits or name a region that there is not.
    """
    from . import core_fleet_state, core_state
    from .core_fleet import whole_fleet

    _check(workload, design)
    core_state.check_fits(workload, design.engine)
    engine = core_state.engine_numbers(design.engine, leaps)
    rules = core_fleet_state.rules_of(design, workload.horizon_s)
    state = core_state.new_state(
        workload, design.engine, sum(core_fleet_state.slots_of(design)), 4096, seed, np.float32
    )
    fleet = core_fleet_state.more_room(core_fleet_state.new_fleet(design, seed), state)
    while not whole_fleet(engine, rules, state, fleet, SLICE):
        if state.free[0] == core_state.NONE and state.free[1] == state.tries.size:
            state = core_state.more_tries(state)
        fleet = core_fleet_state.more_room(fleet, state)

    seen, control = state.request, fleet.control[0]
    _add_distance(seen, design)
    looks = fleet.timeline[: control.looks]
    hours = float(fleet.region.paid_s.sum()) / 3600
    replica = state.replica
    return FleetRun(
        workload=workload, design=design, seed=seed,
        ttft_s=seen.ttft, tpot_s=seen.tpot, e2e_s=seen.e2e, outcome=seen.outcome, attempts=seen.attempts,
        served_by=seen.served_by, hit_tokens=seen.hits,
        timeline={name: np.array(looks[name]) for name in looks.dtype.names},
        replica_hours=hours, usd=hours * design.usd_per_replica_hour,
        steps=int(replica.steps.sum()), events=int(control.events), preemptions=int(replica.preempted.sum()),
        lost_tries=int(control.lost), busy_s=float(replica.busy.sum()), in_flight_s=float(replica.area.sum()),
        tokens_out=int(replica.tokens_out.sum()), most_running=int(replica.most_running.max()),
        most_kv_tokens=int(replica.most_used.max()) * design.engine.limits.block_tokens,
        most_step_tokens=int(replica.most_tokens.max()),
    )  # fmt: skip


def _check(workload: Workload, design: FleetDesign) -> None:
    if workload.requests and int(workload.region.max()) >= len(design.regions):
        raise ValueError(
            f"region of a request must be below the number of regions ({len(design.regions)}), got "
            f"{int(workload.region.max())}: give the design that region or the workload another index"
        )
    for number, outage in enumerate(design.outages):
        if outage.scope == "replica" and outage.index >= design.regions[outage.region].scaling.most:
            raise ValueError(
                f"outages[{number}] names replica {outage.index} of {design.regions[outage.region].scaling.most}"
            )


def _add_distance(seen: np.recarray, design: FleetDesign) -> None:
    """rtt_s for those that another region answered; nobody served those that got no answer."""
    seen.served_by[seen.outcome != 0] = -1
    if len(design.regions) > 1:
        away = np.flatnonzero((seen.served_by >= 0) & (seen.served_by != seen.region))
        rtt = np.array([region.rtt_s for region in design.regions], np.float32)[seen.served_by[away]]
        seen.ttft[away] += rtt
        seen.e2e[away] += rtt
