"""Simulation of the moderation funnel over time: bursts, outages and viral posts, which no steady-state formula has.

Posts of several kinds take different paths through stages, each a pool of equal servers with one first-come
first-served line. Every post goes forward only, so the stages are run one after the other over all their tasks: exact,
and one heap operation per post and stage. Not modelled: retries, priorities, servers shared by stages. Seconds and
posts per second throughout.
"""

from __future__ import annotations

import functools
import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .evidence import Simulated
from .pipeline import Floats, ServiceTime, Stage
from .queueing import Unstable, erlang_c

POLICIES = ("queue", "escalate")


@dataclass(frozen=True)
class Burst:
    """From second `at`, `factor` times the arrivals for `length` seconds."""

    at: float
    length: float
    factor: float = 3.0


@dataclass(frozen=True)
class Outage:
    """From second `at`, `share` of the servers of these stages take no new work for `length` seconds; what is in work
    is finished."""

    stages: tuple[str, ...]
    at: float
    length: float
    share: float = 1.0


@dataclass(frozen=True)
class Viral:
    """From second `at` for `length` seconds one post is shared again and again: `factor` x the mean rate on top."""

    at: float
    length: float
    kind: str
    factor: float = 1.0


@dataclass(frozen=True)
class Service:
    """Stages and paths. paths: kind -> names of the stages in order; share of a stage: posts that go on to it, of those
    that came that far. cached_from: stage from which on a repeated post takes the first one's verdict, if it is known
    by then or waits for it; empty for no cache. deadlines: stage -> seconds in line after which the policy "escalate"
    gives the post to people."""

    kinds: Mapping[str, float]
    stages: tuple[Stage, ...]
    paths: Mapping[str, tuple[str, ...]]
    cached_from: str = ""
    deadlines: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [stage.name for stage in self.stages]
        if abs(sum(self.kinds.values()) - 1) > 1e-6 or set(self.kinds) != set(self.paths):
            raise ValueError("the shares of the kinds must add up to 1 and every kind needs a path")
        for kind, path in self.paths.items():
            places = [names.index(name) if name in names else -1 for name in path]
            if not path or -1 in places or places != sorted(set(places)):
                raise ValueError(f"the path of {kind!r} must name known stages in the order of `stages`: {path}")
        if any(stage.batching is not None or stage.fan_out > 1 for stage in self.stages):
            raise ValueError("batches and fan-out are not simulated here: fold them into the service time")
        known = [*names, ""]
        if self.cached_from not in known or set(self.deadlines) - set(names):
            raise ValueError("cached_from and deadlines must name stages")

    def offered(self, rate: float) -> dict[str, float]:
        """Posts/s that come to each stage at `rate` posts/s."""
        shares = {stage.name: stage.share for stage in self.stages}
        load = dict.fromkeys(shares, 0.0)
        for kind, path in self.paths.items():
            left = rate * self.kinds[kind]
            for name in path:
                left *= shares[name]
                load[name] += left
        return load


@dataclass(frozen=True)
class StageTrace:
    """One stage of a run; arrays per task, seconds. given_up: left the line at its deadline; `started` is then the
    moment it left, and `finished` equals it."""

    name: str
    servers: int
    post: Any
    arrived: Floats
    started: Floats
    finished: Floats
    given_up: Any

    def utilisation(self, start: float, end: float) -> float:
        """Share of the servers' time between two moments that was work."""
        inside = np.clip(self.finished, start, end) - np.clip(self.started, start, end)
        return float(inside.sum()) / (self.servers * (end - start))

    def mean_wait(self, start: float = 0.0, end: float = math.inf) -> float:
        """Mean seconds in line of the tasks that came between two moments."""
        chosen = (self.arrived >= start) & (self.arrived < end)
        return float((self.started - self.arrived)[chosen].mean())

    def backlog(self, times: Floats) -> Floats:
        """Tasks in line (not in work) at each moment."""
        came = np.searchsorted(np.sort(self.arrived), times, side="right")
        went = np.searchsorted(np.sort(self.started), times, side="right")
        return (came - went).astype(float)


