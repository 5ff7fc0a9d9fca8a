"""Simulation of a pipeline under open arrivals: queries come when they come and do not wait for each other.

Lines are first come first served and no query returns to an earlier stage, so the stages can be run one after the
other, each over all its tasks in order of arrival: exact, and a few heap operations per task. Not modelled: servers
shared by stages, retries, time-outs, priorities.
"""

from __future__ import annotations

import functools
import heapq
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .evidence import Simulated
from .pipeline import Batching, Floats, Pipeline, ServiceTime, Stage, analyse
from .queueing import erlang_c

PARTS = 10  # of a run, to see how far its percentiles can be trusted
PERCENTILES = (50.0, 95.0, 99.0)


@dataclass(frozen=True)
class Arrivals:
    """Open arrivals with a mean of `rate` queries/s: Poisson, or bursty.

    burst: rate inside a burst over the mean rate; 1 is Poisson. burst_share: fraction of the time that is burst.
    burst_length: mean seconds of one burst. Between bursts the rate is what is left, so the mean stays `rate`.
    """

    rate: float
    burst: float = 1.0
    burst_share: float = 0.1
    burst_length: float = 1.0

    def __post_init__(self) -> None:
        for name in ("rate", "burst_length"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} must be positive, got {getattr(self, name)!r}")
        if not 0 < self.burst_share < 1:
            raise ValueError(f"burst_share must lie between 0 and 1, got {self.burst_share!r}")
        if not 1 <= self.burst <= 1 / self.burst_share:
            raise ValueError(
                f"burst must lie between 1 and {1 / self.burst_share:g}, above that no arrivals are left for the rest "
                f"of the time; got {self.burst!r}"
            )

    def sample(self, random: np.random.Generator, n: int) -> Floats:
        """Times of the first `n` arrivals, seconds from 0, ascending."""
        units = np.cumsum(random.exponential(1.0, n))  # arrivals of a Poisson process of rate 1
        if self.burst == 1:
            return units / self.rate
        quiet_rate = self.rate * (1 - self.burst * self.burst_share) / (1 - self.burst_share)
        quiet_length = self.burst_length * (1 - self.burst_share) / self.burst_share
        # Change of clock: in a spell of rate r, `units` pass r times as fast as seconds.
        spells = max(4, math.ceil(units[-1] / self.rate / (self.burst_length + quiet_length)))
        ends, passed = np.zeros(1), np.zeros(1)
        while passed[-1] < units[-1]:
            lengths = random.exponential(1.0, (spells, 2)) * (quiet_length, self.burst_length)
            done = lengths * (quiet_rate, self.rate * self.burst)
            ends = np.concatenate([ends, ends[-1] + np.cumsum(lengths.ravel())])
            passed = np.concatenate([passed, passed[-1] + np.cumsum(done.ravel())])
        return np.interp(units, passed, ends)


@dataclass(frozen=True)
class StageRun:
    """One stage of a run. Arrays are per task and in order of arrival, seconds; `query` is the index of its query.

    batch: tasks worked on together with this one, 1 without batching. window: start and end of the time that counts,
    from the first query after the warm-up to the last arrival.
    """

    name: str
    servers: int
    query: Any
    arrived: Floats
    started: Floats
    finished: Floats
    batch: Any
    window: tuple[float, float]

    @property
    def wait(self) -> Floats:
        return self.started - self.arrived

    @property
    def sojourn(self) -> Floats:
        return self.finished - self.arrived

    @property
    def utilisation(self) -> float:
        """Share of the servers' time inside the window that was work."""
        start, end = self.window
        inside = np.clip(self.finished, start, end) - np.clip(self.started, start, end)
        return float((inside / self.batch).sum()) / (self.servers * (end - start))


