"""Single flights with one thing wrong each, as people write them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Load = Callable[[], Awaitable[Any]]
Clock = Callable[[], float]


class ByHand:
    """A right one on asyncio alone; subclasses have one thing wrong."""

    keeps_failures = False
    keeps_from_the_start = False
    keeps_for_ever = False
    one_at_a_time = False
    stops_for_nobody = False

    def __init__(self, ttl_s: float, now: Clock) -> None:
        self._ttl_s, self._now = ttl_s, now
        self._kept: dict[str, tuple[Any, Exception | None, float]] = {}
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._waiting: dict[str, int] = {}
        self._lock = asyncio.Lock()

    async def get(self, key: str, load: Load) -> Any:
        if key in self._kept and self._now() < self._kept[key][2]:
            value, error, _ = self._kept[key]
            if error is not None:
                raise error
            return value
        if key not in self._running:
            self._running[key] = asyncio.create_task(self._load(key, load))
            self._waiting[key] = 0
        task = self._running[key]
        self._waiting[key] += 1
        try:
            return await asyncio.shield(task)
        finally:
            if self._running.get(key) is task:
                self._waiting[key] -= 1
                if not self._waiting[key] and not task.done() and not self.stops_for_nobody:
                    task.cancel()
                    del self._running[key]

    async def _load(self, key: str, load: Load) -> Any:
        begun, me = self._now(), asyncio.current_task()
        try:
            if self.one_at_a_time:
                async with self._lock:
                    value = await load()
            else:
                value = await load()
        except Exception as error:
            if self.keeps_failures:
                self._keep(key, None, error, begun)
            raise
        finally:
            if self._running.get(key) is me:
                del self._running[key]
        self._keep(key, value, None, begun)
        return value

    def _keep(self, key: str, value: Any, error: Exception | None, begun: float) -> None:
        since = begun if self.keeps_from_the_start else self._now()
        self._kept[key] = value, error, float("inf") if self.keeps_for_ever else since + self._ttl_s


class KeepsFailures(ByHand):
    keeps_failures = True


class KeepsFromTheStart(ByHand):
    keeps_from_the_start = True


class KeepsForEver(ByHand):
    keeps_for_ever = True


class OneAtATime(ByHand):
    one_at_a_time = True


class StopsForNobody(ByHand):
    stops_for_nobody = True


class CacheOnly:
    """A cache without flights: whoever finds nothing loads."""

    def __init__(self, ttl_s: float, now: Clock) -> None:
        self._ttl_s, self._now = ttl_s, now
        self._kept: dict[str, tuple[Any, float]] = {}

    async def get(self, key: str, load: Load) -> Any:
        value, until = self._kept.get(key, (None, float("-inf")))
        if self._now() >= until:
            value = await load()
            self._kept[key] = value, self._now() + self._ttl_s
        return value


class LockOfTheKey(CacheOnly):
    """Looks again behind a lock: right until a load fails."""

    def __init__(self, ttl_s: float, now: Clock) -> None:
        super().__init__(ttl_s, now)
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, key: str, load: Load) -> Any:
        async with self._locks.setdefault(key, asyncio.Lock()):
            return await super().get(key, load)


class LeaderLoads(CacheOnly):
    """The first one awaits the load in its own task and hands its end on, its own leaving too."""

    hands_leaving_on = True

    def __init__(self, ttl_s: float, now: Clock) -> None:
        super().__init__(ttl_s, now)
        self._running: dict[str, asyncio.Future[Any]] = {}

    async def get(self, key: str, load: Load) -> Any:
        if key in self._running:
            return await asyncio.shield(self._running[key])
        future = self._running[key] = asyncio.get_running_loop().create_future()
        try:
            value = await super().get(key, load)
            future.set_result(value)
            return value
        except Exception as error:
            future.set_exception(error)
            future.exception()  # seen, should nobody wait
            raise
        finally:
            del self._running[key]
            if not future.done() and self.hands_leaving_on:
                future.cancel()


class LeaderLeavesThemWaiting(LeaderLoads):
    hands_leaving_on = False
