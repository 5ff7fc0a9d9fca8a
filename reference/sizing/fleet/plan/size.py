"""Replicas for a peak: a first guess by formula, then simulated fleets until the smallest that meets every target.

The fleet that is simulated is the one that is left when a replica or a zone is gone. Above `Effort.slice` replicas a
slice with its share of the traffic stands in for the whole: routing pools less in it, so its tail is no better.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reference.sizing.engine_model.model import EngineModel
from reference.sizing.fleet.design import Autoscaling, FleetDesign, Outage, Region, Retry, Routing
from reference.sizing.fleet.workload import Workload

from .candidates import load_of
from .demand import Peak, draw
from .formula import Guess, full_replica, seconds_floor, tpot_floor_s, ttft_floor_s
from .requirements import Requirements
from .window import Window, window

ZONES = 3
# Where a confirming run misses a target, so much of the fleet is added before the next one; the last stays as it is.
SURVIVORS_TRIED = (0.03, 0.06, 0.12, 0.0)
# Confirming runs get this much more traffic (assumed): just below saturation a fleet passes with one draw of requests
# and drowns in the next, which are as many give or take a per cent.
CONFIRM_AT = 1.03
Simulate = Callable[..., Any]


@dataclass(frozen=True)
class Effort:
    """How much is simulated. `requests`: at least so many in a window; `slice`: most replicas of a simulated peak."""

    requests: int = 10_000
    slice: int = 24
    days: int = 3
    day_requests: int = 400_000
    day_replicas: int = 6
    most_simulated: int = 40
    resolution: float = 0.01
    window_s: float = 120.0
    threads: int = 2
    confirmations: int = 3


FULL = Effort()
QUICK = Effort(
    requests=2000,
    slice=6,
    days=1,
    day_requests=40_000,
    day_replicas=3,
    most_simulated=8,
    resolution=0.03,
    window_s=60.0,
    confirmations=2,
)


@dataclass(frozen=True)
class Drill:
    """A replica or a zone lost in the middle of the peak: shares of the requests sent while it was gone."""

    scope: str
    requests: int
    answered: float
    within: float


@dataclass(frozen=True)
class Sizing:
    """One region's fleet. survivors: what the targets were simulated with; replicas: with what may be gone added.

    fault: why no size will do, with numbers; window and drill hold what the last simulations showed.
    """

    rate: float
    survivors: int
    replicas: int
    guess: Guess
    window: Window | None = None
    drill: Drill | None = None
    simulated_replicas: int = 0
    simulations: int = 0
    fault: str = ""


def default_simulate(workload: Workload, design: FleetDesign, *, seed: int = 0) -> Any:
    """The fleet simulator."""
    from reference.sizing.fleet.simulate import simulate

    return simulate(workload, design, seed=seed)


def with_losses(survivors: int, survive: str) -> int:
    """Replicas such that `survivors` are left when a replica, or the fullest of three zones, is gone."""
    if survive == "nothing":
        return survivors
    if survive == "replica":
        return survivors + 1
    return next(n for n in range(survivors + 1, 2 * survivors + 2) if n - math.ceil(n / ZONES) >= survivors)


def window_requests(requirements: Requirements, least: int) -> int:
    """Requests that a percentile needs to mean something: a hundred beyond the rarer of the two."""
    tail = 1 - max(requirements.ttft_percentile, requirements.tpot_percentile) / 100
    return max(least, math.ceil(100 / tail - 1e-6))


def routing_for(requirements: Requirements) -> Routing:
    """Sessions go where their history is; requests without one to the least loaded replica."""
    return Routing("prefix-aware" if requirements.turns > 1 else "least-loaded")


@dataclass
class Trials:
    """Simulations of one engine at one rate, with the same draws for every size. Keeps what it has simulated."""

    engine: EngineModel
    requirements: Requirements
    rate: float
    effort: Effort
    seed: int
    simulate: Simulate
    guess: Guess = field(init=False)
    seen: dict[int, Window] = field(default_factory=dict)
    count: int = 0
    peak: Peak = field(init=False)
    warm_s: float = field(init=False)

    def __post_init__(self) -> None:
        wanted = self.requirements
        self.guess = full_replica(self.engine, load_of(wanted), wanted.tpot_ms / 1000)
        # Long answers keep arriving in the fleet until the 95th percentile of them has lived once, at the slowest pace.
        # None of it depends on a target: the same requests are counted whatever is asked of them.
        full = full_replica(self.engine, load_of(wanted), math.inf)
        self.warm_s = wanted.quantile("output", 95) * full.tpot_s
        if wanted.turns > 1:
            self.warm_s += wanted.turns * wanted.turn_gap_s
        busiest = min(1.5 * full.rate * self.effort.slice, self.rate)
        # A window of some length: a queue that grows without end must have the time to show.
        inside = max(window_requests(wanted, self.effort.requests), math.ceil(busiest * self.effort.window_s))
        self.peak = draw(wanted, inside + 2 * math.ceil(busiest * self.warm_s), self.seed)

    def floor(self) -> int:
        """Replicas below which the engine has less time than its requests take, however they are batched."""
        return max(1, math.floor(self.rate * seconds_floor(self.engine, load_of(self.requirements))) + 1)

    def ceiling(self) -> int:
        """Replicas at which each has a fifth of a request in flight: more of them change nothing."""
        wanted = self.requirements
        alone = ttft_floor_s(self.engine, wanted.prompt_mean) + wanted.output_mean * tpot_floor_s(
            self.engine, wanted.prompt_mean + wanted.output_mean / 2
        )
        return max(self.floor() + 2, math.ceil(5 * self.rate * alone))

    def at(self, replicas: int) -> Window:
        """The window of a fleet of so many replicas; simulated once."""
        if replicas not in self.seen:
            self.seen[replicas] = self.run(replicas, self.peak, self.seed)
        return self.seen[replicas]

    def run(self, replicas: int, peak: Peak, seed: int, factor: float = 1.0) -> Window:
        """A window of `replicas` replicas at `factor` times the peak, or of a slice of them."""
        self.count += 1
        part = min(replicas, self.effort.slice)
        workload = peak.at(factor * self.rate * part / replicas)
        patience = Retry(timeout_s=self.requirements.patience_s)
        design = FleetDesign.one(self.engine, part, routing=routing_for(self.requirements), retry=patience)
        run = self.simulate(workload, design, seed=seed)
        last = max(workload.horizon_s - self.warm_s, self.warm_s + 1e-9)
        return window(run, workload.arrived, self.requirements, self.warm_s, last, part)

    def smallest(self) -> int:
        """The smallest number of replicas that meets every target, to within the effort's resolution."""
        low, top = self.floor() - 1, self.ceiling()
        high = min(top, max(low + 1, math.ceil(self.rate / self.guess.rate / 0.85)))
        while not self.at(high).met:
            if high >= top:
                return 0
            low, high = high, min(top, max(high + 1, math.ceil(high * 1.25)))
        step = max(1, math.floor(self.effort.resolution * high))
        first = True
        while high - low > step:
            # The guess is close more often than not, so the first look is just below it.
            middle = max(low + 1, math.floor(high * 0.9)) if first else (low + high) // 2
            first = False
            low, high = (low, middle) if self.at(middle).met else (middle, high)
        return high


