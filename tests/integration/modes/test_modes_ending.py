"""A worker that is told to stop ends, also when its client of Redis loses the cancellation."""

import asyncio

import pytest
from redis.asyncio import Redis

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
