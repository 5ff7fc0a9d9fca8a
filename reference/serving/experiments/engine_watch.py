"""What an engine did for a while, by its own counters, and waiting until it has nothing to do."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference.serving.exposition import GENERATED, RUNNING, samples
from reference.serving.waiting import wait_until_async

if TYPE_CHECKING:
    import httpx

    from reference.serving.experiments.modes_service import Serves

_LOOK_S = 0.2


@dataclass(frozen=True)
class Look:
    """The engine at one moment (seconds of `perf_counter`): requests running, tokens generated since its start."""

    at_s: float
    running: float
    generated: float


@dataclass
class Watch:
    """The engine's counters over a while, from looks at it: tokens generated, seconds in which it had a request."""

    tokens: float = 0.0
    busy_s: float = 0.0

    def between(self, before: Look, after: Look) -> None:
        """Adds the time between two looks that follow each other.

        Wholly busy if both found a request. Half of it if one did, where begin or end lies anywhere between them with
        equal chance; and half of it if none did but tokens were generated: work shorter than the time between two
        looks, which must not count as nothing.
        """
        made = after.generated - before.generated
        found = (before.running > 0) + (after.running > 0)
        self.tokens += made
        self.busy_s += (after.at_s - before.at_s) * (found / 2 if found else 0.5 * (made > 0))


@contextlib.asynccontextmanager
async def watching(http: httpx.AsyncClient, engine: Serves) -> AsyncIterator[Watch]:
    """Looks at the engine's /metrics as the block begins, every 0.2 s, and as it ends; read the watch after that."""
    import httpx

    root = engine.base_url.removesuffix("/v1")
    watch = Watch()

    async def look() -> Look:
        found = samples((await http.get(f"{root}/metrics")).text, RUNNING, GENERATED)
        return Look(time.perf_counter(), found.get(RUNNING, 0.0), found.get(GENERATED, 0.0))

    last = await look()

    async def go_on() -> None:
        nonlocal last
        now = await look()
        watch.between(last, now)
        last = now

    async def keep() -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            with contextlib.suppress(httpx.HTTPError):  # the next look has the time since the last that succeeded
                await go_on()

    task = asyncio.create_task(keep())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.wait([task])
        await go_on()


async def drained(engine: Serves, timeout_s: float = 10.0) -> None:
    """Waits until the engine has nothing to do, or somebody else keeps it busy: one mode must not slow the next."""
    import httpx

    from reference.serving.jobs.yielding import engine_load

    async with httpx.AsyncClient(trust_env=False) as http:
        load = engine_load(http, engine.base_url)

        async def idle() -> bool:
            try:
                return await load() <= 0
            except httpx.HTTPError:  # too busy to say
                return False

        await wait_until_async(idle, timeout_s, every_s=0.1)
