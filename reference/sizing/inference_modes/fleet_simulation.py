"""Simulation of workers that take jobs from one queue: fixed, scaled on depth, or on spot machines that go away.

Decides by the function that the real fleet decides by (`scaling.wanted_workers`), and is held to Erlang C and to a
real fleet (benchmark `job_fleet`). Seconds and dollars throughout.

Not modelled: spot machines that are not to be had, workers that share one engine, clients that cancel.
"""

from __future__ import annotations

import functools
import heapq
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from reference.sizing.intervals import mean_in_parts
from reference.sizing.open_arrivals import Arrivals
from reference.sizing.pipeline import Floats, ServiceTime
from reference.sizing.queueing import erlang_c

from .fleet_plan import FleetPlan, Scaling, Spot
from .fleet_run import FleetRun
from .scaling import wanted_workers

__all__ = ["FleetPlan", "FleetRun", "Scaling", "Spot", "draw", "simulate_fleet", "validation_point"]


@dataclass
class _Worker:
    begun: float
    ready: bool = False
    taking: bool = True
    running: dict[int, float] = field(default_factory=dict)  # job -> when it began


class _Fleet:
    """One run. Events are (second, order, what, arguments); `order` breaks ties as they were made."""

    def __init__(self, arrived: Sequence[float], work: Sequence[float], plan: FleetPlan, horizon: float, service: float,
                 random: np.random.Generator) -> None:  # fmt: skip
        self.arrived, self.work, self.plan, self.horizon = arrived, work, plan, horizon
        self.service, self.random = service, random
        n = len(arrived)
        self.started, self.finished = [math.nan] * n, [math.nan] * n
        self.attempts, self.given_up = [0] * n, [False] * n
        self.line: deque[int] = deque()
        self.free: deque[_Worker] = deque()  # one entry for each free slot, longest free first
        self.workers: list[_Worker] = []
        self.wants: deque[tuple[float, int]] = deque()
        self.events: list[tuple[float, int, Any, tuple[Any, ...]]] = []
        self.made = self.came = self.ended = self.starts = self.interrupted = 0
        self.worker_s = self.wasted = 0.0
        self.history: list[tuple[float, int]] = []

    def at(self, second: float, what: Any, *arguments: Any) -> None:
        heapq.heappush(self.events, (second, self.made, what, arguments))
        self.made += 1

    def run(self, losses: Sequence[float]) -> float:
        """Until the last job has ended and the horizon is over; returns that second."""
        n, now = len(self.arrived), 0.0
        for _ in range(self.plan.scaling.least):
            self.start(0.0, cold=False)
        self.at(0.0, self.decide)
        for second in losses:
            self.at(second, self.lose_oldest)
        while self.ended < n or now < self.horizon:
            coming = self.arrived[self.came] if self.came < n else math.inf
            if coming <= self.events[0][0]:
                now = coming
                self.line.append(self.came)
                self.came += 1
                self.hand_out(now)
            else:
                now, _, what, arguments = heapq.heappop(self.events)
                what(now, *arguments)
        for worker in self.workers:
            self.worker_s += now - worker.begun
        return now

    # -- jobs

    def hand_out(self, now: float) -> None:
        while self.line and self.free:
            worker = self.free.popleft()
            if worker.taking:
                job = self.line.popleft()
                if self.attempts[job] == 0:
                    self.started[job] = now
                self.attempts[job] += 1
                worker.running[job] = now
                self.at(now + self.work[job], self.end, worker, job)

    def end(self, now: float, worker: _Worker, job: int) -> None:
        if job not in worker.running:
            return  # its worker is gone
        del worker.running[job]
        self.finished[job] = now
        self.ended += 1
        if worker.taking:
            self.free.append(worker)
            self.hand_out(now)
        elif not worker.running:
            self.leave(now, worker)

    def again(self, now: float, job: int) -> None:
        if self.attempts[job] >= self.plan.max_attempts:
            self.given_up[job], self.finished[job] = True, now
            self.ended += 1
            return
        self.line.append(job)
        self.hand_out(now)

    # -- workers

    def start(self, now: float, cold: bool = True) -> None:
        worker = _Worker(now)
        self.workers.append(worker)
        self.starts += 1
        self.note(now)
        if cold and self.plan.scaling.cold_start_s:
            self.at(now + self.plan.scaling.cold_start_s, self.ready, worker)
        else:
            self.ready(now, worker)
        if self.plan.spot is not None and self.plan.spot.interruptions_per_hour:
            life = float(self.random.exponential(3600 / self.plan.spot.interruptions_per_hour))
            self.at(now + life, self.notice, worker)

    def ready(self, now: float, worker: _Worker) -> None:
        if worker.taking and worker in self.workers:
            worker.ready = True
            self.free.extend([worker] * self.plan.slots)
            self.hand_out(now)

    def retire(self, now: float, worker: _Worker) -> None:
        """It takes no more and goes when its jobs are done."""
        worker.taking = False
        if not worker.running:
            self.leave(now, worker)

    def leave(self, now: float, worker: _Worker) -> None:
        if worker in self.workers:
            self.workers.remove(worker)
            self.worker_s += now - worker.begun
            self.note(now)

    def notice(self, now: float, worker: _Worker) -> None:
        if worker not in self.workers:
            return
        assert self.plan.spot is not None
        self.interrupted += 1
        if self.plan.spot.notice_s:
            self.at(now + self.plan.spot.notice_s, self.lose, worker)
            self.retire(now, worker)
        else:
            self.lose(now, worker)

    def lose_oldest(self, now: float) -> None:
        if self.workers:
            self.interrupted += 1
            self.lose(now, self.workers[0])

    def lose(self, now: float, worker: _Worker) -> None:
        if worker not in self.workers:
            return
        worker.taking = False
        lost, worker.running = worker.running, {}
        for job, since in lost.items():
            self.wasted += now - since
            self.at(now + self.plan.redeliver_s, self.again, job)
        self.leave(now, worker)

    def decide(self, now: float) -> None:
        """Up at once to what is wanted; down to the most that was wanted in the last `down_after_s`."""
        rule = self.plan.scaling
        unfinished = self.came - self.ended
        want = wanted_workers(unfinished, self.service, self.plan.slots, rule.target_wait_s, rule.least, rule.most)
        self.wants.append((now, want))
        while self.wants[0][0] < now - rule.down_after_s:
            self.wants.popleft()
        taking = [worker for worker in self.workers if worker.taking]
        for _ in range(want - len(taking)):
            self.start(now)
        keep = max(value for _, value in self.wants)
        for worker in reversed(taking[keep:] if now >= rule.down_after_s or rule.least == rule.most else []):
            self.retire(now, worker)
        self.at(now + rule.every_s, self.decide)

    def note(self, now: float) -> None:
        self.history.append((now, len(self.workers)))