@dataclass(frozen=True)
class PipelineRun:
    """Result of `simulate_pipeline`. Times in seconds; the first `warm_up` queries are left out of all percentiles.

    latency: from arrival to the answer, per query. answered_by: index of the step that answered for good, or -1 for
    queries that went through all of them. per_query: stage -> seconds that each query spent there, 0 if it passed by.
    """

    pipeline: Pipeline
    arrivals: Arrivals
    seed: int
    arrived: Floats
    latency: Floats
    answered_by: Any
    stages: dict[str, StageRun]
    per_query: dict[str, Floats]
    warm_up: int
    validation: str

    @property
    def queries(self) -> int:
        """Queries that count."""
        return int(self.latency.size - self.warm_up)

    @property
    def throughput(self) -> float:
        """Answers/s while queries still came, after the warm-up."""
        start, end = self.arrived[self.warm_up], self.arrived[-1]
        done = self.arrived + self.latency
        return float(((done > start) & (done <= end)).sum() / (end - start))

    def percentile(self, percent: float = 95.0, *, whole_way: bool = False) -> float:
        """Latency that `percent` of the queries do not exceed, s. `whole_way`: only queries that no stage cut short.

        Raises ValueError if no query is left.
        """
        chosen = self.latency[self.warm_up :]
        if whole_way:
            chosen = chosen[self.answered_by[self.warm_up :] < 0]
        if not chosen.size:
            raise ValueError("no query went the whole way: a stage answered all of them")
        return float(np.percentile(chosen, percent))

    def stage_percentile(self, name: str, percent: float = 95.0) -> float:
        """Seconds at a stage, line and joining included, that `percent` of the queries which went there stay below.

        Raises ValueError if none did.
        """
        came = np.unique(self.stages[name].query)
        came = came[came >= self.warm_up]
        if not came.size:
            raise ValueError(f"no query came to stage {name!r}")
        return float(np.percentile(self.per_query[name][came], percent))

    def rows(self) -> list[dict[str, Any]]:
        """One row per stage and one for the whole, times in ms: for a table."""
        rows = []
        for name, run in self.stages.items():
            counted = run.query >= self.warm_up
            if not counted.any():
                continue
            rows.append(
                {
                    "stage": name,
                    "servers": run.servers,
                    "utilisation": run.utilisation,
                    "tasks": int(counted.sum()),
                    "mean_batch": float(1 / np.mean(1 / run.batch[counted])),
                    "mean_wait_ms": float(run.wait[counted].mean() * 1000),
                    **{f"p{p:g}_ms": self.stage_percentile(name, p) * 1000 for p in PERCENTILES},
                }
            )
        whole = {f"p{p:g}_ms": self.percentile(p) * 1000 for p in PERCENTILES}
        return [*rows, {"stage": "end to end", "tasks": self.queries, **whole}]

    def spread(self, percent: float = 95.0) -> str:
        """How far the percentile lies apart over ten parts of the run, in words."""
        parts = [float(np.percentile(part, percent)) for part in np.array_split(self.latency[self.warm_up :], PARTS)]
        return f"p{percent:g} {min(parts):.3g} to {max(parts):.3g} s over {PARTS} parts of the run"

    @property
    def evidence(self) -> Simulated:
        a = self.arrivals
        kind = "Poisson" if a.burst == 1 else f"bursty ({a.burst:g}x for {a.burst_share:.0%} of the time)"
        steps = " -> ".join(" | ".join(f"{s.name} x {s.servers}" for s in step) for step in self.pipeline.steps)
        return Simulated(
            f"open pipeline, {kind} arrivals of {a.rate:g}/s: {steps}", self.validation, self.queries, self.seed,
            self.spread(),
        )  # fmt: skip


def _one_by_one(arrived: Floats, work: Floats, servers: int) -> tuple[Floats, Floats]:
    """Start and end of each task (ascending arrivals) on `servers` servers, first come first served."""
    free = [0.0] * servers
    started = np.empty(arrived.size)
    replace = heapq.heapreplace
    for index, (at, seconds) in enumerate(zip(arrived.tolist(), work.tolist(), strict=True)):
        start = at if at > free[0] else free[0]
        started[index] = start
        replace(free, start + seconds)
    return started, started + work


def _in_batches(arrived: Floats, work: Floats, servers: int, batching: Batching) -> tuple[Floats, Floats, Any]:
    """Start, end and batch size of each task; the longest task of a batch sets its time."""
    times = arrived.tolist()
    n = len(times)
    started, finished, sizes = np.empty(n), np.empty(n), np.empty(n, dtype=int)
    free = [0.0] * servers
    first = 0
    while first < n:
        full = first + batching.max_size - 1
        filled = times[full] if full < n else math.inf
        start = max(free[0], min(filled, times[first] + batching.max_wait))
        last = first + 1
        while last < n and last <= full and times[last] <= start:
            last += 1
        took = float(work[first:last].max()) * batching.factor(last - first)
        started[first:last], finished[first:last], sizes[first:last] = start, start + took, last - first
        heapq.heapreplace(free, start + took)
        first = last
    return started, finished, sizes