@dataclass(frozen=True)
class ModerationRun:
    """Result of `simulate_moderation`; arrays per post. escalated: to people because a deadline passed."""

    service: Service
    rate: float
    seconds: float
    seed: int
    policy: str
    events: tuple[Burst | Outage | Viral, ...]
    arrived: Floats
    decided: Floats
    kind: Any
    repeat: Any
    cached: Any
    escalated: Any
    stages: dict[str, StageTrace]
    validation: str

    @property
    def posts(self) -> int:
        return int(self.arrived.size)

    @property
    def latency(self) -> Floats:
        """Seconds from arrival to a verdict, or to the queue of people."""
        return self.decided - self.arrived

    def timeline(self, bin_s: float = 1.0, percents: tuple[float, ...] = (50.0, 99.0)) -> dict[str, Floats]:
        """Percentiles of the latency (s) by second of arrival, posts/s and escalated/s: "at", "p50", "p99", ..."""
        if bin_s <= 0:
            raise ValueError(f"bin_s must be positive, got {bin_s!r}")
        edges = np.arange(0.0, self.seconds + bin_s / 2, bin_s)
        place = np.clip(np.searchsorted(edges, self.arrived, side="right") - 1, 0, edges.size - 2)
        order = np.argsort(place, kind="stable")
        groups = np.split(self.latency[order], np.cumsum(np.bincount(place, minlength=edges.size - 1))[:-1])
        empty = math.nan
        found = {
            f"p{p:g}": np.array([np.percentile(group, p) if group.size else empty for group in groups])
            for p in percents
        }  # fmt: skip
        late = np.bincount(place, weights=self.escalated.astype(float), minlength=edges.size - 1)
        sizes = np.array([group.size for group in groups])
        return {"at": edges[:-1], **found, "posts": sizes / bin_s, "escalated": late / bin_s}

    def recovery(self, stage: str, after: float, limit_s: float = 1.0, bin_s: float = 1.0) -> float:
        """Seconds from `after` until the tasks that come to a stage wait less than `limit_s` again; inf if never."""
        trace = self.stages[stage]
        wait = trace.started - trace.arrived
        late = trace.arrived[(wait >= limit_s) & (trace.arrived >= after)]
        if not late.size:
            return 0.0
        last = float(late.max())
        return math.inf if last > self.seconds - bin_s else last - after

    def percentile(self, percent: float, kind: str | None = None) -> float:
        """Latency that `percent` of the posts (of one kind) do not exceed, s."""
        chosen = self.latency
        if kind is not None:
            chosen = chosen[self.kind == list(self.service.kinds).index(kind)]
        return float(np.percentile(chosen, percent))

    @property
    def evidence(self) -> Simulated:
        told = ", ".join(str(event) for event in self.events) or "no events"
        pools = ", ".join(f"{stage.name} x {stage.servers}" for stage in self.service.stages)
        parts = [float(np.percentile(part, 99)) for part in np.array_split(self.latency, 10)]
        spread = f"p99 {min(parts):.3g} to {max(parts):.3g} s over 10 parts of the run"
        return Simulated(
            f"moderation funnel, Poisson arrivals of {self.rate:,.0f} posts/s for {self.seconds:g} s, {told}, "
            f"policy {self.policy}: {pools}",
            self.validation, self.posts, self.seed, spread,
        )  # fmt: skip


def _pool(
    arrived: Floats, work: Floats, servers: int, outages: list[tuple[float, float, int]], deadline: float
) -> tuple[Floats, Floats, Any]:
    """Start, end and whether it gave up, of each task (ascending arrivals); outages: (start, end, servers down)."""
    free = [0.0] * servers
    started = np.empty(arrived.size)
    given_up = np.zeros(arrived.size, dtype=bool)
    pending = sorted(outages)
    replace = heapq.heapreplace
    next_at = pending[0][0] if pending else math.inf
    for index, (at, seconds) in enumerate(zip(arrived.tolist(), work.tolist(), strict=True)):
        start = at if at > free[0] else free[0]
        while start >= next_at:
            # Idle servers are the first to stop; one that is busy past the outage never notices it.
            _, until, down = pending.pop(0)
            free.sort()
            free[:down] = [max(moment, until) for moment in free[:down]]
            heapq.heapify(free)
            next_at = pending[0][0] if pending else math.inf
            start = at if at > free[0] else free[0]
        if start - at > deadline:
            # The line is in order of arrival, so the wait is known when the post comes; it leaves at its deadline.
            started[index] = at + deadline
            given_up[index] = True
            continue
        started[index] = start
        replace(free, start + seconds)
    return started, np.where(given_up, started, started + work), given_up


