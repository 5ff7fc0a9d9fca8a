"""Calls of plugged-in parts: on their own threads, within a time limit, and left alone for a while when they fail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn, TypeVar

from reference.serving.gateway.breaker import CircuitBreaker
from reference.serving.gateway.logs import describe, log_event

T = TypeVar("T")

_THREADS = 4
_MOST_WAITING = 64
_FAILURES = 5
_REST_S = 2.0


class NotDone(Exception):
    """The call gave nothing. `reason`: timeout, error, busy (too many wait) or resting (it failed in a row)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Offload:
    """Runs calls of one part.

    A thread cannot be stopped: a call that takes too long is given up by its request and goes on by itself. So the
    threads are few and the part's own, and after a row of failures nothing is handed to them for a while.

    Args:
        name: of the part, for the log.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"gateway-{name}")
        self._breaker = CircuitBreaker(_FAILURES, _REST_S)
        self._waiting = 0

    async def run(self, call: Callable[[], T], timeout_s: float) -> T:
        """The result of `call()`. Raises NotDone if there is none within `timeout_s`."""
        if self._waiting >= _MOST_WAITING:
            raise NotDone("busy")
        if not self._breaker.allow():
            raise NotDone("resting")
        try:
            future = self._threads.submit(call)
        except RuntimeError:  # the gateway is stopping
            raise NotDone("resting") from None
        self._waiting += 1
        future.add_done_callback(self._ended(asyncio.get_running_loop()))
        try:
            async with asyncio.timeout(timeout_s):
                result = await asyncio.wrap_future(future)
        except TimeoutError:
            if future.done() and not future.cancelled():  # the call's own TimeoutError
                self._failed("error")
            self._failed("timeout")
        except Exception as error:
            log_event("plug_in_failed", logging.ERROR, part=self._name, **describe(error))
            self._failed("error")
        self._breaker.success()
        return result

    def _failed(self, reason: str) -> NoReturn:
        self._breaker.failure()
        raise NotDone(reason) from None

    def _ended(self, loop: asyncio.AbstractEventLoop) -> Callable[[object], None]:
        def less() -> None:
            self._waiting -= 1

        def ended(_: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(less)

        return ended

    def close(self) -> None:
        """Drops what waits; calls that run end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
