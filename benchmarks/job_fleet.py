"""The simulated fleet against the real one: the same arrivals and jobs, workers fixed, scaled on depth, and killed.

Jobs of kind `sleep`, so that the queue, the store and the workers are measured and no model. What the simulation needs
to know (what a job costs beside its own seconds, how long a message travels, how long a worker takes to start) comes
from one run at light load; everything else is predicted and then compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
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
    later_starts_s: tuple[float, ...]


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


async def _workers(store: Any, ids: list[str]) -> list[str]:
    return [((await store.client.hget(store.key("job", one), "worker")) or b"").decode() for one in ids]


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
            while await store.unfinished():  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.05)
            warm = [one for job in first if (one := await store.get(job)) is not None]
            first_start = min(one.started for one in warm) - opened
            await asyncio.sleep(2.0)
            fleet.history[:] = [(0.0, len(fleet))]
            fleet._begun = begun = time.monotonic()
            begun_wall, starts = time.time(), len(fleet)
            known, started_at = set(await _workers(store, first)), list[float]()
            ids: list[str] = []
            feeding = asyncio.create_task(_feed(store, sender, at, seconds, ids))
            waiting_kills, wants = deque(kills), deque[tuple[float, int]]()
            left, looked, retiring, fed = 1, -rule.every_s, [], False
            while not fed or left:
                fed = feeding.done()  # before the look: what is handed in behind it is not in it
                now = time.monotonic() - begun
                if waiting_kills and now >= waiting_kills[0]:
                    waiting_kills.popleft()
                    await asyncio.to_thread(fleet.kill)
                left = await store.unfinished()
                if now - looked >= rule.every_s:
                    looked = now
                    want = wanted_workers(left, MEAN_S, SLOTS, rule.target_wait_s, rule.least, rule.most)
                    wants.append((now, want))
                    while wants[0][0] < now - rule.down_after_s:
                        wants.popleft()
                    for _ in range(want - len(fleet)):
                        started_at.append(time.time())
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
        names = await _workers(store, ids)
    finally:
        await sender.close()
        with contextlib.suppress(OSError):
            await client.aclose()
    good = [job for job in jobs if job is not None and job.finished]
    # A worker shows by its first job; those that started later, in the order of their starts.
    shown: dict[str, float] = {}
    for job, name in zip(jobs, names, strict=True):
        if job is not None and name not in known and job.attempts == 1:
            shown[name] = min(job.started, shown.get(name, job.started))
    later = tuple(seen - start for start, seen in zip(started_at, sorted(shown.values()), strict=False))
    return Ran(
        arrived=np.array([job.created - begun_wall for job in good]),
        started=np.array([job.started - begun_wall for job in good]),
        finished=np.array([job.finished - begun_wall for job in good]),
        own_s=np.array([json.loads(job.payload)["seconds"] for job in good]),
        attempts=np.array([job.attempts for job in good]),
        worker_s=worker_s, starts=starts, lost=len(jobs) - len(good), first_start_s=first_start,
        later_starts_s=later,
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
    # The slot is held from the reading of the message to the end of the job in the store.
    held = own + overhead_s + travel_s
    said = simulate_fleet(np.maximum(at, 0.0), held, plan, service_s=MEAN_S, losses=kills)
    seen = said
    if ran.later_starts_s:
        cold = dataclasses.replace(rule, cold_start_s=float(np.mean(ran.later_starts_s)))
        seen = simulate_fleet(
            np.maximum(at, 0.0), held, dataclasses.replace(plan, scaling=cold), service_s=MEAN_S, losses=kills
        )
    waits, totals = (ran.started - ran.arrived), (ran.finished - ran.arrived)

    def figures(run: Any) -> dict[str, tuple[float, str]]:
        wait = {f"wait p{p}": (run.wait_percentile(p) + travel_s, "s") for p in (50, 95, 99)}
        total = {f"total p{p}": (float(np.percentile(run.total, p)), "s") for p in (50, 95, 99)}
        return {
            **wait, "mean wait": (float(run.wait.mean()) + travel_s, "s"), **total,
            "mean total": (float(run.total.mean()), "s"), "worker-seconds": (run.worker_s, "s"),
            "worker starts": (run.starts, "workers"), "jobs run twice": (run.run_twice, "jobs"),
        }  # fmt: skip

    real: dict[str, float] = {
        **{f"wait p{p}": float(np.percentile(waits, p)) for p in (50, 95, 99)}, "mean wait": float(waits.mean()),
        **{f"total p{p}": float(np.percentile(totals, p)) for p in (50, 95, 99)}, "mean total": float(totals.mean()),
        "worker-seconds": ran.worker_s, "worker starts": ran.starts, "jobs run twice": int((ran.attempts > 1).sum()),
    }  # fmt: skip
    rows = [_row(target, "jobs", "jobs", ran.arrived.size), _row(target, "lost", "jobs", ran.lost)]
    beside = ran.finished - ran.started - ran.own_s
    rows.append(_row(target, "slot beside the job, mean", "s", float(beside.mean())))
    if ran.later_starts_s:
        rows.append(_row(target, "start of a worker, mean", "s", float(np.mean(ran.later_starts_s))))
    for metric, (simulated, unit) in figures(said).items():
        measured = real[metric]
        rows += [
            _row(target, f"{metric}, measured", unit, measured),
            _row(target, f"{metric}, simulated", unit, simulated),
            *([_row(target, f"{metric}, error", "", simulated / measured - 1)] if measured else []),
        ]
        line = f"  {target}: {metric} measured {measured:.3f}, simulated {simulated:.3f}"
        if seen is not said:
            again = figures(seen)[metric][0]
            rows.append(_row(target, f"{metric}, simulated with the start seen", unit, again))
            if measured:
                rows.append(_row(target, f"{metric}, error with the start seen", "", again / measured - 1))
            line += f", with the start seen {again:.3f}"
        print(line, file=sys.stderr)
    return rows


def run(quick: bool = False) -> Result:
    """`quick`: seconds instead of minutes."""
    from reference.serving import redis_store

    long = 6.0 if quick else 30.0
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
            "start seen": "a second simulation with the time that workers took to start in that very run",
            "kill": "kill -9 of the oldest worker; replaced at the next look",
        },
    )
    with redis_store.private_redis() as server:

        def real(at: Any, own: Any, rule: Scaling, kills: tuple[float, ...] = ()) -> Ran:
            return asyncio.run(_real(server.url, at, own, rule, kills))

        two = Scaling.fixed(2, every_s=1.0, down_after_s=8.0)
        light = real(*_jobs(0.1, long / 2, 2), two)
        overhead = float(np.mean(light.finished - light.started - light.own_s))
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
        kills = (2.0,) if quick else (6.0, 14.0, 22.0)
        rule = Scaling.fixed(2, every_s=1.0, down_after_s=8.0, cold_start_s=cold)
        at, own = _jobs(0.5, long, 2)
        result.rows += _compare("2 workers, kill -9", real(at, own, rule, kills), rule, overhead, travel, kills)
    errors = {row["target"]: row["median"] for row in result.rows if row["metric"] == "total p95, error"}
    result.conclusions.append(
        "total p95 is off by " + ", ".join(f"{value:+.1%} ({target})" for target, value in errors.items())
    )
    return result
