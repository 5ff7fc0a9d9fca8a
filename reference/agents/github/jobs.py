"""Reviews in the background: a bounded queue in which a newer push of a pull request replaces the older one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One pull request at one head. `delivery` and `body` name the delivery that asked for it."""

    repository: str
    number: int
    head: str
    delivery: str
    body: bytes

    @property
    def key(self) -> tuple[str, int]:
        return self.repository, self.number


@dataclass
class Counts:
    done: int = 0
    failed: int = 0
    replaced: int = 0


class Jobs:
    """At most `waiting` jobs wait and `workers` run, one per pull request.

    Args:
        work: does one job; an exception of it is logged and counted, and `failed` is called with the job.
    """

    def __init__(
        self,
        work: Callable[[Job], Awaitable[None]],
        *,
        waiting: int = 64,
        workers: int = 1,
        failed: Callable[[Job], None] | None = None,
    ) -> None:
        self._work, self._most, self._failed = work, waiting, failed
        self._waiting: dict[tuple[str, int], Job] = {}
        self._running: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._workers = workers
        self._tasks: list[asyncio.Task[None]] = []
        self.counts = Counts()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def running(self) -> int:
        return len(self._running)

    def submit(self, job: Job) -> bool:
        """False if the queue is full. An older job of the same pull request is replaced, or stopped if it runs."""
        if job.key in self._waiting:
            self.counts.replaced += 1
        elif len(self._waiting) >= self._most:
            return False
        if (older := self._running.get(job.key)) is not None:
            self.counts.replaced += 1
            older.cancel()
        self._waiting[job.key] = job
        self._wake.set()
        return True

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._worker()) for _ in range(self._workers)]

    async def stop(self) -> None:
        """Stops what runs; what waits is lost, and GitHub's list of deliveries shows it."""
        for task in (*self._tasks, *self._running.values()):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _worker(self) -> None:
        while True:
            job = next((one for key, one in self._waiting.items() if key not in self._running), None)
            if job is None:
                self._wake.clear()
                await self._wake.wait()
                continue
            del self._waiting[job.key]
            task = asyncio.ensure_future(self._work(job))
            self._running[job.key] = task
            try:
                # wait, not await: a cancelled job must not end the worker
                await asyncio.wait([task])
            finally:
                if not task.done():
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
                del self._running[job.key]
                self._wake.set()
            self._settle(job, task)

    def _settle(self, job: Job, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            log.info("%s#%d at %s: a newer push replaced it", job.repository, job.number, job.head[:12])
        elif problem := task.exception():
            self.counts.failed += 1
            log.error("%s#%d at %s: %s: %s", job.repository, job.number, job.head[:12], type(problem).__name__, problem)
            if self._failed:
                self._failed(job)
        else:
            self.counts.done += 1
