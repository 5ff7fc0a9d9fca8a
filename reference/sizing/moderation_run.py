"""What a simulated moderation funnel did: waits, backlogs, latencies by second, recovery, and the evidence for them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .evidence import Simulated
from .intervals import spread_in_parts
from .moderation_service import Event, Service
from .pipeline import Floats


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
    events: tuple[Event, ...]
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
        """Number of posts."""
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
        return Simulated(
            f"moderation funnel, Poisson arrivals of {self.rate:,.0f} posts/s for {self.seconds:g} s, {told}, "
            f"policy {self.policy}: {pools}",
            self.validation, self.posts, self.seed, spread_in_parts(self.latency, 99),
        )  # fmt: skip
