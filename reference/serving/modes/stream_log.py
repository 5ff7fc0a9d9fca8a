"""The events of one answer, numbered and kept: in this process while it runs, in Redis so that any process can go on.

A client that loses its connection sends the number of the last event it saw; what follows is read from here. The answer
is generated once, whoever reads it and however often they come back.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, cast

from reference.serving.bell import Bell

if TYPE_CHECKING:
    import redis.asyncio

_FLUSH_S = 0.05  # several tokens share one write to Redis
_POLL_S = 0.1
_SILENT_S = 10.0  # a producer that wrote nothing for so long is gone


class StreamLost(Exception):
    """The process that made the answer is gone, and the answer is not complete."""


class StreamLog:
    """Events of one stream, as the producer holds them.

    Args:
        events_key, meta_key: of the list and of the hash in Redis. ttl_s: how long both outlive the last write.
    """

    def __init__(
        self, client: redis.asyncio.Redis, events_key: str, meta_key: str, ttl_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._client, self._events_key, self._meta_key, self._ttl_s = client, events_key, meta_key, ttl_s
        self._clock = clock
        self._events: list[bytes] = []
        self._written = 0
        self._news = Bell()
        self._lock = asyncio.Lock()
        self.readers = 0
        self.ended = False

    def __len__(self) -> int:
        return len(self._events)

    def append(self, data: bytes) -> None:
        """One event; its number is its place, from 1."""
        self._events.append(data)
        self._news.ring()

    def end(self) -> None:
        """No more events."""
        self.ended = True
        self._news.ring()

    async def flush(self) -> None:
        """Writes what Redis lacks, and that the producer is alive."""
        async with self._lock:
            new = self._events[self._written :]
            meta = {"alive": repr(self._clock()), "ended": "1" if self.ended else "0"}
            pipe = self._client.pipeline(transaction=True)
            if new:
                pipe.rpush(self._events_key, *new)
                pipe.expire(self._events_key, max(1, int(self._ttl_s)))
            pipe.hset(self._meta_key, mapping=cast("Any", meta))
            pipe.expire(self._meta_key, max(1, int(self._ttl_s)))
            await pipe.execute()
            self._written += len(new)

    async def keep(self) -> None:
        """Flushes as events come in, and every two seconds besides, until the end."""
        from redis.exceptions import RedisError

        while True:
            if self._written == len(self._events) and not self.ended:
                await self._news.wait(2.0)
            await asyncio.sleep(0 if self.ended else _FLUSH_S)
            last = self.ended
            try:
                await self.flush()
            except (RedisError, OSError, TimeoutError):
                # Readers of this process go on; only coming back through another one needs what is in Redis.
                await asyncio.sleep(0.5)
                if last:
                    return
                continue
            if last:
                return

    async def read(self, after: int, idle_s: float) -> AsyncIterator[list[tuple[int, bytes]]]:
        """Numbered events after number `after`, as they come; an empty list when nothing came for `idle_s` seconds."""
        self.readers += 1
        try:
            while True:
                if after < len(self._events):
                    batch = self._events[after:]
                    yield [(after + place, data) for place, data in enumerate(batch, 1)]
                    after += len(batch)
                elif self.ended:
                    return
                else:
                    before = len(self._events)
                    await self._news.wait(idle_s)
                    if len(self._events) == before and not self.ended:
                        yield []
        finally:
            self.readers -= 1


async def read_stored(
    client: redis.asyncio.Redis, events_key: str, meta_key: str, after: int, idle_s: float,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[list[tuple[int, bytes]]]:  # fmt: skip
    """The same for a stream that another process makes, or made. Raises StreamLost if that process is gone."""
    quiet = time.monotonic()
    while True:
        pipe = client.pipeline(transaction=True)
        pipe.lrange(events_key, after, -1)
        pipe.hmget(meta_key, "alive", "ended")
        batch, (alive, ended) = await pipe.execute()
        if batch:
            yield [(after + place, data) for place, data in enumerate(batch, 1)]
            after += len(batch)
            quiet = time.monotonic()
            continue
        if ended == b"1":
            return
        if alive is None or clock() - float(alive) > _SILENT_S:
            raise StreamLost
        if time.monotonic() - quiet >= idle_s:
            yield []
            quiet = time.monotonic()
        await asyncio.sleep(_POLL_S)


def frame(number: int, data: bytes) -> bytes:
    """One server-sent event. `data` is one line of JSON, or `[DONE]`."""
    return b"id: %d\ndata: %b\n\n" % (number, data)


def failure(code: str, message: str) -> bytes:
    """The data of an event that says that the answer broke off."""
    return json.dumps({"error": {"code": code, "message": message}}).encode()