def _arrivals(
    random: np.random.Generator, rate: float, seconds: float, events: tuple[Burst | Outage | Viral, ...]
) -> tuple[Floats, Any]:
    """Arrival times, ascending, and for each whether it is a repetition of the viral post."""
    pieces, viral = [random.uniform(0, seconds, random.poisson(rate * seconds))], [False]
    for event in events:
        extra = event.factor - 1 if isinstance(event, Burst) else event.factor if isinstance(event, Viral) else 0.0
        if extra > 0:
            length = min(event.length, seconds - event.at)
            pieces.append(event.at + random.uniform(0, length, random.poisson(rate * extra * length)))
            viral.append(isinstance(event, Viral))
    times = np.concatenate(pieces)
    flags = np.concatenate([np.full(piece.size, flag) for piece, flag in zip(pieces, viral, strict=True)])
    order = np.argsort(times, kind="stable")
    return times[order], flags[order]


def simulate_moderation(
    service: Service,
    rate: float,
    seconds: float = 60.0,
    *,
    events: tuple[Burst | Outage | Viral, ...] = (),
    policy: str = "queue",
    seed: int = 0,
    validate: bool = True,
) -> ModerationRun:
    """Run the funnel for `seconds` seconds of arrivals at a mean of `rate` posts/s until every post has its verdict.

    policy: "queue" lets posts wait however long; "escalate" gives those that would wait past their stage's deadline to
    people. The same seed gives the same run, and another policy or event leaves the other random numbers as they are
    where arrivals do not change. validate: first hold the simulator against Erlang C (once per process).

    Raises Unstable that names a stage that is overloaded without any event, and ValueError for senseless arguments.
    """
    if not (math.isfinite(rate) and rate > 0 and math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"rate and seconds must be positive, got {rate!r} and {seconds!r}")
    if policy not in POLICIES:
        raise ValueError(f"policy must be one of {', '.join(POLICIES)}, got {policy!r}")
    _check_events(service, seconds, events)
    for stage in service.stages:
        busy = service.offered(rate)[stage.name] / stage.capacity()
        if busy >= 1:
            raise Unstable(f"stage {stage.name!r} is at utilisation {busy:.3g} before anything happens: add servers")

    arrived, repeat = _arrivals(np.random.default_rng([seed, 0]), rate, seconds, events)
    kinds = list(service.kinds)
    kind = np.random.default_rng([seed, 1]).choice(len(kinds), arrived.size, p=list(service.kinds.values()))
    viral = next((event for event in events if isinstance(event, Viral)), None)
    if viral is not None:
        kind[repeat] = kinds.index(viral.kind)
    alive = np.ones(arrived.size, dtype=bool)
    first = int(np.flatnonzero(repeat)[0]) if repeat.any() else -1
    cached = np.zeros(arrived.size, dtype=bool)
    escalated = np.zeros(arrived.size, dtype=bool)
    now = arrived.copy()
    stages: dict[str, StageTrace] = {}
    for place, stage in enumerate(service.stages):
        on_path = np.array([stage.name in service.paths[name] for name in kinds])[kind]
        if stage.name == service.cached_from and first >= 0:
            # One of the repetitions goes on; the others wait for its verdict, which is set when the run is over.
            cached = alive & repeat & on_path
            cached[first] = False
            alive &= ~cached
        random = np.random.default_rng([seed, 2, place])
        drawn = random.random(arrived.size) < stage.share
        if first >= 0 and stage.share < 1:
            drawn[repeat] = True  # copies of one post share one fate, and this one is not easy
        came = np.flatnonzero(alive & on_path & drawn)
        alive &= ~on_path | drawn
        came = came[np.argsort(now[came], kind="stable")]
        work = stage.service.sample(random, arrived.size)[came]
        down = [
            (event.at, event.at + event.length, math.ceil(event.share * stage.servers))
            for event in events
            if isinstance(event, Outage) and stage.name in event.stages
        ]
        deadline = service.deadlines.get(stage.name, math.inf) if policy == "escalate" else math.inf
        started, finished, given_up = _pool(now[came], work, stage.servers, down, deadline)
        stages[stage.name] = StageTrace(stage.name, stage.servers, came, now[came], started, finished, given_up)
        now[came] = finished
        escalated[came[given_up]] = True
        alive[came[given_up]] = False
    if cached.any():
        now[cached] = np.maximum(now[cached], now[first])
    return ModerationRun(
        service, rate, seconds, seed, policy, events, arrived, now, kind, repeat, cached, escalated, stages,
        validation_point() if validate else "nothing: this run was not validated",
    )  # fmt: skip


