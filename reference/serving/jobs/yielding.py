"""Batches give way: before a job of the low lane starts, the engine must have room for live traffic."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

_LOOK_S = 0.1


def engine_load(client: httpx.AsyncClient, engine_url: str) -> Callable[[], Awaitable[float]]:
    """Requests running and waiting in the engine, read from its /metrics (vLLM's gauges)."""
    root = engine_url.rstrip("/").removesuffix("/v1")

    async def load() -> float:
        text = (await client.get(f"{root}/metrics", timeout=2.0)).text
        total = 0.0
        for line in text.splitlines():
            if line.startswith(("vllm:num_requests_running", "vllm:num_requests_waiting{")):
                total += float(line.rsplit(" ", 1)[1])
        return total

    return load


class Yielding:
    """Waits while the engine holds `most` requests or more, but for no longer than `longest_s`.

    Without the bound a busy day would end no batch; without the wait a batch would sit before live requests in the
    engine's queue. One waits at a time, so that many do not start at the first gap.

    Args:
        load: requests in the engine now.
    """

    def __init__(self, load: Callable[[], Awaitable[float]], most: int, longest_s: float) -> None:
        self._load, self._most, self._longest_s = load, most, longest_s
        self._turn = asyncio.Lock()
        self.waited_s = 0.0

    async def __call__(self) -> None:
        """Returns when a low job may start."""
        import httpx

        begun = time.monotonic()
        async with self._turn:
            while time.monotonic() - begun < self._longest_s:
                try:
                    if await self._load() < self._most:
                        break
                except (httpx.HTTPError, OSError):
                    break  # an engine that does not say: the job itself finds out
                await asyncio.sleep(_LOOK_S)
            await asyncio.sleep(_LOOK_S / 2)  # until the one before shows in the gauge
        self.waited_s += time.monotonic() - begun
