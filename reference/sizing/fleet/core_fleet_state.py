"""What the fleet's event loop works on besides the replicas: regions, timers, looks of the autoscaler, outages."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .core_state import State
from .design import POLICIES, FleetDesign

OFF, STARTING, READY, DRAINING, WARMING, STANDBY = range(6)  # of a replica
RANDOM, ROUND_ROBIN, LEAST_LOADED, TWO_CHOICES, PREFIX_AWARE = range(len(POLICIES))
SHED, TIMED_OUT, FAILED = 1, 2, 3  # outcomes; 0 is answered
SCOPES = {"replica": 0, "zone": 1, "region": 2}
MINUTE = 60

REGION = np.dtype(
    [
        ("first", np.int64),  # its replicas are numbered from here
        ("slots", np.int64),
        ("zones", np.int64),
        ("least", np.int64),
        ("most", np.int64),
        ("target", np.float64),
        ("every_s", np.float64),
        ("cold_start_s", np.float64),
        ("warm_pool", np.int64),
        ("warm_start_s", np.float64),
        ("spill_above", np.float64),
        ("schedule_from", np.int64),
        ("schedule_to", np.int64),
        ("next_look", np.float64),
        ("looks", np.int64),
        ("window", np.int64),  # looks that the stabilisation window holds
        ("ready", np.int64),
        ("load", np.int64),
        ("turn", np.int64),  # of round robin, and where a search for the least loaded begins
        ("paid_s", np.float64),
    ]
)

TIMER = np.dtype([("at", np.float64), ("request", np.int32), ("attempt", np.int32), ("number", np.int32)])
OUTAGE = np.dtype(
    [("at", np.float64), ("begins", np.int64), ("scope", np.int64), ("index", np.int64), ("region", np.int64)]
)
LOOK = np.dtype(
    [
        ("second", np.float64),
        ("region", np.int32),
        ("paid", np.int32),
        ("ready", np.int32),
        ("waiting", np.int64),
        ("running", np.int64),
    ]
)
CONTROL = np.dtype(
    [
        ("next_arrival", np.int64),
        ("ended", np.int64),  # requests
        ("timers", np.int64),
        ("looks", np.int64),
        ("outages", np.int64),  # begun or over
        ("next_slow", np.float64),  # look, start, outage
        ("second", np.int64),  # of the retry budget's window
        ("first_sent", np.int64),
        ("retried", np.int64),
        ("lost", np.int64),  # tries
        ("events", np.int64),
    ]
)


class Rules(NamedTuple):
    """Routing, admission and retry as numbers; a limit that is not set is the largest integer."""

    policy: int
    imbalance: float
    slack: int
    queue_limit: int
    in_flight_limit: int
    attempts: int
    timeout_s: float
    cancels: bool
    backoff_s: float
    factor: float
    jitter: float
    budget: float
    horizon_s: float


class Fleet(NamedTuple):
    """All arrays of a fleet beside those of its replicas: regions, the next event, timers."""

    region: Any
    ready: Any  # replicas that are ready, region by region from its first number
    ends: Any  # end of the leap in flight of every replica, s
    tree: Any  # tournament over `ends`: node 1 holds the replica that is next
    timers: Any  # heap
    minute: Any  # (second mod 60, [first sends, retries])
    spill: Any
    schedule: Any
    wanted: Any  # (region, look mod window)
    outages: Any
    zone_down: Any
    timeline: Any
    control: Any
    routing: Any
    backoff: Any


def rules_of(design: FleetDesign, horizon_s: float) -> Rules:
    """The design's routing, admission and retries as numbers."""
    routing, admission, retry = design.routing, design.admission, design.retry
    never = 1 << 60
    return Rules(
        POLICIES.index(routing.policy),
        float(routing.imbalance),
        int(routing.slack),
        never if admission.queue_limit is None else int(admission.queue_limit),
        never if admission.in_flight_limit is None else int(admission.in_flight_limit),
        int(retry.attempts),
        float(retry.timeout_s),
        bool(retry.cancels),
        float(retry.backoff_s),
        float(retry.factor),
        float(retry.jitter),
        math.inf if retry.budget is None else float(retry.budget),
        float(horizon_s),
    )


