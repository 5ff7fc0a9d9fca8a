"""Live traffic beside a batch: what the low lane costs those who wait, and what giving way costs the batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reference.serving.experiments.engine_watch import drained
from reference.serving.experiments.modes_clients import Clients, End, Mode, begin_batch
from reference.serving.experiments.modes_workload import Roof, workload
from reference.serving.waiting import wait_until_async

if TYPE_CHECKING:
    import httpx

    from reference.serving.experiments.modes_service import ModesService

_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Beside:
    """Live streams beside one setting of the low lane.

    Attributes:
        yields_at: requests in the engine at which a low job waits; None: there was no batch.
        first_s: seconds to the first token of each live stream that was answered. n: live streams sent.
        batch_per_s: answers of the batch per second meanwhile.
    """

    yields_at: int | None
    first_s: tuple[float, ...]
    n: int
    batch_per_s: float

    def quantile(self, share: float) -> float | None:
        """Quantile of the seconds to the first token; None without an answer."""
        return float(np.quantile(self.first_s, share)) if self.first_s else None


async def _live(
    service: ModesService, http: httpx.AsyncClient, rate: float, seconds: float, tokens: int, seed: int
) -> list[float | None]:
    asks = workload(rate, seconds, model=service.engine.model, tokens=tokens, seed=seed)
    clients = Clients(service, http, time.perf_counter() + 0.05, _PATIENCE_S, _PATIENCE_S)
    return [one.first_s if one.end is End.ANSWERED else None for one in await clients.run(Mode.STREAMING, asks)]


async def _under(
    service: ModesService, roof: Roof, yields_at: int | None, rate: float, seconds: float, batch_n: int, seed: int
) -> Beside:
    import httpx

    headers = {"authorization": f"Bearer {service.gateway.api_key}"}
    async with httpx.AsyncClient(
        base_url=service.base_url, headers=headers, timeout=_PATIENCE_S + 30, trust_env=False
    ) as http:
        done = 0.0
        if yields_at is None:
            firsts = await _live(service, http, rate, seconds, roof.answer_tokens, seed)
        else:
            asks = workload(1.0, batch_n, model=service.engine.model, tokens=roof.answer_tokens, seed=seed + 1)
            batch = await begin_batch(http, asks)
            if "error" in batch:
                raise RuntimeError(f"the service does not take the batch: HTTP {batch['error']}")

            async def completed() -> int:
                state = (await http.get(f"/batches/{batch['id']}")).json()
                return int(state["request_counts"]["completed"])

            before = await wait_until_async(completed, _PATIENCE_S, every_s=0.1)
            begun = time.perf_counter()
            firsts = await _live(service, http, rate, seconds, roof.answer_tokens, seed)
            done = (await completed() - before) / (time.perf_counter() - begun)
            await http.post(f"/batches/{batch['id']}/cancel")
        return Beside(yields_at, tuple(one for one in firsts if one is not None), len(firsts), done)


async def live_beside_batch(
    service: ModesService, roof: Roof, *, share: float, seconds: float, yields_at: Sequence[int], slots: int,
    batch_n: int = 400, seed: int = 11, progress: Callable[[Beside], None] | None = None,
) -> list[Beside]:  # fmt: skip
    """The same live streams (`share` of the roof) alone, then beside a batch under each setting of the low lane.

    Args:
        yields_at: settings of `yield_running`. slots: low jobs that the worker runs at once, so that only the yielding
            decides. batch_n: requests of the batch, enough not to end meanwhile.
    """
    results = []
    for setting in (None, *yields_at):
        await drained(service.engine)
        if setting is None:
            one = await _under(service, roof, None, share * roof.requests_per_s, seconds, batch_n, seed)
        else:
            with service.workers(1, slots_low=slots, yield_running=setting):
                one = await _under(service, roof, setting, share * roof.requests_per_s, seconds, batch_n, seed)
        results.append(one)
        if progress is not None:
            progress(one)
    return results
