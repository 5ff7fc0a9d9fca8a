"""What a fleet is: where its replicas stand, how requests reach them, when it scales, what happens when parts fail."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from reference.sizing.engine_model.model import EngineModel

Policy = Literal["random", "round-robin", "least-loaded", "two-choices", "prefix-aware"]
POLICIES: tuple[Policy, ...] = ("random", "round-robin", "least-loaded", "two-choices", "prefix-aware")


def _at_least(name: str, value: float, least: float, *, above: bool = False, infinite: bool = False) -> None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
    good = good and (infinite or math.isfinite(value)) and (value > least if above else value >= least)
    if not good:
        raise ValueError(f"{name} must be {'above' if above else 'at least'} {least:g}, got {value!r}")


@dataclass(frozen=True)
class Routing:
    """How a request finds a replica among the ready ones of its region.

    prefix-aware: the replica that holds the session's history, unless it has more than `imbalance` times the mean
    number of requests in flight plus `slack`; then the least loaded. two-choices: the less loaded of two drawn.
    """

    policy: Policy = "least-loaded"
    imbalance: float = 1.5
    slack: int = 8

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise ValueError(f"policy must be one of {', '.join(POLICIES)}, got {self.policy!r}")
        _at_least("imbalance", self.imbalance, 1)
        _at_least("slack", self.slack, 0)


@dataclass(frozen=True)
class Admission:
    """Shedding: a request is refused at once where its replica has `queue_limit` waiting, or `in_flight_limit` in all.

    None means no limit: everything queues.
    """

    queue_limit: int | None = None
    in_flight_limit: int | None = None

    def __post_init__(self) -> None:
        for name in ("queue_limit", "in_flight_limit"):
            if getattr(self, name) is not None:
                _at_least(name, getattr(self, name), 0 if name == "queue_limit" else 1)


@dataclass(frozen=True)
class Autoscaling:
    """Replicas wanted = ceil(requests waiting and running / target_in_flight), within bounds, as KEDA and HPA decide.

    Looks every `every_s`; goes up at once and down to the most that was wanted during the last `down_after_s`
    (HPA's stabilisation window), draining. A new replica is paid at once and ready after `cold_start_s`; the first
    `warm_pool` of them come from standby machines (paid all the time) after `warm_start_s`, and the pool refills by
    cold starts. schedule: (second of day, least replicas) steps that raise `least` by the clock, as pre-scaling does.
    """

    least: int
    most: int
    target_in_flight: float = 32.0
    every_s: float = 15.0
    down_after_s: float = 300.0
    cold_start_s: float = 300.0
    warm_pool: int = 0
    warm_start_s: float = 15.0
    schedule: tuple[tuple[float, int], ...] = ()

    def __post_init__(self) -> None:
        _at_least("least", self.least, 1)
        _at_least("most", self.most, self.least)
        _at_least("target_in_flight", self.target_in_flight, 0, above=True)
        _at_least("every_s", self.every_s, 0, above=True)
        for name in ("down_after_s", "cold_start_s", "warm_pool", "warm_start_s"):
            _at_least(name, getattr(self, name), 0)
        for number, (second, replicas) in enumerate(self.schedule):
            _at_least(f"schedule[{number}] second", second, 0)
            _at_least(f"schedule[{number}] replicas", replicas, 1)
        if list(self.schedule) != sorted(self.schedule):
            raise ValueError(f"schedule must ascend in time, got {self.schedule}")

    @classmethod
    def fixed(cls, replicas: int) -> Autoscaling:
        """Always so many replicas."""
        return cls(replicas, replicas)


@dataclass(frozen=True)
class Retry:
    """What a client, or the gateway for it, does when it gets no first token.

    attempts: tries in all, 1 is no retry. timeout_s: patience for the first token of one try. cancels: whether a
    request that was given up leaves the engine (False: it is computed for nobody, which is how retry storms feed
    themselves). Waits `backoff_s` x `factor`^(try - 1), each drawn between (1 - jitter) and 1 of it. budget: retries
    per request first sent, over the last minute, above which none is sent; None for no budget.
    """

    attempts: int = 1
    timeout_s: float = math.inf
    cancels: bool = True
    backoff_s: float = 1.0
    factor: float = 2.0
    jitter: float = 0.5
    budget: float | None = None

    def __post_init__(self) -> None:
        _at_least("attempts", self.attempts, 1)
        if self.attempts > 100 or isinstance(self.attempts, float):
            raise ValueError(f"attempts must be a whole number up to 100, got {self.attempts!r}: retries must end")
        _at_least("timeout_s", self.timeout_s, 0, above=True, infinite=True)
        _at_least("backoff_s", self.backoff_s, 0)
        _at_least("factor", self.factor, 1)
        _at_least("jitter", self.jitter, 0)
        if self.jitter > 1:
            raise ValueError(f"jitter must not exceed 1, got {self.jitter!r}")
        if self.budget is not None:
            _at_least("budget", self.budget, 0)


@dataclass(frozen=True)
class Outage:
    """Something is gone from `start_s` for `duration_s`. index: of the replica, zone or region; region: its name's
    index for a replica or a zone. What ran there is lost and, if the policy has tries left, sent again elsewhere.
    Afterwards the machines come back and need a cold start."""

    start_s: float
    duration_s: float
    scope: Literal["replica", "zone", "region"]
    index: int = 0
    region: int = 0

    def __post_init__(self) -> None:
        _at_least("start_s", self.start_s, 0)
        _at_least("duration_s", self.duration_s, 0, above=True)
        if self.scope not in ("replica", "zone", "region"):
            raise ValueError(f"scope must be replica, zone or region, got {self.scope!r}")
        _at_least("index", self.index, 0)
        _at_least("region", self.region, 0)


@dataclass(frozen=True)
class Region:
    """One region's replicas over `zones` zones, evenly. spill_to: names of regions that take its requests, in this
    order, when it has no ready replica or more than `spill_above` requests in flight per ready replica. rtt_s: seconds
    that a request from elsewhere pays to get there and back."""

    name: str
    scaling: Autoscaling
    zones: int = 3
    spill_to: tuple[str, ...] = ()
    spill_above: float = math.inf
    rtt_s: float = 0.1

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name of a region must not be empty")
        _at_least("zones", self.zones, 1)
        _at_least("spill_above", self.spill_above, 0, above=True, infinite=True)
        _at_least("rtt_s", self.rtt_s, 0)
        if self.name in self.spill_to or len(set(self.spill_to)) != len(self.spill_to):
            raise ValueError(
                f"spill_to of {self.name} is cyclic: a request tries each region once, got {' -> '.join(self.spill_to)}"
            )


@dataclass(frozen=True)
class FleetDesign:
    """A whole fleet. usd_per_replica_hour: price of one replica (all its GPUs)."""

    engine: EngineModel
    regions: tuple[Region, ...]
    routing: Routing = field(default_factory=Routing)
    admission: Admission = field(default_factory=Admission)
    retry: Retry = field(default_factory=Retry)
    outages: tuple[Outage, ...] = ()
    usd_per_replica_hour: float = 0.0

    def __post_init__(self) -> None:
        if not self.regions:
            raise ValueError("regions: a fleet needs at least one")
        names = [region.name for region in self.regions]
        if len(set(names)) != len(names):
            raise ValueError(f"regions must have different names, got {', '.join(names)}")
        for region in self.regions:
            for other in region.spill_to:
                if other not in names:
                    raise ValueError(f"spill_to of {region.name} names {other!r}; known: {', '.join(names)}")
        for number, outage in enumerate(self.outages):
            where = outage.index if outage.scope == "region" else outage.region
            if where >= len(self.regions):
                raise ValueError(f"outages[{number}] names region {where}, there are {len(self.regions)}")
            if outage.scope == "zone" and outage.index >= self.regions[where].zones:
                raise ValueError(f"outages[{number}] names zone {outage.index} of {self.regions[where].zones}")
        _at_least("usd_per_replica_hour", self.usd_per_replica_hour, 0)

    @classmethod
    def one(cls, engine: EngineModel, replicas: int = 1, **more: object) -> FleetDesign:
        """A fixed fleet in one region and one zone."""
        return cls(engine, (Region("one", Autoscaling.fixed(replicas), zones=1),), **more)  # type: ignore[arg-type]
