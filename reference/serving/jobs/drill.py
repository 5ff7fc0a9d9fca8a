"""What happens to jobs while their workers are killed: submits, kills, waits, and counts what every job says."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass

from reference.serving.jobs import fleet as fleets
from reference.serving.jobs.model import Job, Lane, NewJob, State
from reference.serving.jobs.queue import Sender
from reference.serving.jobs.settings import JobSettings
from reference.serving.jobs.store import JobStore


@dataclass(frozen=True)
class DrillReport:
    """Outcome. Queue time: from submission to the first start; total: to the end. Seconds.

    `lost`: jobs without an end. `duplicated`: jobs whose end took effect more than once. `retried`: with several tries.
    """

    jobs: int
    workers: int
    killed: int
    lost: int
    duplicated: int
    dead: int
    retried: int
    seconds: float
    queue_p50_s: float
    queue_p99_s: float
    total_p99_s: float

    @property
    def jobs_per_second(self) -> float:
        return (self.jobs - self.lost) / self.seconds


async def drill(
    settings: JobSettings, *, jobs: int, workers: int = 2, kill_every_s: float = 5.0, job_s: float = 0.02,
    give_up_s: float = 60.0, rate_per_s: float | None = None,
) -> DrillReport:  # fmt: skip
    """Runs `jobs` jobs of `job_s` seconds through `workers` processes, one killed every `kill_every_s` and replaced.

    Args:
        kill_every_s: 0 for none. A kill waits until some job has ended since the last one: where a worker takes longer
            to start than the pause between two kills, none would ever work.
        give_up_s: without any end for so long, what is left counts as lost.
        rate_per_s: arrivals; None: as fast as they can be submitted.
    """
    from reference.serving.redis_store import connect_async

    client = connect_async(settings.redis_url or None, timeout_s=10.0)
    store, sender = JobStore(client, settings), Sender(settings)
    await sender.start()
    killed = 0
    try:
        with fleets.running(settings, workers, drills=True) as fleet:
            begun = time.monotonic()
            ids: list[str] = []
            feeding = asyncio.create_task(_feed(store, sender, jobs, job_s, rate_per_s, ids))
            next_kill, last, changed, ended_at_kill, fed = begun + kill_every_s, -1, begun, 0, False
            while not fed or last:
                fed = feeding.done()  # before the look: what is handed in behind it is not in it
                left = await store.unfinished()
                if left != last:
                    last, changed = left, time.monotonic()
                if fed and time.monotonic() - changed > give_up_s:
                    break
                ended = len(ids) - left
                if kill_every_s and time.monotonic() >= next_kill and ended > ended_at_kill:
                    await asyncio.to_thread(fleet.kill)
                    fleet.start()
                    ended_at_kill, killed, next_kill = ended, killed + 1, time.monotonic() + kill_every_s
                await asyncio.sleep(0.05)
            await feeding
            seconds = changed - begun
        stored = [await store.get(one) for one in ids]
    finally:
        await sender.close()
        await client.aclose()
    return _report(jobs, workers, killed, seconds, stored)


async def _feed(
    store: JobStore, sender: Sender, jobs: int, job_s: float, rate_per_s: float | None, ids: list[str]
) -> None:
    begun = time.monotonic()
    for number in range(jobs):
        if rate_per_s and (early := begun + number / rate_per_s - time.monotonic()) > 0:
            await asyncio.sleep(early)
        payload = json.dumps({"seconds": job_s, "number": number}).encode()
        # As many tries as there may be kills: the drill asks whether jobs are lost, not whether they are given up.
        job, _ = await store.submit(NewJob("drill", "sleep", payload, Lane.NORMAL, max_attempts=50))
        ids.append(job.id)
        await sender.send(Lane.NORMAL, job.id)


def _report(jobs: int, workers: int, killed: int, seconds: float, stored: list[Job | None]) -> DrillReport:
    ended = [job for job in stored if job is not None and job.state is State.SUCCEEDED]
    waits = sorted(job.started - job.created for job in ended)
    totals = sorted(job.finished - job.created for job in ended)

    def quantile(values: list[float], share: float) -> float:
        return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")

    dead = sum(job is not None and job.state is State.DEAD for job in stored)
    return DrillReport(
        jobs=jobs,
        workers=workers,
        killed=killed,
        lost=jobs - len(ended) - dead,
        duplicated=sum(job.effects > 1 for job in ended),
        dead=dead,
        retried=sum(job.attempts > 1 for job in ended),
        seconds=seconds,
        queue_p50_s=quantile(waits, 0.5),
        queue_p99_s=quantile(waits, 0.99),
        total_p99_s=quantile(totals, 0.99),
    )
