"""Batches give way: before a job of the low lane starts, the engine must have room for live traffic."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from reference.serving.exposition import RUNNING, WAITING, samples

if TYPE_CHECKING:
    import httpx

_LOOK_S = 0.1


def engine_load(client: httpx.AsyncClient, engine_url: str) -> Callable[[], Awaitable[float]]:
    """Requests running and waiting in the engine, read from its /metrics (vLLM's gauges)."""
    root = engine_url.rstrip("/").removesuffix("/v1")

    async def load() -> float:
        return sum(samples((await client.get(f"{root}/metrics", timeout=2.0)).text, RUNNING, WAITING).values())

    return load


class Yielding:
    """Waits while the engine holds `most` requests or more, but for no longer than `longest_s`.

    Without the bound a busy day would end no batch; without the wait a batch would sit before live requests in the
    engine's queue. One waits at a time, so that many do not start at the first gap; a look that finds room for several
    lets as many start, else the low lane could start no more jobs than there are looks. Each worker looks for itself:
    several together may fill a gap twice for a moment.

    Args:
        load: requests in the engine now.
    """

    def __init__(self, load: Callable[[], Awaitable[float]], most: int, longest_s: float) -> None:
        self._load, self._most, self._longest_s = load, most, longest_s
        self._turn = asyncio.Lock()
        self._room, self._looked, self._let = 0, float("-inf"), float("-inf")
        self.waited_s = 0.0

    async def __call__(self) -> None:
        """Returns when a low job may start."""
        begun = time.monotonic()
        async with self._turn:
            if self._room > 0 and time.monotonic() - self._looked < _LOOK_S:
                self._room -= 1
            else:
                await self._gap(begun)
            self._let = time.monotonic()
        self.waited_s += time.monotonic() - begun

    async def _gap(self, begun: float) -> None:
        """Looks until there is room, or too long has passed since `begun`."""
        import httpx

        self._room = 0
        # Until those that were let in show in the gauge.
        await asyncio.sleep(max(0.0, self._let + _LOOK_S / 2 - time.monotonic()))
        while time.monotonic() - begun < self._longest_s:
            try:
                room = self._most - await self._load()
            except (httpx.HTTPError, OSError):
                return  # an engine that does not say: the job itself finds out
            if room > 0:
                self._room, self._looked = int(room) - 1, time.monotonic()
                return
            await asyncio.sleep(_LOOK_S)
