"""What the gateway knows of its engine and of Redis, kept fresh by one background task."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Literal

import httpx

from reference.serving.gateway.breaker import CircuitBreaker, State
from reference.serving.gateway.errors import unavailable
from reference.serving.gateway.logs import describe, log_event, now
from reference.serving.gateway.metrics import Metrics
from reference.serving.gateway.settings import Settings
from reference.serving.gateway.store import RedisGate
from reference.serving.gateway.upstream import probe, require_engine_model

# A machine under full load can leave a poll unanswered; so many in a row mean that the engine hangs.
_SILENT_POLLS = 3


class Monitor:
    """Polls the engine (health, queue, models) and Redis. Requests read its fields; they never wait for it.

    Args:
        gate: None: Redis is watched by another.
        tier: which engine it is; the metrics of the small one have names of their own.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        gate: RedisGate | None,
        breaker: CircuitBreaker,
        settings: Settings,
        metrics: Metrics,
        tier: Literal["strong", "small"] = "strong",
    ) -> None:
        self._client = client
        self._gate = gate
        self._breaker = breaker
        self._settings = settings
        self._task: asyncio.Task[None] | None = None
        self.healthy = False
        self.waiting = 0.0
        self.running = 0.0
        self.served: list[str] = [settings.model] if settings.model else []
        self.max_model_len: int | None = None
        self._described = False
        self._was_down = False
        self._silent = 0
        self._tier = tier
        small = tier == "small"
        metrics.watch(metrics.small_engine_up if small else metrics.engine_up, lambda: float(self.healthy))
        metrics.watch(metrics.small_engine_waiting if small else metrics.engine_waiting, lambda: self.waiting)
        metrics.watch(metrics.small_engine_running if small else metrics.engine_running, lambda: self.running)
        metrics.watch(metrics.small_breaker_state if small else metrics.breaker_state, lambda: float(breaker.state))
        if gate is not None:
            metrics.watch(metrics.redis_up, lambda: float(gate.up))

    @property
    def ready(self) -> bool:
        """True if requests can be served: the engine answers, its model is known, the circuit is not open."""
        return self.healthy and bool(self.served) and self._breaker.state is not State.OPEN

    @property
    def token_budget(self) -> int:
        """Most tokens of prompt and answer: the setting, or the model's own limit where that is smaller."""
        budget = self._settings.token_budget
        return budget if self.max_model_len is None else min(budget, self.max_model_len)

    def require_model(self, model: str) -> None:
        """Raises 404 for a model that is not served, 503 while the gateway does not know yet."""
        if not self.served:
            raise unavailable("engine_unavailable", "The engine has not answered yet, so its model is not known.")
        require_engine_model(model, self.served)

    async def start(self) -> None:
        """Polls once and goes on in the background. An engine that is not there yet is no error."""
        await self.poll()
        self._task = asyncio.create_task(self._loop(), name="gateway-monitor")

    async def stop(self) -> None:
        """Ends the background task."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def poll(self) -> None:
        """One look at the engine and at Redis."""
        looking = probe(self._client, self._settings.poll_timeout_s)
        if self._gate is None:
            seen = await looking
        else:
            _, seen = await asyncio.gather(self._gate.probe(), looking)
        self._silent = self._silent + 1 if seen.healthy is None else 0
        if seen.healthy is None and self._silent < _SILENT_POLLS:
            return
        if seen.healthy and not self._described:
            await self._describe()
        if bool(seen.healthy) != self.healthy:
            log_event("engine_up" if seen.healthy else "engine_down", logging.WARNING, tier=self._tier)
        self.healthy = bool(seen.healthy)
        self.waiting = seen.waiting or 0.0
        self.running = seen.running or 0.0
        if not seen.healthy:
            self._described = False  # what comes back may be another model
            self._was_down = True
            self._breaker.failure()
        elif self._was_down and self._breaker.state is not State.OPEN:
            # It was away and is back. A circuit that opened on failing requests of a healthy engine waits for a trial.
            self._was_down = False
            self._breaker.success()

    async def _describe(self) -> None:
        try:
            reply = await self._client.get("/models", timeout=5)
            models = reply.json()["data"]
            served = [str(model["id"]) for model in models]
            lengths = [int(m["max_model_len"]) for m in models if m.get("max_model_len")]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            log_event("engine_models_unreadable", logging.WARNING, **describe(error))
            return
        if self._settings.model and self._settings.model not in served:
            log_event("engine_serves_other_model", logging.ERROR, wanted=self._settings.model, served=served)
        self.served = [self._settings.model] if self._settings.model else served
        self.max_model_len = min(lengths) if lengths else None
        self._described = True

    async def _loop(self) -> None:
        while True:
            began = now()
            try:
                await self.poll()
            except Exception as error:  # the monitor must outlive anything a poll meets
                log_event("monitor_failed", logging.ERROR, **describe(error))
            await asyncio.sleep(max(0.05, self._settings.poll_interval_s - (now() - began)))