def simulate_fleet(
    arrived: ArrayLike,
    work: ArrayLike,
    plan: FleetPlan,
    *,
    horizon_s: float | None = None,
    service_s: float | None = None,
    seed: int = 0,
    warm_up: float = 0.0,
    losses: Sequence[float] = (),
) -> FleetRun:
    """Run jobs that come at `arrived` (ascending seconds from 0) and take `work` seconds each through a fleet.

    The same arrivals and work may be given to several plans, so that they are compared under the same luck. The fleet
    begins with its least workers ready and is paid until the horizon (default: the last arrival) and the last job.

    Args:
        service_s: mean seconds of a job as the scaler believes it; default: the mean of `work`.
        seed: of the interruptions. warm_up: share of the jobs at the start that no percentile counts.
        losses: seconds at which the oldest worker is lost without notice, beside the interruptions of the plan.

    Raises ValueError for arrivals that are not ascending, work that is not positive, or lengths that differ.
    """
    at, seconds = np.asarray(arrived, dtype=float), np.asarray(work, dtype=float)
    if at.ndim != 1 or at.shape != seconds.shape:
        raise ValueError(f"arrived and work must be lists of one length, got {at.shape} and {seconds.shape}")
    if at.size and not (np.isfinite(at).all() and at[0] >= 0 and (np.diff(at) >= 0).all()):
        raise ValueError("arrived must be ascending seconds from 0")
    if not (np.isfinite(seconds).all() and (seconds > 0).all()):
        raise ValueError("work must be positive seconds for every job")
    if not 0 <= warm_up < 0.9:
        raise ValueError(f"warm_up must lie between 0 and 0.9, got {warm_up!r}")
    horizon = float(at[-1]) if horizon_s is None and at.size else float(horizon_s or 0.0)
    believed = service_s if service_s is not None else float(seconds.mean()) if seconds.size else 0.0
    fleet = _Fleet(at.tolist(), seconds.tolist(), plan, horizon, believed, np.random.default_rng([seed, 77]))
    ended = fleet.run(losses)
    given_up = np.asarray(fleet.given_up, dtype=bool)
    return FleetRun(
        plan=plan, arrived=at, started=np.asarray(fleet.started), finished=np.asarray(fleet.finished),
        attempts=np.asarray(fleet.attempts, dtype=int), given_up=given_up, horizon_s=horizon, ended_s=ended,
        worker_s=fleet.worker_s, starts=fleet.starts, interrupted=fleet.interrupted, wasted_s=fleet.wasted,
        work_s=float(seconds[~given_up].sum()), history=tuple(fleet.history), seed=seed,
        warm_up=int(at.size * warm_up),
    )  # fmt: skip


def draw(arrivals: Arrivals, service: ServiceTime, seconds: float, seed: int = 0) -> tuple[Floats, Floats]:
    """Arrivals within `seconds` and the work of each, for `simulate_fleet`: open, Poisson or bursty."""
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(f"seconds must be positive, got {seconds!r}")
    # One stream for each, so that another service time leaves the arrivals as they are.
    expected = arrivals.rate * seconds * max(1.0, arrivals.burst)
    at = arrivals.sample(np.random.default_rng([seed, 0]), math.ceil(expected + 10 * math.sqrt(expected) + 10))
    at = at[at <= seconds]
    return at, service.sample(np.random.default_rng([seed, 1]), at.size)


@functools.cache
def validation_point(workers: int = 3, slots: int = 2, utilisation: float = 0.8, jobs: int = 200_000) -> str:
    """Run a fixed fleet as M/M/c and say how far its mean wait lies from Erlang C. Once per process, seconds."""
    servers = workers * slots
    rate = utilisation * servers
    random = np.random.default_rng(5)
    at, work = np.cumsum(random.exponential(1 / rate, jobs)), random.exponential(1.0, jobs)
    run = simulate_fleet(at, work, FleetPlan("M/M/c", slots, 1.0, Scaling.fixed(workers, every_s=1e4)), warm_up=0.05)
    mean, half = mean_in_parts(run.wait)
    exact = erlang_c(rate, servers) / (servers - rate)
    return (
        f"{workers} workers x {slots} slots at utilisation {utilisation:g}: mean wait "
        f"{mean / exact - 1:+.1%} from Erlang C, the run itself knows it to {half / exact:.1%} "
        f"(n={jobs:,})"
    )
