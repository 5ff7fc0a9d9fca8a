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
from typing import Any

import numpy as np

from .moderation_run import ModerationRun, StageTrace
from .moderation_service import Burst, Event, Outage, Service, Viral, check_events
from .pipeline import Floats, ServiceTime, Stage
from .queueing import Unstable, erlang_c

__all__ = [
    "Burst", "ModerationRun", "Outage", "Service", "StageTrace", "Viral", "against_theory", "simulate_moderation",
    "validation_point",
]  # fmt: skip

POLICIES = ("queue", "escalate")


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
    random: np.random.Generator, rate: float, seconds: float, events: tuple[Event, ...]
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
    events: tuple[Event, ...] = (),
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
    check_events(service, seconds, events)
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
