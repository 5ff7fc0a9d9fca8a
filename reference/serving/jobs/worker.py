"""A worker: takes job ids from the lanes, claims the jobs, runs them, and gives a sign of life while it does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import uuid
from collections.abc import Awaitable, Callable, Mapping

from reference.serving.ending import end_tasks
from reference.serving.jobs.handlers import Handler
from reference.serving.jobs.model import Job, Lane, PermanentFailure, State
from reference.serving.jobs.queue import TASK, Sender, broker
from reference.serving.jobs.reconcile import Reconciler
from reference.serving.jobs.store import JobStore

log = logging.getLogger(__name__)


class Worker:
    """Runs jobs of all lanes at once, each lane in slots of its own.

    Args:
        handlers: by kind of job.
        may_start_low: waited for before each job of the low lane (see `yielding`); None: no wait.
    """

    def __init__(
        self,
        store: JobStore,
        handlers: Mapping[str, Handler],
        may_start_low: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.store, self._handlers, self._may_start_low = store, handlers, may_start_low
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self.counts = dict.fromkeys(("succeeded", "retried", "dead", "cancelled", "lost", "not_claimed"), 0)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set, then lets running jobs end (for at most the lease) and hands the rest back."""
        from taskiq.receiver import Receiver

        settings = self.store.settings
        sender = Sender(settings)
        await sender.start()
        reconciler = asyncio.create_task(Reconciler(self.store, sender).run())
        finished = asyncio.Event()
        listeners, brokers = [], []
        for lane in Lane:
            if not settings.slots(lane):
                continue
            one = broker(settings, lane)
            one.is_worker_process = True
            one.register_task(self._task(lane), task_name=TASK)
            await one.startup()
            brokers.append(one)
            receiver = Receiver(one, max_async_tasks=settings.slots(lane), run_startup=False)
            listeners.append(asyncio.create_task(receiver.listen(finished)))
        try:
            await stop.wait()
        finally:
            finished.set()
            for one in brokers:
                one.ending = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(settings.lease_s):
                    await asyncio.gather(*listeners, return_exceptions=True)
            await end_tasks(reconciler, *listeners)
            for one in brokers:
                await one.shutdown()
                await one.connection_pool.disconnect()
            await sender.close()

    def _task(self, lane: Lane) -> Callable[[str], Awaitable[None]]:
        async def run(job_id: str) -> None:
            if lane is Lane.LOW and self._may_start_low is not None:
                await self._may_start_low()
            await self.work(job_id, lane)

        return run

    async def work(self, job_id: str, lane: Lane) -> None:
        """One message: claims the job, if it is to be had, and brings it to an end or to another try."""
        claimed = await self.store.claim(job_id, lane, self.name)
        if claimed is None:
            self.counts["not_claimed"] += 1
            return
        job, fence = claimed
        task = asyncio.ensure_future(self._handled(job))
        ending = await self._watched(job, fence, task)
        if ending is not None:
            await self._ended(job, fence, *ending)

    async def _handled(self, job: Job) -> bytes:
        handler = self._handlers.get(job.kind)
        if handler is None:
            raise PermanentFailure(f"no handler for jobs of kind {job.kind!r}")
        async with asyncio.timeout(self.store.settings.job_timeout_s):
            return await handler(job)

    async def _watched(
        self, job: Job, fence: int, task: asyncio.Task[bytes]
    ) -> tuple[State | None, bytes, str, bool] | None:
        """Renews the lease until the task ends. None: the job is no longer ours, and nothing may be written."""
        from redis.exceptions import RedisError

        lease, last = self.store.settings.lease_s, self.store.clock()
        while True:
            await asyncio.wait([task], timeout=lease / 3)
            if task.done():
                break
            try:
                word = await self.store.renew(job.id, fence)
                last = self.store.clock()
            except (RedisError, OSError, TimeoutError):
                # Redis is away: the lease may have gone to another, so the work ends with it.
                word = "held" if self.store.clock() - last < lease else "lost"
            if word != "held":
                task.cancel()
                await asyncio.wait([task])
                if word == "cancelled":
                    return State.CANCELLED, b"", "cancelled by the client", True
                self.counts["lost"] += 1
                log.warning("job %s went to another worker", job.id)
                return None
        problem = task.exception()
        if problem is None:
            result = task.result()
            if len(result) > self.store.settings.max_result_bytes:
                return State.DEAD, b"", f"the result has {len(result)} bytes, more than are kept", True
            return State.SUCCEEDED, result, "", False
        if isinstance(problem, PermanentFailure):
            return State.DEAD, b"", str(problem), True
        text = "it took longer than allowed" if isinstance(problem, TimeoutError) else f"{type(problem).__name__}"
        detail = str(problem)[:200]
        return None, b"", f"{text}: {detail}" if detail else text, False

    async def _ended(self, job: Job, fence: int, state: State | None, result: bytes, error: str, final: bool) -> None:
        if state in {State.SUCCEEDED, State.CANCELLED}:
            assert state is not None
            done = await self.store.finish(job, fence, state, result=result, error=error)
            self.counts[str(state) if done else "lost"] += 1
            return
        after = await self.store.fail(job, fence, error, permanent=final)
        self.counts["lost" if after is None else "dead" if after is State.DEAD else "retried"] += 1
