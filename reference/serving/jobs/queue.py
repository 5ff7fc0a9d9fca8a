"""The queue between service and workers: one Redis stream per lane, by taskiq. It carries job ids only.

Chosen by `python -m benchmarks job_queues`: of four libraries it is the quickest that lost no job of a killed worker.
Two of its habits are mended here. An acknowledged message stays in the stream for ever: it is deleted. And messages of
a lost worker are looked for only after new ones have come, so that on a quiet queue the last jobs would wait for the
next client: they are looked for all the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import cache
from typing import Any

from reference.serving.jobs.model import Lane
from reference.serving.jobs.settings import JobSettings

TASK = "run"
log = logging.getLogger(__name__)
_AGAIN_S = 0.5


@cache
def _broker_class() -> Any:
    from redis.asyncio import Redis
    from redis.exceptions import RedisError
    from taskiq import AckableMessage
    from taskiq_redis import RedisStreamBroker

    class DeletingBroker(RedisStreamBroker):
        ending = False  # set: `listen` ends after the read that is under way, one second at most

        def _ack_generator(self, id: str, queue_name: str) -> Callable[[], Awaitable[None]]:
            async def ack() -> None:
                async with Redis(connection_pool=self.connection_pool) as client, client.pipeline() as pipe:
                    pipe.xack(queue_name, self.consumer_group_name, id)
                    pipe.xdel(queue_name, id)
                    await pipe.execute()

            return ack

        async def listen(self) -> AsyncGenerator[AckableMessage, None]:
            # XAUTOCLAIM gives a message to one consumer only and makes it young again: no lock is needed around it.
            # A read that is cancelled while its client gives it up is a time-out to the client, and is tried again: who
            # waits for the listener to end would wait for ever. So it looks for itself.
            async with Redis(connection_pool=self.connection_pool) as client:
                while not self.ending:
                    try:
                        messages = await self._read(client)
                    except (RedisError, OSError, TimeoutError) as error:
                        # Given up here, the worker would live on and be deaf in this lane. What was read already comes
                        # again, as that of a lost worker does.
                        log.warning("%s cannot be read, tried again: %s", self.queue_name, error)
                        await asyncio.sleep(_AGAIN_S)
                        with contextlib.suppress(RedisError, OSError, TimeoutError):
                            await self._declare_consumer_group()  # a Redis that lost its data has no stream
                        continue
                    for name, message in messages:
                        if message:  # deleted since: nothing is left to do
                            ack = self._ack_generator(id=name, queue_name=self.queue_name)
                            yield AckableMessage(data=message[b"data"], ack=ack)

        async def _read(self, client: Redis) -> list[tuple[Any, dict[bytes, bytes]]]:
            """New messages, waited for one second, and those of lost workers."""
            new: Any = await client.xreadgroup(
                self.consumer_group_name, self.consumer_name, {self.queue_name: ">"}, self.count, self.block
            )
            left: Any = await client.xautoclaim(
                self.queue_name, self.consumer_group_name, self.consumer_name, self.idle_timeout,
                count=self.unacknowledged_batch_size,
            )  # fmt: skip
            return [*(new[0][1] if new else ()), *left[1]]

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
        unacknowledged_batch_size=max(1, settings.slots(lane)),
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
