"""A worker ends when it is told to, and not before: whatever its client of Redis does."""

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import ResponseError

from reference.serving.jobs.model import Lane, NewJob, State
from reference.serving.jobs.queue import Sender, stream_name
from reference.serving.jobs.settings import JobSettings
from reference.serving.jobs.store import JobStore
from reference.serving.jobs.worker import Worker


@pytest.mark.slow
def test_a_worker_ends_though_the_cancellation_of_its_read_is_lost(modes_redis, monkeypatch):
    reading, lost, over = asyncio.Event(), [], []
    read = Redis.xreadgroup

    async def deaf(self, *given, **more):
        """Tries again instead, as redis-py does when the cancellation meets its time-out."""
        while True:
            try:
                reading.set()
                return await read(self, *given, **more)
            except asyncio.CancelledError:
                lost.append(1)
                if over:
                    raise

    monkeypatch.setattr(Redis, "xreadgroup", deaf)

    async def run():
        settings = JobSettings(redis_url=modes_redis.url, lease_s=1, redeliver_s=2)
        async with Redis.from_url(modes_redis.url) as client:
            stop = asyncio.Event()
            worker = asyncio.create_task(Worker(JobStore(client, settings), {}).run(stop))
            await reading.wait()
            stop.set()
            done, _ = await asyncio.wait([worker], timeout=15)
            over.append(1)
            assert done, "it still reads"
            await worker

    asyncio.run(run())
    assert lost


@pytest.mark.slow
@pytest.mark.parametrize("outage", ["connections fail", "the stream is gone"])
def test_a_worker_goes_on_in_its_lane_after_an_outage_of_redis(modes_redis, monkeypatch, outage):
    settings = JobSettings(redis_url=modes_redis.url, prefix="wb:{outage}", lease_s=1, redeliver_s=2, reconcile_s=60)
    reading, failed, times, read = asyncio.Event(), asyncio.Event(), [], Redis.xreadgroup

    async def failing(self, *given, **more):
        reading.set()
        if outage == "connections fail" and len(times) < 6:  # of all lanes
            times.append(1)
            failed.set()
            raise RedisGone("Connection reset by peer")
        try:
            return await read(self, *given, **more)
        except ResponseError:
            failed.set()
            raise

    async def done(job):
        return b"{}"

    async def run():
        async with Redis.from_url(modes_redis.url) as client:
            store, stop, sender = JobStore(client, settings), asyncio.Event(), Sender(settings)
            await sender.start()
            monkeypatch.setattr(Redis, "xreadgroup", failing)
            worker = asyncio.create_task(Worker(store, {"quick": done}).run(stop))
            async with asyncio.timeout(60):
                await reading.wait()
                if outage == "the stream is gone":
                    await client.delete(stream_name(settings, Lane.NORMAL))
                await failed.wait()
                job, _ = await store.submit(NewJob("t", "quick", b"{}"))
                await sender.send(Lane.NORMAL, job.id)
                while (state := (await store.get(job.id)).state) is not State.SUCCEEDED:
                    assert not worker.done()
                    await asyncio.sleep(0.05)
            stop.set()
            await worker
            await sender.close()
            return state

    assert asyncio.run(run()) is State.SUCCEEDED