def _check_events(service: Service, seconds: float, events: tuple[Burst | Outage | Viral, ...]) -> None:
    names = {stage.name for stage in service.stages}
    for event in events:
        if not (0 <= event.at < seconds and event.length > 0):
            raise ValueError(f"{event} must begin inside the run of {seconds:g} s and last some time")
        if isinstance(event, Burst) and event.factor < 1:
            raise ValueError(f"{event}: factor must be at least 1")
        if isinstance(event, Viral) and (event.kind not in service.kinds or event.factor <= 0):
            raise ValueError(f"{event}: kind must be one of {', '.join(service.kinds)} and factor positive")
        if isinstance(event, Outage) and (set(event.stages) - names or not 0 < event.share <= 1):
            raise ValueError(f"{event}: stages must be of {', '.join(sorted(names))} and share above 0, at most 1")
    if sum(isinstance(event, Viral) for event in events) > 1:
        raise ValueError("only one viral post per run")


def against_theory(
    rate: float = 1e6 / 60, seconds: float = 120.0, *, servers: int = 4, utilisation: float = 0.7, seed: int = 1
) -> list[dict[str, Any]]:
    """Run three stages of M/M/c at `rate` posts/s and compare each with theory: utilisation and mean wait (s).

    All posts meet the rules, 40 % of them a model and an eighth of these the judge, each with `servers` servers at
    `utilisation`. What leaves an M/M/c is Poisson again (Burke), so Erlang C is exact for every stage. The first tenth
    of the run, when the lines are still short, does not count.
    """
    flows = {"rules": 1.0, "model": 0.4, "judge": 0.125}
    load, stages = rate, []
    for name, share in flows.items():
        load *= share
        stages.append(Stage(name, ServiceTime.exponential(servers * utilisation / load), servers, share=share))
    run = simulate_moderation(
        Service({"post": 1.0}, tuple(stages), {"post": tuple(flows)}), rate, seconds, seed=seed, validate=False
    )
    start, offered, rows = seconds / 10, run.service.offered(rate), []
    for stage in stages:
        busy = offered[stage.name] * stage.service.mean
        exact = erlang_c(busy, servers) * stage.service.mean / (servers - busy)
        trace = run.stages[stage.name]
        rows.append(
            {
                "stage": stage.name,
                "utilisation": trace.utilisation(start, seconds),
                "utilisation_theory": busy / servers,
                "mean_wait": trace.mean_wait(start, seconds),
                "mean_wait_theory": exact,
                "tasks": int(trace.arrived.size),
            }
        )
    return rows


@functools.cache
def validation_point() -> str:
    """`against_theory` at a million posts a minute, in words. Once per process."""
    rows = against_theory()
    parts = ", ".join(
        f"{row['stage']} utilisation {row['utilisation'] / row['utilisation_theory'] - 1:+.1%} and mean wait "
        f"{row['mean_wait'] / row['mean_wait_theory'] - 1:+.1%}"
        for row in rows
    )
    return f"16,667 posts/s for 120 s through three M/M/4 stages at utilisation 0.7, from Erlang C: {parts}"
