"""What an engine did for a while, by its own counters, and waiting until it has nothing to do."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reference.serving.waiting import wait_until_async

if TYPE_CHECKING:
    import httpx

    from reference.serving.experiments.modes_service import Serves

_LOOK_S = 0.2


@dataclass
class Watch:
    """The engine's counters over a while."""

    tokens: float = 0.0
    busy_s: float = 0.0


@contextlib.asynccontextmanager
async def watching(http: httpx.AsyncClient, engine: Serves) -> AsyncIterator[Watch]:
    """Looks at the engine's /metrics every 0.2 s; a look that finds a request counts as busy until the next."""
    root = engine.base_url.removesuffix("/v1")
    watch = Watch()

    async def look() -> tuple[float, float]:
        text = (await http.get(f"{root}/metrics")).text
        values = {"vllm:num_requests_running": 0.0, "vllm:generation_tokens_total": 0.0}
        for line in text.splitlines():
            name = line.split("{", 1)[0].split(" ", 1)[0]
            if name in values:
                values[name] += float(line.rsplit(" ", 1)[1])
        return values["vllm:num_requests_running"], values["vllm:generation_tokens_total"]

    async def keep() -> None:
        last, (running, _) = time.perf_counter(), await look()
        while True:
            await asyncio.sleep(_LOOK_S)
            now, before = time.perf_counter(), running
            running, _ = await look()
            if before or running:
                watch.busy_s += now - last
            last = now

    _, begun = await look()
    task = asyncio.create_task(keep())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.wait([task])
        watch.tokens = (await look())[1] - begun


async def drained(engine: Serves, timeout_s: float = 10.0) -> None:
    """Waits until the engine has nothing to do, or somebody else keeps it busy: one mode must not slow the next."""
    import httpx

    from reference.serving.jobs.yielding import engine_load

    async with httpx.AsyncClient(trust_env=False) as http:
        load = engine_load(http, engine.base_url)

        async def idle() -> bool:
            return await load() <= 0

        await wait_until_async(idle, timeout_s, every_s=0.1)
