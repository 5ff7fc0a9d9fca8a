"""A bell: who waits is woken when it rings, and looks for itself what has changed."""

from __future__ import annotations

import asyncio


class Bell:
    """Wakes every coroutine that waits at the moment it rings; nobody has to clear it, unlike an `asyncio.Event`.

    For one event loop: ring from the loop's own thread. A ring that nobody waits for is forgotten, so look before you
    wait; between the look and the wait no other coroutine runs.
    """

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    async def wait(self, timeout_s: float | None = None) -> bool:
        """Returns True at the next ring, False if none came for `timeout_s` seconds."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            if timeout_s is None:  # happens for every token and reader, and is cheaper than `asyncio.wait`
                await waiter
            else:
                await asyncio.wait([waiter], timeout=timeout_s)
            return waiter.done()
        finally:
            self._waiters.discard(waiter)
            waiter.cancel()
