"""Simulation of a pipeline under open arrivals: queries come when they come and do not wait for each other.

Lines are first come first served and no query returns to an earlier stage, so the stages can be run one after the
other, each over all its tasks in order of arrival: exact, and a few heap operations per task. Not modelled: servers
shared by stages, retries, time-outs, priorities.
"""

from __future__ import annotations

import functools
import heapq
import math
from typing import Any

import numpy as np

from .intervals import mean_in_parts
from .open_arrivals import Arrivals
from .pipeline import Batching, Floats, Pipeline, ServiceTime, Stage, analyse
from .pipeline_run import PipelineRun, StageRun
from .queueing import erlang_c

__all__ = ["Arrivals", "PipelineRun", "StageRun", "simulate_pipeline", "validation_point"]


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
    mean, half_width = mean_in_parts(run.stages["server"].wait[run.warm_up :])
    exact = erlang_c(rate, servers) / (servers - rate)
    return (
        f"M/M/{servers} at utilisation {utilisation:g}: mean wait {mean / exact - 1:+.1%} from Erlang "
        f"C, the run itself knows it to {half_width / exact:.1%} (n={run.queries:,})"
    )
