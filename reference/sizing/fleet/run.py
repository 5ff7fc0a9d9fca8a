"""What a simulated fleet did: times of every request, what was paid, what was going on when."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reference.sizing.evidence import Simulated
from reference.sizing.intervals import percentile_of_known, spread_in_parts

from .design import FleetDesign
from .workload import Workload

Metric = Literal["ttft", "tpot", "e2e"]
METRICS: tuple[Metric, ...] = ("ttft", "tpot", "e2e")
ANSWERED, SHED, TIMED_OUT, FAILED = 0, 1, 2, 3


@dataclass(frozen=True)
class FleetRun:
    """One simulated run. Arrays have one entry per request in order of arrival; seconds count from its arrival.

    ttft_s, tpot_s, e2e_s: to the first token, per token after it, to the last (float32; nan unless answered, tpot nan
    for answers of one token). outcome: 0 answered, 1 shed, 2 timed out, 3 failed (int8). attempts: tries sent (int8).
    served_by: region that answered, or -1 (int16). hit_tokens: of the prompt, found in a prefix cache (int32).
    timeline: arrays second, region, paid, ready, waiting, running, one entry per region and look of its autoscaler.
    replica_hours, usd: everything paid, the warm pool too, until the horizon; a replica that drains then, until it is
    empty. lost_tries: work that an outage took. preemptions, steps: of all replicas. most_running, most_kv_tokens,
    most_step_tokens: the largest batch, KV in use and tokens of a step of any replica. in_flight_s: integral over time
    of the requests waiting and running.
    """

    workload: Workload
    design: FleetDesign
    seed: int
    ttft_s: NDArray[np.float32]
    tpot_s: NDArray[np.float32]
    e2e_s: NDArray[np.float32]
    outcome: NDArray[np.int8]
    attempts: NDArray[np.int8]
    served_by: NDArray[np.int16]
    hit_tokens: NDArray[np.int32]
    timeline: dict[str, NDArray[Any]]
    replica_hours: float
    usd: float
    steps: int
    events: int
    preemptions: int
    lost_tries: int
    busy_s: float
    in_flight_s: float
    tokens_out: int
    most_running: int
    most_kv_tokens: int
    most_step_tokens: int

    def share(self, outcome: int) -> float:
        """Share of the requests that ended so; nan without requests."""
        return float(np.count_nonzero(self.outcome == outcome)) / self.outcome.size if self.outcome.size else math.nan

    @property
    def answered(self) -> float:
        """Share of the requests that were answered."""
        return self.share(ANSWERED)

    @property
    def shed(self) -> float:
        """Share whose last try was turned away by admission control."""
        return self.share(SHED)

    @property
    def timed_out(self) -> float:
        """Share whose last try got no first token in time."""
        return self.share(TIMED_OUT)

    @property
    def failed(self) -> float:
        """Share whose last try was lost in an outage or found no ready replica."""
        return self.share(FAILED)

    def metric(self, name: Metric) -> NDArray[np.float32]:
        """Seconds of one metric, (requests,), nan where there is none. Raises ValueError for an unknown name."""
        if name not in METRICS:
            raise ValueError(f"metric must be one of {', '.join(METRICS)}, got {name!r}")
        values: NDArray[np.float32] = getattr(self, f"{name}_s")
        return values

    def percentile(self, metric: Metric, percent: float, first_s: float = 0.0, last_s: float = math.inf) -> float:
        """Seconds that `percent` of the answered requests, arrived in [first_s, last_s), took at most; nan if none."""
        first, last = np.searchsorted(self.workload.arrived, [first_s, last_s])
        return percentile_of_known(self.metric(metric)[first:last], percent)

    def by_window(self, seconds: float) -> dict[str, NDArray[Any]]:
        """The run in windows of `seconds`: arrays start_s, arrivals, answered, shed, timed_out, failed (requests by
        arrival), ttft_p50, ttft_p99, tpot_p50 (s), and paid, ready, waiting, running (sums over the regions, means of
        the looks in the window, or as at the last look before it)."""
        if not (math.isfinite(seconds) and seconds > 0):
            raise ValueError(f"seconds must be above 0, got {seconds!r}")
        windows = max(1, math.ceil(self.workload.horizon_s / seconds))
        start = np.arange(windows) * float(seconds)
        edges = np.searchsorted(self.workload.arrived, np.append(start, np.inf))
        parts = [slice(a, b) for a, b in itertools.pairwise(edges)]
        found: dict[str, NDArray[Any]] = {"start_s": start, "arrivals": np.diff(edges)}
        for kind, name in enumerate(("answered", "shed", "timed_out", "failed")):
            found[name] = np.array([np.count_nonzero(self.outcome[part] == kind) for part in parts])
        for name, values, percent in (
            ("ttft_p50", self.ttft_s, 50), ("ttft_p99", self.ttft_s, 99), ("tpot_p50", self.tpot_s, 50),
        ):  # fmt: skip
            found[name] = np.array([percentile_of_known(values[part], percent) for part in parts])
        for name in ("paid", "ready", "waiting", "running"):
            by_region = [self._looks(name, g, start, seconds) for g in range(len(self.design.regions))]
            found[name] = np.sum(by_region, axis=0)
        return found

    def _looks(self, name: str, region: int, start: NDArray[Any], seconds: float) -> Any:
        here = self.timeline["region"] == region
        at, values = self.timeline["second"][here], self.timeline[name][here].astype(float)
        window = np.minimum((at / seconds).astype(int), start.size)  # looks after the horizon fall into an extra one
        counts = np.bincount(window, minlength=start.size + 1)[: start.size]
        means = np.bincount(window, values, minlength=start.size + 1)[: start.size] / np.maximum(counts, 1)
        before = np.maximum(np.searchsorted(at, start, side="right") - 1, 0)
        return np.where(counts > 0, means, values[before])

    @functools.cached_property
    def evidence(self) -> Simulated:
        """SIMULATED, with the case of known answer that the simulator was checked at (a few seconds, once)."""
        from .oracle import validation_point

        first_tokens = spread_in_parts(self.ttft_s, 99)
        spread = f"TTFT {first_tokens}" if first_tokens else "nothing answered"
        return Simulated(
            f"fleet of {self.design.engine.name}, {len(self.design.regions)} region(s), {self.design.routing.policy}",
            validation_point(), max(1, self.outcome.size), self.seed, spread,
        )  # fmt: skip
