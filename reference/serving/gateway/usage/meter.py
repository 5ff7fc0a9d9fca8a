"""Counts uses beside the requests: noted in memory at once, written to Redis by a task, none of them twice."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

from reference.serving.gateway.errors import GatewayError
from reference.serving.gateway.logs import describe, log_event
from reference.serving.gateway.metrics import Metrics
from reference.serving.gateway.settings import Settings
from reference.serving.gateway.store import RedisGate, RedisGone, Script
from reference.serving.gateway.upstream import Delta, Event, Usage
from reference.serving.gateway.usage.records import Labels, arguments, generated, hour_of, keys_of, lua

_LAST_TRY_S = 2.0
_PER_WRITE = 200  # series in one call of the script, so that it holds Redis for well under a millisecond each


@dataclass(frozen=True)
class _Write:
    """Uses of one tenant's hour, frozen: sent again as it is until Redis says that it has it."""

    tenant: str
    hour: int
    number: int
    uses: tuple[tuple[Labels, Mapping[str, int]], ...] = field(repr=False)


class Meter:
    """Uses of this process.

    Args:
        clock: Unix seconds; a use counts in the hour in which it was noted.
    """

    def __init__(
        self, gate: RedisGate, settings: Settings, metrics: Metrics, clock: Callable[[], float] = time.time
    ) -> None:
        self._gate, self._settings, self._metrics, self._clock = gate, settings, metrics, clock
        source = lua("write")
        self._script = Script(source, hashlib.sha1(source.encode()).hexdigest())
        self._writer = uuid.uuid4().hex[:12]
        self._number = 0
        self._noted: dict[tuple[Labels, int], Counter[str]] = {}
        self._frozen: list[_Write] = []
        self._new = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        metrics.watch(metrics.usage_waiting, lambda: float(self.waiting))

    @property
    def waiting(self) -> int:
        """Series that Redis does not have yet."""
        return len(self._noted) + sum(len(write.uses) for write in self._frozen)

    def record(self, labels: Labels, amounts: Mapping[str, int]) -> None:
        """Notes a use; never waits. Without Redis so many series are held as `usage_buffer` says, more are dropped."""
        key = labels, hour_of(self._clock())
        if key not in self._noted and self.waiting >= self._settings.usage_buffer:
            self._metrics.usage_dropped.inc()
            return
        self._noted.setdefault(key, Counter()).update(amounts)
        self._new.set()

    def start(self) -> None:
        """Begins to write."""
        self._task = asyncio.create_task(self._loop(), name="gateway-usage")

    async def stop(self) -> None:
        """Writes what is left, if Redis is there, and ends."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        with suppress(RedisGone, TimeoutError):
            async with asyncio.timeout(_LAST_TRY_S):
                await self.flush()

    async def _loop(self) -> None:
        while True:
            await self._new.wait()
            self._new.clear()
            try:
                await self.flush()
            except RedisGone:
                self._metrics.usage_writes.labels("failed").inc()
            except Exception as error:  # the task must outlive whatever a write meets
                log_event("usage_write_failed", logging.ERROR, **describe(error))
            else:
                continue
            await asyncio.sleep(self._settings.redis_retry_s)
            self._new.set()

    async def flush(self) -> None:
        """Writes all that was noted so far. Raises RedisGone; nothing is lost then."""
        self._freeze()
        while self._frozen:
            write = self._frozen[0]
            await self._gate.script(self._script, keys_of(self._prefix, write.tenant, write.hour), self._args(write))
            self._metrics.usage_writes.labels("written").inc()
            del self._frozen[0]

    @property
    def _prefix(self) -> str:
        return self._settings.key_prefix

    def _args(self, write: _Write) -> list[Any]:
        s = self._settings
        uses = [item for labels, amounts in write.uses for item in arguments(labels, amounts)]
        return [s.usage_keep_days * 86_400, s.usage_features, self._writer, write.number, *uses]

    def _freeze(self) -> None:
        noted, self._noted = self._noted, {}
        by_hash: dict[tuple[str, int], list[tuple[Labels, Mapping[str, int]]]] = {}
        for (labels, hour), amounts in noted.items():
            by_hash.setdefault((labels.tenant, hour), []).append((labels, amounts))
        for (tenant, hour), uses in by_hash.items():
            for start in range(0, len(uses), _PER_WRITE):
                self._number += 1
                self._frozen.append(_Write(tenant, hour, self._number, tuple(uses[start : start + _PER_WRITE])))


class EngineUse:
    """What one generation takes of the engine: as the engine says, else as its pieces are counted.

    Args:
        meter: None: nothing is counted.
        prompt_tokens: as the gateway counts them, for an engine that never says.
    """

    def __init__(self, meter: Meter | None, labels: Labels, prompt_tokens: int) -> None:
        self._meter, self._labels, self._prompt_tokens = meter, labels, prompt_tokens
        self._said: Usage | None = None
        self._pieces = 0
        self._asked = self._refused = False

    def watching(self, source: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
        """`source` as it is, looked at."""
        return source if self._meter is None else self._watched(source)

    async def _watched(self, source: AsyncGenerator[Event]) -> AsyncGenerator[Event]:
        self._asked = True
        try:
            async with aclosing(source):
                async for event in source:
                    if isinstance(event, Delta):
                        self._pieces += 1
                    elif isinstance(event, Usage):
                        self._said = event
                    yield event
        except GatewayError:
            self._refused = True
            raise

    def settle(self) -> None:
        """Counts the use, when the generation has ended.

        An engine that failed or refused before its first piece did nothing that is charged for. One whose client left
        had read the prompt.
        """
        if self._meter is None or not self._asked:
            return
        if self._said is not None:
            amounts = generated(self._said.prompt, self._said.completion, self._said.cached or 0)
        elif self._pieces or not self._refused:
            amounts = generated(self._prompt_tokens, self._pieces)
        else:
            return
        self._meter.record(self._labels, amounts)
