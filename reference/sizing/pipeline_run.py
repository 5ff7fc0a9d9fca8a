"""What a simulated pipeline did: times of every task and query, percentiles, and the evidence for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .evidence import Simulated
from .intervals import spread_in_parts
from .open_arrivals import Arrivals
from .pipeline import Floats, Pipeline

PERCENTILES = (50.0, 95.0, 99.0)


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
        """Seconds in line, joining a batch included."""
        return self.started - self.arrived

    @property
    def sojourn(self) -> Floats:
        """Seconds at the stage, in line and in work."""
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
        return spread_in_parts(self.latency[self.warm_up :], percent)

    @property
    def evidence(self) -> Simulated:
        a = self.arrivals
        kind = "Poisson" if a.burst == 1 else f"bursty ({a.burst:g}x for {a.burst_share:.0%} of the time)"
        steps = " -> ".join(" | ".join(f"{s.name} x {s.servers}" for s in step) for step in self.pipeline.steps)
        return Simulated(
            f"open pipeline, {kind} arrivals of {a.rate:g}/s: {steps}", self.validation, self.queries, self.seed,
            self.spread(),
        )  # fmt: skip
