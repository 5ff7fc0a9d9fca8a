"""The queue between service and workers: one Redis stream per lane, by taskiq. It carries job ids only.

Chosen by `python -m benchmarks job_queues`: of four libraries it is the quickest that lost no job of a killed worker.
Two of its habits are mended here. An acknowledged message stays in the stream for ever: it is deleted. And the lock
around the recovery has no time limit unless one is set: a worker killed while holding it would end all recovery.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from reference.serving.jobs.model import Lane
from reference.serving.jobs.settings import JobSettings

TASK = "run"


@cache
def _broker_class() -> Any:
    from redis.asyncio import Redis
    from taskiq_redis import RedisStreamBroker

    class DeletingBroker(RedisStreamBroker):
        def _ack_generator(self, id: str, queue_name: str) -> Callable[[], Awaitable[None]]:
            async def ack() -> None:
                async with Redis(connection_pool=self.connection_pool) as client, client.pipeline() as pipe:
                    pipe.xack(queue_name, self.consumer_group_name, id)
                    pipe.xdel(queue_name, id)
                    await pipe.execute()

            return ack

    return DeletingBroker


def stream_name(settings: JobSettings, lane: Lane) -> str:
    """Key of the lane's stream."""
    return f"{settings.prefix}:stream:{lane}"


def broker(settings: JobSettings, lane: Lane) -> Any:
    """The lane's taskiq broker. `startup()` before use: it makes the stream and its group."""
    from reference.serving.redis_store import redis_url

    return _broker_class()(
        settings.redis_url or redis_url(),
        queue_name=stream_name(settings, lane),
        consumer_group_name="workers",
        consumer_id="0",  # also what was sent before the first worker came
        idle_timeout=int(settings.redeliver_s * 1000),
        unacknowledged_lock_timeout=settings.redeliver_s,
        xread_count=max(1, settings.slots(lane)),  # no more than it can run: the rest is for the others
        xread_block=1000,
    )


class Sender:
    """Sends job ids to the lanes; one per process."""

    def __init__(self, settings: JobSettings) -> None:
        self._brokers = {lane: broker(settings, lane) for lane in Lane}
        self._tasks: dict[Lane, Any] = {}

    async def start(self) -> None:
        for lane, one in self._brokers.items():

            async def nothing(job_id: str) -> None:
                """Only its name matters: the worker has the body."""

            self._tasks[lane] = one.register_task(nothing, task_name=TASK)
            await one.startup()

    async def send(self, lane: Lane, job_id: str) -> None:
        """Tells the workers of the lane. A message that is lost is sent again by the reconciler."""
        await self._tasks[lane].kiq(job_id)

    async def close(self) -> None:
        for one in self._brokers.values():
            await one.shutdown()
            await one.connection_pool.disconnect()
