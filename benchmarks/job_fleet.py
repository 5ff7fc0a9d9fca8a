"""The simulated fleet against the real one: the same arrivals and jobs, workers fixed, scaled on depth, and killed.

Jobs of kind `sleep`, so that the queue, the store and the workers are measured and no model. What the simulation needs
to know (what a job costs beside its own seconds, how long a message travels, how long a worker takes to start) comes
from one run at light load; everything else is predicted and then compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.common import Result
from reference.sizing.inference_modes.fleet_simulation import FleetPlan, Scaling, simulate_fleet
from reference.sizing.inference_modes.scaling import wanted_workers
from reference.sizing.pipeline import ServiceTime
from reference.sizing.pipeline_simulation import Arrivals

SLOTS, MEAN_S, SIGMA = 4, 0.2, 0.6
LEASE_S, REDELIVER_S, RECONCILE_S, RETRY_S = 5.0, 7.0, 1.0, 0.5
SEED = 11


@dataclass(frozen=True)
class Ran:
    """One run of the real fleet; seconds from its begin, per job in order of arrival."""

    arrived: Any
    started: Any
    finished: Any
    own_s: Any
    attempts: Any
    worker_s: float
    starts: int
    lost: int
    first_start_s: float


async def _feed(store: Any, sender: Any, at: Any, seconds: Any, ids: list[str]) -> None:
    from reference.serving.jobs.model import Lane, NewJob

    begun = time.monotonic()
    for when, own in zip(at, seconds, strict=True):
        if (early := begun + when - time.monotonic()) > 0:
            await asyncio.sleep(early)
        payload = json.dumps({"seconds": float(own)}).encode()
        job, _ = await store.submit(NewJob("bench", "sleep", payload, Lane.NORMAL, max_attempts=20))
        ids.append(job.id)
        await sender.send(Lane.NORMAL, job.id)


async def _real(url: str, at: Any, seconds: Any, rule: Scaling, kills: tuple[float, ...] = ()) -> Ran:
    """The fleet under these arrivals, scaled by the rule that the simulation has; one job first, until it runs."""
    from reference.serving.jobs import fleet as fleets
    from reference.serving.jobs.queue import Sender
    from reference.serving.jobs.settings import JobSettings
    from reference.serving.jobs.store import JobStore
    from reference.serving.redis_store import connect_async

    settings = JobSettings(redis_url=url, lease_s=LEASE_S, redeliver_s=REDELIVER_S, reconcile_s=RECONCILE_S,
                           retry_s=RETRY_S, slots_normal=SLOTS)  # fmt: skip
    client = connect_async(url, timeout_s=10.0)
    await client.flushall()
    store, sender = JobStore(client, settings), Sender(settings)
    await sender.start()
    try:
        with fleets.running(settings, max(1, rule.least), drills=True) as fleet:
            first: list[str] = []
            opened = time.time()
            await _feed(store, sender, [0.0] * 16, [0.2] * 16, first)  # until all workers are up
            while (await store.running()) + sum((await store.depths()).values()):  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.05)
            warm = [one for job in first if (one := await store.get(job)) is not None]
            first_start = min(one.started for one in warm) - opened
            await asyncio.sleep(2.0)
            fleet.history[:] = [(0.0, len(fleet))]
            fleet._begun = begun = time.monotonic()
            begun_wall, starts = time.time(), len(fleet)
            ids: list[str] = []
            feeding = asyncio.create_task(_feed(store, sender, at, seconds, ids))
            waiting_kills, wants = deque(kills), deque[tuple[float, int]]()
            left, looked, retiring = 1, -rule.every_s, []
            while not feeding.done() or left:
                now = time.monotonic() - begun
                if waiting_kills and now >= waiting_kills[0]:
                    waiting_kills.popleft()
                    await asyncio.to_thread(fleet.kill)
                left = sum((await store.depths()).values()) + await store.running()
                if now - looked >= rule.every_s:
                    looked = now
                    want = wanted_workers(left, MEAN_S, SLOTS, rule.target_wait_s, rule.least, rule.most)
                    wants.append((now, want))
                    while wants[0][0] < now - rule.down_after_s:
                        wants.popleft()
                    for _ in range(want - len(fleet)):
                        fleet.start()
                        starts += 1
                    keep = max(value for _, value in wants)
                    if now >= rule.down_after_s and len(fleet) > keep:
                        # One at a time and beside the loop: a worker takes a while to go.
                        retiring.append(asyncio.create_task(asyncio.to_thread(fleet.retire)))
                        await asyncio.sleep(0)
                await asyncio.sleep(0.05)
            await feeding
            fleet._note()  # the simulation ends with the last job as well
            worker_s = fleet.worker_seconds()
            await asyncio.gather(*retiring)
        jobs = [await store.get(one) for one in ids]
    finally:
        await sender.close()
        with contextlib.suppress(OSError):
            await client.aclose()
    good = [job for job in jobs if job is not None and job.finished]
    return Ran(
        arrived=np.array([job.created - begun_wall for job in good]),
        started=np.array([job.started - begun_wall for job in good]),
        finished=np.array([job.finished - begun_wall for job in good]),
        own_s=np.array([json.loads(job.payload)["seconds"] for job in good]),
        attempts=np.array([job.attempts for job in good]),
        worker_s=worker_s, starts=starts, lost=len(jobs) - len(good), first_start_s=first_start,
    )  # fmt: skip


def _jobs(utilisation: float, seconds: float, workers: int, burst: float = 1.0) -> tuple[Any, Any]:
    random = np.random.default_rng(SEED)
    rate = utilisation * workers * SLOTS / MEAN_S
    arrivals = Arrivals(rate, burst, 0.2, seconds / 5) if burst > 1 else Arrivals(rate)
    at = arrivals.sample(random, int(rate * seconds * max(1.0, burst) + 50))
    at = at[at <= seconds]
    return at, np.maximum(0.02, ServiceTime.lognormal(MEAN_S, SIGMA).sample(random, at.size))


def _burst(seconds: float) -> tuple[Any, Any]:
    """A known profile: 0.3 workers' load, then 2.5, then 0.3 again, a third of the time each."""
    random = np.random.default_rng(SEED)
    one = SLOTS / MEAN_S
    parts = []
    for number, load in enumerate((0.3, 2.5, 0.3)):
        count = random.poisson(load * one * seconds / 3)
        parts.append(np.sort(random.uniform(number * seconds / 3, (number + 1) * seconds / 3, count)))
    at = np.concatenate(parts)
    return at, np.maximum(0.02, ServiceTime.lognormal(MEAN_S, SIGMA).sample(random, at.size))


