"""A service of several stages: what each has to carry, how busy it is, and whether it survives a failure.

A pipeline is a sequence of steps; a step is one stage or several that work at the same time and are joined. A stage has
a pool of equal servers with one line in front, and may fan a query out into several tasks (searches for several
wordings), be skipped by some queries (no reranking where the first hit is clear), answer some for good (a cache), or
gather tasks into batches. Stages do not share servers. `pipeline_simulation` runs one.

Plain floats in SI units here: seconds, and queries or tasks per second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .queueing import Unstable, erlang_c

Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"
FORMS = ("constant", "exponential", "lognormal", "empirical")


@dataclass(frozen=True)
class ServiceTime:
    """Seconds that a server works on one task. Made by `constant`, `exponential`, `lognormal` and `empirical`.

    scv: variance over mean squared. samples: measured seconds, drawn from with replacement.
    """

    form: str
    mean: float
    scv: float
    samples: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"form must be one of {', '.join(FORMS)}, got {self.form!r}")
        if not (math.isfinite(self.mean) and self.mean > 0):
            raise ValueError(f"mean service time must be positive seconds, got {self.mean!r}")
        if not (math.isfinite(self.scv) and self.scv >= 0):
            raise ValueError(f"scv must not be negative, got {self.scv!r}")

    @classmethod
    def constant(cls, seconds: float) -> ServiceTime:
        """Always `seconds`."""
        return cls("constant", seconds, 0.0)

    @classmethod
    def exponential(cls, mean: float) -> ServiceTime:
        """Exponential with this mean in seconds."""
        return cls("exponential", mean, 1.0)

    @classmethod
    def lognormal(cls, mean: float, sigma: float) -> ServiceTime:
        """Lognormal with this mean; `sigma` is the standard deviation of its logarithm."""
        if not sigma >= 0:
            raise ValueError(f"sigma must not be negative, got {sigma!r}")
        return cls("lognormal", mean, math.expm1(sigma**2))

    @classmethod
    def empirical(cls, seconds: Sequence[float]) -> ServiceTime:
        """Measured times as they are. Raises ValueError for fewer than two, or any that is not positive."""
        values = np.asarray(seconds, dtype=float)
        if values.ndim != 1 or values.size < 2:
            raise ValueError(f"empirical service times need at least 2 measured seconds, got {values.size}")
        if not (np.isfinite(values).all() and (values > 0).all()):
            raise ValueError("empirical service times must all be positive seconds")
        mean = float(values.mean())
        return cls("empirical", mean, float(values.var()) / mean**2, tuple(values.tolist()))

    def sample(self, random: np.random.Generator, n: int) -> Floats:
        """`n` independent times, seconds."""
        if self.form == "constant":
            return np.full(n, self.mean)
        if self.form == "exponential":
            return random.exponential(self.mean, n)
        if self.form == "lognormal":
            sigma2 = math.log1p(self.scv)
            return random.lognormal(math.log(self.mean) - sigma2 / 2, math.sqrt(sigma2), n)
        return random.choice(np.asarray(self.samples), n)


@dataclass(frozen=True)
class Batching:
    """Tasks wait for each other: a server starts when `max_size` are in line or the first has waited `max_wait` s.

    A batch of n takes the time of one task x (1 + growth x (n - 1)): growth 0, the others ride along for nothing;
    growth 1, batching saves nothing.
    """

    max_size: int
    max_wait: float = 0.0
    growth: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.max_size, bool) or not isinstance(self.max_size, int) or self.max_size < 1:
            raise ValueError(f"max_size must be a whole number of at least 1, got {self.max_size!r}")
        if not (math.isfinite(self.max_wait) and self.max_wait >= 0):
            raise ValueError(f"max_wait must be seconds, not negative, got {self.max_wait!r}")
        if not 0 <= self.growth <= 1:
            raise ValueError(f"growth must lie between 0 and 1, got {self.growth!r}")

    def factor(self, size: float) -> float:
        """Time of a batch of `size` over the time of one task."""
        return 1 + self.growth * (size - 1)


@dataclass(frozen=True)
class Stage:
    """One pool of equal servers.

    servers: tasks (or batches) that are worked on at once. fan_out: tasks that one query makes here; it goes on when
    the last is done. share: fraction of the queries that come here, the others pass by. answers: fraction of those
    that come here and are answered for good, so that later steps never see them.
    """

    name: str
    service: ServiceTime
    servers: int
    fan_out: int = 1
    share: float = 1.0
    answers: float = 0.0
    batching: Batching | None = None

    def __post_init__(self) -> None:
        for field in ("servers", "fan_out"):
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{self.name}: {field} must be a whole number of at least 1, got {value!r}")
        for field in ("share", "answers"):
            if not 0 <= getattr(self, field) <= 1:
                raise ValueError(f"{self.name}: {field} must lie between 0 and 1, got {getattr(self, field)!r}")

    def capacity(self, servers: int | None = None) -> float:
        """Tasks/s that `servers` (all by default) do when they are never idle; full batches."""
        pool = self.servers if servers is None else servers
        if self.batching is None:
            return pool / self.service.mean
        size = self.batching.max_size
        return pool * size / (self.service.mean * self.batching.factor(size))


@dataclass(frozen=True)
class Pipeline:
    """Steps in sequence; the stages of one step run at the same time and the query waits for the slowest."""

    steps: tuple[tuple[Stage, ...], ...]

    def __post_init__(self) -> None:
        if not self.steps or any(not step for step in self.steps):
            raise ValueError("a pipeline needs at least one step, and every step at least one stage")
        names = [stage.name for stage in self.stages]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"stage names must differ, used twice: {', '.join(twice)}")
        for step in self.steps:
            for stage in step:
                if stage.answers and len(step) > 1:
                    raise ValueError(f"{stage.name}: a stage that answers for good must be a step of its own")

    @classmethod
    def of(cls, *steps: Stage | Sequence[Stage]) -> Pipeline:
        """Pipeline of these steps, each a stage or a sequence of stages that run at the same time."""
        return cls(tuple((step,) if isinstance(step, Stage) else tuple(step) for step in steps))

    @property
    def stages(self) -> tuple[Stage, ...]:
        return tuple(stage for step in self.steps for stage in step)


@dataclass(frozen=True)
class StageLoad:
    """What a stage has to carry. `mean_wait`: approximate seconds in line (None with batching: ask the simulation).

    `utilisation_when_one_fails` is infinite for a single server; `survives` says whether it stays below 1.
    """

    name: str
    tasks: float
    capacity: float
    utilisation: float
    utilisation_when_one_fails: float
    mean_wait: float | None

    @property
    def survives(self) -> bool:
        return self.utilisation_when_one_fails < 1


def offered(pipeline: Pipeline, rate: float) -> dict[str, float]:
    """Tasks/s that reach each stage at `rate` queries/s: fan-out, shares and what earlier stages answered counted."""
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"rate must be positive queries/s, got {rate!r}")
    tasks, arriving = {}, rate
    for step in pipeline.steps:
        for stage in step:
            tasks[stage.name] = arriving * stage.share * stage.fan_out
        arriving *= math.prod(1 - stage.share * stage.answers for stage in step)
    return tasks


def analyse(pipeline: Pipeline, rate: float, arrival_scv: float = 1.0) -> list[StageLoad]:
    """Load of every stage at `rate` queries/s, in order.

    With batching, capacity and utilisation are those of full batches; smaller ones keep the servers busier. The wait
    is Allen-Cunneen's for one task at a time, each stage taken by itself with arrivals of `arrival_scv`; with
    a fan-out the tasks of a query arrive together and wait longer. Raises Unstable that names the stage at
    utilisation 1 or above.
    """
    loads = []
    for stage, tasks in zip(pipeline.stages, offered(pipeline, rate).values(), strict=True):
        capacity = stage.capacity()
        busy = tasks / capacity
        if busy >= 1:
            needed = math.floor(tasks / stage.capacity(1)) + 1
            raise Unstable(
                f"stage {stage.name!r}: {tasks:,.4g} tasks/s on a capacity of {capacity:,.4g}/s is a utilisation of "
                f"{busy:.3g}, not below 1; give it at least {needed} servers instead of {stage.servers}, or less load"
            )
        left = stage.capacity(stage.servers - 1)
        wait = None
        if stage.batching is None:
            load = tasks * stage.service.mean
            queue = erlang_c(load, stage.servers) * stage.service.mean / (stage.servers - load)
            wait = queue * (arrival_scv + stage.service.scv) / 2
        loads.append(StageLoad(stage.name, tasks, capacity, busy, tasks / left if left else math.inf, wait))
    return loads


def servers_needed(pipeline: Pipeline, rate: float, ceiling: float = 0.8, spare: int = 1) -> dict[str, int]:
    """Servers of every stage that keep it below `ceiling` at `rate` queries/s, plus `spare`."""
    if not 0 < ceiling < 1:
        raise ValueError(f"ceiling must lie between 0 and 1, at 1 the queue never ends; got {ceiling!r}")
    if spare < 0:
        raise ValueError(f"spare must not be negative, got {spare!r}")
    tasks = offered(pipeline, rate)
    return {
        stage.name: max(1, math.ceil(tasks[stage.name] / (stage.capacity(1) * ceiling) - 1e-9)) + spare
        for stage in pipeline.stages
    }
