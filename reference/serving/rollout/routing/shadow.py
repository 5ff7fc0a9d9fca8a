"""Shadow traffic: the candidate answers a copy of some requests, its answers are compared and thrown away.

It must never delay or fail the real answer: copies wait in a bounded queue, and one that finds it full is dropped and
counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from reference.serving.rollout.routing.hashing import bucket
from reference.serving.rollout.types import RolloutError


@dataclass
class ShadowCounts:
    """compared = agreed + differed; failed: the candidate raised; dropped: the queue was full."""

    copied: int = 0
    dropped: int = 0
    failed: int = 0
    agreed: int = 0
    differed: int = 0


class Shadow:
    """`ask(text)`: the candidate; `same(main, shadow)`: whether two answers agree; `share` of the requests, by
    their id.
    """

    def __init__(
        self,
        ask: Callable[[str], Awaitable[str]],
        same: Callable[[str, str], bool],
        share: float = 0.1,
        *,
        queue: int = 100,
        workers: int = 2,
        timeout_s: float = 30.0,
    ) -> None:
        if not 0 <= share <= 1:
            raise RolloutError(f"share: must lie in [0, 1], got {share}")
        self._ask, self._same, self.share, self._timeout = ask, same, share, timeout_s
        self._queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue(queue)
        self._workers, self._tasks = workers, list[asyncio.Task[None]]()
        self.counts = ShadowCounts()

    async def __aenter__(self) -> Shadow:
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._workers)]
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def offer(self, request_id: str, text: str, answer: str) -> bool:
        """Copy a request that was answered; returns at once, True if it was taken."""
        if bucket(request_id, "shadow") >= self.share:
            return False
        try:
            self._queue.put_nowait((text, answer))
        except asyncio.QueueFull:
            self.counts.dropped += 1
            return False
        self.counts.copied += 1
        return True

    async def drain(self) -> None:
        """Wait until every copy taken so far is compared."""
        await self._queue.join()

    async def _work(self) -> None:
        while True:
            text, answer = await self._queue.get()
            try:
                said = await asyncio.wait_for(self._ask(text), self._timeout)
            except Exception:
                self.counts.failed += 1
            else:
                self.counts.agreed += bool(agree := self._same(answer, said))
                self.counts.differed += not agree
            finally:
                self._queue.task_done()