def _row(target: str, metric: str, unit: str, value: float) -> dict[str, Any]:
    return {"target": target, "metric": metric, "unit": unit, "median": round(float(value), 4), "rounds": 1}


def _compare(target: str, ran: Ran, rule: Scaling, overhead_s: float, travel_s: float, kills: tuple[float, ...]) -> Any:
    order = np.argsort(ran.arrived)
    at, own = ran.arrived[order], ran.own_s[order]
    plan = FleetPlan(target, SLOTS, 1.0, rule, redeliver_s=LEASE_S + 1.5 * RECONCILE_S + RETRY_S, max_attempts=20)
    said = simulate_fleet(np.maximum(at, 0.0), own + overhead_s, plan, service_s=MEAN_S, losses=kills)
    waits, totals = (ran.started - ran.arrived), (ran.finished - ran.arrived)
    pairs = [
        ("wait p50", float(np.percentile(waits, 50)), said.wait_percentile(50) + travel_s, "s"),
        ("wait p95", float(np.percentile(waits, 95)), said.wait_percentile(95) + travel_s, "s"),
        ("wait p99", float(np.percentile(waits, 99)), said.wait_percentile(99) + travel_s, "s"),
        ("mean wait", float(waits.mean()), float(said.wait.mean()) + travel_s, "s"),
        ("total p50", float(np.percentile(totals, 50)), float(np.percentile(said.total, 50)) + travel_s, "s"),
        ("total p95", float(np.percentile(totals, 95)), float(np.percentile(said.total, 95)) + travel_s, "s"),
        ("total p99", float(np.percentile(totals, 99)), float(np.percentile(said.total, 99)) + travel_s, "s"),
        ("worker-seconds", ran.worker_s, said.worker_s, "s"),
        ("worker starts", ran.starts, said.starts, "workers"),
        ("jobs run twice", int((ran.attempts > 1).sum()), said.run_twice, "jobs"),
    ]
    rows = [_row(target, "jobs", "jobs", ran.arrived.size), _row(target, "lost", "jobs", ran.lost)]
    for metric, measured, simulated, unit in pairs:
        rows += [
            _row(target, f"{metric}, measured", unit, measured),
            _row(target, f"{metric}, simulated", unit, simulated),
            *([_row(target, f"{metric}, error", "", simulated / measured - 1)] if measured else []),
        ]
        print(f"  {target}: {metric} measured {measured:.3f}, simulated {simulated:.3f}", file=sys.stderr)
    return rows