def _run_stage(
    stage: Stage, at: Floats, query: Any, random: np.random.Generator, window: tuple[float, float]
) -> StageRun:
    """Run all tasks of a stage. `at`: when each query comes, `query`: its index; neither has to be in order."""
    order = np.argsort(at, kind="stable")
    arrived = np.repeat(at[order], stage.fan_out)
    owner = np.repeat(query[order], stage.fan_out)
    work = stage.service.sample(random, arrived.size)
    if stage.batching is None:
        started, finished = _one_by_one(arrived, work, stage.servers)
        sizes = np.ones(arrived.size, dtype=int)
    else:
        started, finished, sizes = _in_batches(arrived, work, stage.servers, stage.batching)
    return StageRun(stage.name, stage.servers, owner, arrived, started, finished, sizes, window)


def simulate_pipeline(
    pipeline: Pipeline,
    arrivals: Arrivals,
    *,
    seconds: float | None = None,
    queries: int | None = None,
    seed: int = 0,
    warm_up: float = 0.1,
    validate: bool = True,
) -> PipelineRun:
    """Send `queries` queries, or as many as come in `seconds` on average, through the pipeline until all are answered.

    The same seed gives the same run; a change to one stage leaves the arrivals and the other stages' random numbers as
    they are, so that two designs are compared under the same luck. warm_up: share of the queries at the start, when
    the lines are still short, that is not counted. validate: check the simulator against Erlang C first (once per
    process, about a second); without it the evidence says that it was not done.

    Raises Unstable that names the first stage whose utilisation is 1 or above, and ValueError for senseless arguments.
    """
    if (seconds is None) == (queries is None):
        raise ValueError("give either seconds or queries, not both and not neither")
    if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"seconds must be positive, got {seconds!r}")
    count = round(arrivals.rate * seconds) if seconds is not None else queries
    if isinstance(count, bool) or not isinstance(count, int) or count < 100:
        raise ValueError(f"a run needs at least 100 queries, got {count!r}: raise seconds or queries")
    if not 0 <= warm_up < 0.9:
        raise ValueError(f"warm_up must lie between 0 and 0.9, got {warm_up!r}")
    analyse(pipeline, arrivals.rate)

    def stream(*path: int) -> np.random.Generator:
        return np.random.default_rng([seed, *path])

    arrived = arrivals.sample(stream(0), count)
    skipped = int(count * warm_up)
    window = (float(arrived[skipped]), float(arrived[-1]))
    now = arrived.copy()
    answered_by = np.full(count, -1)
    runs: dict[str, StageRun] = {}
    per_query: dict[str, Floats] = {}
    for step_number, step in enumerate(pipeline.steps):
        alive = np.flatnonzero(answered_by < 0)
        joined = now.copy()
        for stage_number, stage in enumerate(step):
            place = (1, step_number, stage_number)
            # Drawn for every query, also for those already answered: the same query decides alike in another design.
            chance = stream(*place, 0).random((count, 2))
            coming = alive[chance[alive, 0] < stage.share]
            run = _run_stage(stage, now[coming], coming, stream(*place, 1), window)
            done = now.copy()
            np.maximum.at(done, run.query, run.finished)
            runs[stage.name], per_query[stage.name] = run, done - now
            np.maximum(joined, done, out=joined)
            answered_by[coming[chance[coming, 1] < stage.answers]] = step_number
        now = joined
    validation = validation_point() if validate else "nothing: this run was not validated"
    return PipelineRun(pipeline, arrivals, seed, arrived, now - arrived, answered_by, runs, per_query, skipped,
                       validation)  # fmt: skip


@functools.cache
def validation_point(servers: int = 4, utilisation: float = 0.7, queries: int = 2_000_000) -> str:
    """Run M/M/c and say how far its mean wait lies from Erlang C, and how well the run knows it. Once per process."""
    stage = Stage("server", ServiceTime.exponential(1.0), servers)
    rate = utilisation * servers
    run = simulate_pipeline(Pipeline.of(stage), Arrivals(rate), queries=queries, seed=1, validate=False)
    parts = np.array([part.mean() for part in np.array_split(run.stages["server"].wait[run.warm_up :], PARTS)])
    exact = erlang_c(rate, servers) / (servers - rate)
    # Student's t for 9 degrees of freedom, 95 %.
    half_width = 2.262 * float(parts.std(ddof=1)) / math.sqrt(PARTS)
    return (
        f"M/M/{servers} at utilisation {utilisation:g}: mean wait {float(parts.mean()) / exact - 1:+.1%} from Erlang "
        f"C, the run itself knows it to {half_width / exact:.1%} (n={run.queries:,})"
    )