def slots_of(design: FleetDesign) -> list[int]:
    """Replicas that each region may have at once; those that drain need a place beside the new ones."""
    scalings = [region.scaling for region in design.regions]
    return [s.warm_pool + (s.most if s.least == s.most else 2 * s.most) for s in scalings]


def new_fleet(design: FleetDesign, seed: int) -> Fleet:
    """The fleet before its first event."""
    slots, regions = slots_of(design), design.regions
    region = np.zeros(len(regions), REGION)
    schedule = [step for r in regions for step in r.scaling.schedule]
    at = 0
    for i, r in enumerate(regions):
        s = r.scaling
        region[i]["first"], region[i]["slots"], region[i]["zones"] = sum(slots[:i]), slots[i], r.zones
        region[i]["least"], region[i]["most"], region[i]["target"] = s.least, s.most, s.target_in_flight
        region[i]["every_s"], region[i]["cold_start_s"] = s.every_s, s.cold_start_s
        region[i]["warm_pool"], region[i]["warm_start_s"] = s.warm_pool, s.warm_start_s
        region[i]["spill_above"] = r.spill_above
        region[i]["schedule_from"], region[i]["schedule_to"] = at, at + len(s.schedule)
        region[i]["window"] = 1 + math.floor(s.down_after_s / s.every_s)
        at += len(s.schedule)
    names = [r.name for r in regions]
    spill = np.full((len(regions), max(1, len(regions))), -1, np.int64)
    for i, r in enumerate(regions):
        spill[i, : len(r.spill_to)] = [names.index(name) for name in r.spill_to]
    begun = [(o.start_s, 1, SCOPES[o.scope], o.index, o.index if o.scope == "region" else o.region)
             for o in design.outages]  # fmt: skip
    over = [(o.start_s + o.duration_s, 0, *event[2:]) for o, event in zip(design.outages, begun, strict=True)]
    outages = np.array(sorted(begun + over), OUTAGE)
    leaves = 1
    while leaves < sum(slots):
        leaves *= 2
    tree = np.zeros(2 * leaves, np.int64)
    tree[leaves:] = np.arange(leaves)
    tree[1:leaves] = [_leftmost(node, leaves) for node in range(1, leaves)]
    control = np.zeros(1, CONTROL)
    return Fleet(
        region=region.view(np.recarray),
        ready=np.zeros(sum(slots), np.int64),
        ends=np.full(leaves, np.inf),
        tree=tree,
        timers=np.zeros(4096, TIMER).view(np.recarray),
        minute=np.zeros((MINUTE, 2), np.int64),
        spill=spill,
        schedule=np.array(schedule, float).reshape(-1, 2),
        wanted=np.zeros((len(regions), int(region["window"].max())), np.int64),
        outages=outages.view(np.recarray),
        zone_down=np.zeros((len(regions), max(r.zones for r in regions)), np.int64),
        timeline=np.zeros(4096, LOOK).view(np.recarray),
        control=control.view(np.recarray),
        routing=np.random.default_rng([seed, 2]),
        backoff=np.random.default_rng([seed, 3]),
    )


def _leftmost(node: int, leaves: int) -> int:
    while node < leaves:
        node *= 2
    return node - leaves


def more_room(fleet: Fleet, state: State) -> Fleet:
    """Timers and timeline with room for what one event may add."""
    control = fleet.control[0]
    if control.timers + state.tries.size + 2 > fleet.timers.size:
        timers = np.zeros(2 * (fleet.timers.size + state.tries.size), TIMER).view(np.recarray)
        timers[: fleet.timers.size] = fleet.timers
        fleet = fleet._replace(timers=timers)
    if control.looks + fleet.region.size > fleet.timeline.size:
        timeline = np.zeros(2 * fleet.timeline.size + fleet.region.size, LOOK).view(np.recarray)
        timeline[: fleet.timeline.size] = fleet.timeline
        fleet = fleet._replace(timeline=timeline)
    return fleet
