"""Real workers: a burst on a fleet that follows the depth of its queue, and a job that kills whoever runs it."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reference.serving.waiting import wait_until_async

if TYPE_CHECKING:
    from reference.serving.jobs.settings import JobSettings

_LOOK_S = 0.2
_DOWN_AFTER_S = 2.0


@dataclass(frozen=True)
class Look:
    """The fleet at a moment: seconds since the burst, jobs unfinished, workers wanted and workers there."""

    at_s: float
    left: int
    wanted: int
    workers: int


@dataclass(frozen=True)
class Burst:
    """Outcome. `killed_s`: when a worker was taken without notice (None: none was). Seconds.

    worker_s: seconds of workers paid for; always_on_s: what as many as the most would have cost over the same time.
    """

    looks: tuple[Look, ...]
    jobs: int
    lost: int
    retried: int
    killed_s: float | None
    seconds: float
    wait_p50_s: float
    wait_p95_s: float
    worker_s: float
    always_on_s: float


async def burst(
    settings: JobSettings, *, jobs: int, job_s: float, target_wait_s: float, most: int, kill: bool = True,
    give_up_s: float = 60.0,
) -> Burst:  # fmt: skip
    """Hands in `jobs` jobs of `job_s` seconds at once to a fleet of one worker that may grow to `most`.

    A worker too many for two seconds ends its jobs and goes, one at a time.

    kill: `kill -9` of the oldest worker as soon as half of the jobs have ended, as a spot machine without notice.
    """
    from reference.serving.jobs import fleet as fleets
    from reference.serving.jobs.model import Lane, NewJob
    from reference.serving.jobs.queue import Sender
    from reference.serving.jobs.store import JobStore
    from reference.serving.redis_store import connect_async

    client = connect_async(settings.redis_url or None, timeout_s=10.0)
    store, sender = JobStore(client, settings), Sender(settings)
    await sender.start()
    slots = settings.slots(Lane.NORMAL)

    async def hand_in(count: int, seconds: float) -> list[str]:
        ids = []
        for _ in range(count):
            payload = json.dumps({"seconds": seconds}).encode()
            job, _ = await store.submit(NewJob("burst", "sleep", payload, Lane.NORMAL, max_attempts=10))
            await sender.send(Lane.NORMAL, job.id)
            ids.append(job.id)
        return ids

    async def nothing_left() -> bool:
        return not await store.unfinished()

    looks: list[Look] = []
    killed: float | None = None
    try:
        with fleets.running(settings, 1, drills=True) as fleet:
            await hand_in(1, 0.0)
            if not await wait_until_async(nothing_left, give_up_s):
                raise TimeoutError(f"the first worker did nothing within {give_up_s:g} s; does it reach Redis?")
            begun = time.monotonic()
            fleet.history[:] = [(begun - fleet._begun, len(fleet))]
            ids = await hand_in(jobs, job_s)
            left, changed, needed = jobs, time.monotonic(), time.monotonic()
            going: asyncio.Task[None] | None = None
            while left and time.monotonic() - changed < give_up_s:
                now_left = await store.unfinished()
                changed = time.monotonic() if now_left != left else changed
                left = now_left
                wanted = fleets.wanted_workers(left, job_s, slots, target_wait_s, 0, most)
                while len(fleet) < wanted:
                    fleet.start()
                needed = time.monotonic() if len(fleet) <= wanted else needed
                if time.monotonic() - needed > _DOWN_AFTER_S and (going is None or going.done()):
                    going = asyncio.create_task(asyncio.to_thread(fleet.retire))
                    await asyncio.sleep(0.02)  # it has left the list, and nobody kills it as well
                if kill and killed is None and left <= jobs / 2 and len(fleet):
                    await asyncio.to_thread(fleet.kill)
                    killed = time.monotonic() - begun
                looks.append(Look(time.monotonic() - begun, left, wanted, len(fleet)))
                await asyncio.sleep(_LOOK_S)
            seconds = time.monotonic() - begun
            if going is not None:
                await going
        stored = [await store.get(one) for one in ids]
        worker_s = fleet.worker_seconds()
    finally:
        await sender.close()
        await client.aclose()
    ended = [job for job in stored if job is not None and job.finished]
    waits = [job.started - job.created for job in ended] or [float("nan")]
    return Burst(
        looks=tuple(looks), jobs=jobs, lost=jobs - len(ended), retried=sum(job.attempts > 1 for job in ended),
        killed_s=killed, seconds=seconds, wait_p50_s=float(np.quantile(waits, 0.5)),
        wait_p95_s=float(np.quantile(waits, 0.95)), worker_s=worker_s, always_on_s=most * seconds,
    )  # fmt: skip


@dataclass(frozen=True)
class Poisoned:
    """Outcome. reason, tries: of the dead letter. deaths: workers that it took along. good: other jobs that ended."""

    reason: str
    tries: int
    deaths: int
    good: int
    others: int
    seconds: float


async def poisoned(settings: JobSettings, *, others: int, max_attempts: int = 2, give_up_s: float = 60.0) -> Poisoned:
    """One job that ends the process that runs it, in front of `others` good ones; dead workers are replaced."""
    from reference.serving.jobs import fleet as fleets
    from reference.serving.jobs.model import Lane, NewJob, State
    from reference.serving.jobs.queue import Sender
    from reference.serving.jobs.store import JobStore
    from reference.serving.redis_store import connect_async

    client = connect_async(settings.redis_url or None, timeout_s=10.0)
    store, sender = JobStore(client, settings), Sender(settings)
    await sender.start()
    deaths, begun, ids = 0, time.monotonic(), []
    try:
        for number in range(others + 1):
            order = {"seconds": 0.01, "die": number == 0}
            # The others get more tries: those that run beside the bad one die with its worker, and are innocent.
            tries = max_attempts if number == 0 else max_attempts + 2
            new = NewJob("poison", "sleep", json.dumps(order).encode(), Lane.NORMAL, max_attempts=tries)
            job, _ = await store.submit(new)
            await sender.send(Lane.NORMAL, job.id)
            ids.append(job.id)
        with fleets.running(settings, 2, drills=True) as fleet:
            while await store.unfinished() and time.monotonic() - begun < give_up_s:
                gone = await asyncio.to_thread(fleet.reap)
                deaths += gone
                for _ in range(gone):
                    fleet.start()
                await asyncio.sleep(0.1)
            deaths += await asyncio.to_thread(fleet.reap)  # one whose job was given up before the next look
        jobs = [await store.get(one) for one in ids]
        letters = await store.dead_letters("poison")
    finally:
        await sender.close()
        await client.aclose()
    good = sum(job is not None and job.state is State.SUCCEEDED for job in jobs[1:])
    reason, tried = (letters[0].error, letters[0].attempts) if letters else ("none", 0)
    return Poisoned(reason, tried, deaths, good, others, time.monotonic() - begun)