def size(
    engine: EngineModel,
    requirements: Requirements,
    rate: float,
    *,
    effort: Effort = FULL,
    seed: int = 0,
    simulate: Simulate | None = None,
) -> Sizing:
    """Replicas for `rate` requests/s.

    Confirmed by runs with other seeds and a little more traffic, and by a failure in the middle of one.
    """
    trials = Trials(engine, requirements, rate, effort, seed, simulate or default_simulate)
    survivors = trials.smallest()
    if not survivors:
        tried = max(trials.seen)
        return Sizing(
            rate, tried, tried, trials.guess, trials.at(tried), None, min(tried, effort.slice), trials.count,
            f"no size will do: {tried:,} replicas, nearly idle, still miss {'; '.join(trials.at(tried).misses)}",
        )  # fmt: skip
    others = [draw(requirements, trials.peak.gaps.size, seed + n) for n in range(1, effort.confirmations + 1)]
    for more in SURVIVORS_TRIED:
        # What passed by luck of one draw is found out by another.
        for other in others:
            seen = trials.run(survivors, other, other.seed, CONFIRM_AT)
            if not seen.met:
                break
        if seen.met:
            break
        survivors += math.ceil(more * survivors)
    replicas = with_losses(survivors, requirements.survive)
    fault = "" if seen.met else f"a confirming run missed {'; '.join(seen.misses)} with {survivors:,} replicas"
    drill = None
    if not fault and requirements.survive != "nothing":
        drill = _drill(trials, replicas, others[0])
        if drill.answered < requirements.availability:
            fault = (
                f"with a {drill.scope} gone {drill.answered:.2%} were answered, {requirements.availability:.2%} must be"
            )
    part = min(survivors, effort.slice)
    return Sizing(rate, survivors, replicas, trials.guess, seen, drill, part, trials.count, fault)


def _drill(trials: Trials, replicas: int, peak: Peak) -> Drill:
    """Lose a replica or a zone half way through; what ran there is sent once more."""
    wanted, trials.count = trials.requirements, trials.count + 1
    part = min(replicas, ZONES * math.ceil(trials.effort.slice / ZONES))
    workload = peak.at(trials.rate * part / replicas)
    start = workload.horizon_s / 2
    length = workload.horizon_s - start
    region = Region("one", Autoscaling.fixed(part), zones=ZONES if wanted.survive == "zone" else 1)
    # A slice that loses one replica loses more than its share of the fleet: pessimistic.
    outage = Outage(start, length + 3600, "zone" if wanted.survive == "zone" else "replica")
    design = FleetDesign(
        trials.engine,
        (region,),
        routing=routing_for(wanted),
        outages=(outage,),
        retry=Retry(attempts=2, backoff_s=0.0, timeout_s=wanted.patience_s),
    )
    run = trials.simulate(workload, design, seed=trials.seed + 1)
    last = max(workload.horizon_s - trials.warm_s, start + length / 4)
    seen = window(run, workload.arrived, wanted, start, last, part)
    return Drill(wanted.survive, seen.requests, seen.answered, seen.within)
