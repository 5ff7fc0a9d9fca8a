"""A worker ends when it is told to, and not before: whatever its client of Redis does."""

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisGone

from reference.serving.jobs.model import Lane, NewJob, State
from reference.serving.jobs.queue import Sender, stream_name
from reference.serving.jobs.settings import JobSettings
from reference.serving.jobs.store import JobStore
from reference.serving.jobs.worker import Worker
from reference.serving.waiting import wait_until_async


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
    settings = JobSettings(redis_url=modes_redis.url, prefix="wb:{outage}", lease_s=5, redeliver_s=6, reconcile_s=600)
    stream, reading, failed, read = stream_name(settings, Lane.NORMAL), asyncio.Event(), [], Redis.xreadgroup

    async def failing(self, group, consumer, streams, *given):
        if stream in streams:  # so it is there, with its group
            reading.set()
            if outage == "connections fail" and len(failed) < 2:
                failed.append(1)
                raise RedisGone("Connection reset by peer")
        return await read(self, group, consumer, streams, *given)

    async def done(job):
        return b"{}"

    async def run():
        async with Redis.from_url(modes_redis.url) as client:
            store, stop, sender = JobStore(client, settings), asyncio.Event(), Sender(settings)
            await sender.start()
            monkeypatch.setattr(Redis, "xreadgroup", failing)
            worker = asyncio.create_task(Worker(store, {"quick": done}).run(stop))
            await reading.wait()

            async def back():
                return len(failed) == 2 if outage == "connections fail" else await client.exists(stream)

            async def ended():
                return (await store.get(job.id)).state is State.SUCCEEDED

            if outage == "the stream is gone":
                await client.delete(stream)
            assert await wait_until_async(back, 100)
            job, _ = await store.submit(NewJob("t", "quick", b"{}"))
            await sender.send(Lane.NORMAL, job.id)
            assert await wait_until_async(ended, 100)
            stop.set()
            await worker
            await sender.close()

    asyncio.run(run())