def run(quick: bool = False) -> Result:
    """`quick`: seconds instead of minutes."""
    from reference.serving import redis_store

    long = 6.0 if quick else 40.0
    result = Result(
        "job_fleet",
        "How far is the simulated job fleet from the real one?",
        {
            "jobs": f"sleep, lognormal with mean {MEAN_S:g} s and sigma {SIGMA:g}, Poisson arrivals, {SLOTS} slots per "
            "worker process",
            "calibration": "2 workers at utilisation 0.1: seconds of a slot beside the job's own, travel of a message",
            "queue": f"taskiq on a private Redis; lease {LEASE_S:g} s, redelivery {REDELIVER_S:g} s",
            "simulation": "arrivals as the store noted them, the jobs' own seconds, the calibration; no other fit",
            "scaling": "depth looked at every second, target 2 s, 1 to 4 workers, down after 8 s",
            "burst": "0.3 workers' load, then 2.5, then 0.3, a third of the time each",
            "kill": "kill -9 of the oldest worker; replaced at the next look",
        },
    )
    with redis_store.private_redis() as server:

        def real(at: Any, own: Any, rule: Scaling, kills: tuple[float, ...] = ()) -> Ran:
            return asyncio.run(_real(server.url, at, own, rule, kills))

        two = Scaling.fixed(2, every_s=1.0, down_after_s=8.0)
        light = real(*_jobs(0.1, long / 2, 2), two)
        overhead = float(np.median(light.finished - light.started - light.own_s))
        travel = float(np.median(light.started - light.arrived))
        cold = light.first_start_s
        for metric, value in (
            ("slot beside the job", overhead),
            ("travel of a message", travel),
            ("start of a worker", cold),
        ):
            result.rows.append(_row("calibration", metric, "s", value))
        for utilisation in (0.5, 0.8, 0.9):
            at, own = _jobs(utilisation, long, 2)
            target = f"2 workers, utilisation {utilisation:g}"
            result.rows += _compare(target, real(at, own, two), two, overhead, travel, ())
        scaled = Scaling(1, 4, target_wait_s=2.0, every_s=1.0, cold_start_s=cold, down_after_s=8.0)
        at, own = _burst(1.5 * long)
        result.rows += _compare("1 to 4 workers, burst", real(at, own, scaled), scaled, overhead, travel, ())
        kills = (2.0,) if quick else (8.0, 18.0, 28.0)
        rule = Scaling.fixed(2, every_s=1.0, down_after_s=8.0, cold_start_s=cold)
        at, own = _jobs(0.5, long, 2)
        result.rows += _compare("2 workers, kill -9", real(at, own, rule, kills), rule, overhead, travel, kills)
    errors = {row["target"]: row["median"] for row in result.rows if row["metric"] == "total p95, error"}
    result.conclusions.append(
        "total p95 is off by " + ", ".join(f"{value:+.1%} ({target})" for target, value in errors.items())
    )
    return result
