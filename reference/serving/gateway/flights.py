"""Single flight: equal requests at the same time cost one generation, within this process and across processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing, suppress

from reference.serving.gateway.exact_cache import ExactCache
from reference.serving.gateway.generation import Generation, events_of
from reference.serving.gateway.store import RedisGone
from reference.serving.gateway.upstream import Event

_POLL_FIRST_S = 0.02
_POLL_MAX_S = 0.2


class Flights:
    """The generations of this process that equal requests may join, by cache digest."""

    def __init__(self) -> None:
        self._running: dict[str, Generation] = {}

    def join(self, digest: str) -> Generation | None:
        """The running generation for `digest`, if there is one that has not failed."""
        generation = self._running.get(digest)
        return None if generation is None or generation.done else generation

    def lead(self, digest: str, generation: Generation) -> None:
        """Makes `generation` the one that others join. No await may lie between `join` and `lead`."""
        self._running[digest] = generation

    def forget(self, digest: str, generation: Generation) -> None:
        """Ends it; an entry that belongs to a newer generation stays."""
        if self._running.get(digest) is generation:
            del self._running[digest]

    def __len__(self) -> int:
        return len(self._running)


async def across_processes(
    cache: ExactCache,
    tenant: str,
    digest: str,
    lock_s: float,
    generate: Callable[[], AsyncGenerator[Event]],
    generation: Generation,
    resources: AsyncExitStack,
) -> AsyncGenerator[Event]:
    """Events of a generation that at most one process runs: this one, or another whose stored answer is replayed.

    The lock is a lease. If its holder dies, it ends after `lock_s` and a waiting process takes over; if the holder
    failed or its answer was not stored, at once. Without Redis every process generates for itself.

    Args:
        resources: gets the lock; it must be closed after the answer was stored, or others would generate again.
    """
    pause = _POLL_FIRST_S
    while True:
        try:
            token, answer = await cache.lock_and_get(tenant, digest)
        except RedisGone:
            break
        if token is not None:
            renewal = asyncio.create_task(_renew(cache, tenant, digest, token, lock_s / 3))
            resources.push_async_callback(_unlock, cache, tenant, digest, token)
            resources.callback(renewal.cancel)
        if answer is not None:
            generation.answer, generation.replayed = answer, True
            for event in events_of(answer):
                yield event
            return
        if token is not None:
            break
        await asyncio.sleep(pause)
        pause = min(_POLL_MAX_S, pause * 1.5)
    async with aclosing(generate()) as events:
        async for event in events:
            yield event


async def _unlock(cache: ExactCache, tenant: str, digest: str, token: str) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            await cache.unlock(tenant, digest, token)


async def _renew(cache: ExactCache, tenant: str, digest: str, token: str, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        await cache.renew(tenant, digest, token)
