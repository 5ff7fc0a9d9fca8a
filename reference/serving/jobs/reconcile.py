"""Finds what the queue does not know: jobs whose worker is gone, retries that are due, messages that were lost.

Every worker and every service process may run it: each step is one script, so two at once do no harm.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any, cast

from reference.serving.jobs import scripts
from reference.serving.jobs.model import Lane
from reference.serving.jobs.queue import Sender, stream_name
from reference.serving.jobs.store import JobStore

log = logging.getLogger(__name__)
_BATCH = 500


class Reconciler:
    """Args: store, and the sender of the same process. `counts`: lost_workers, resent."""

    def __init__(self, store: JobStore, sender: Sender) -> None:
        self._store, self._sender = store, sender
        self.counts = {"lost_workers": 0, "resent": 0}

    async def run(self) -> None:
        """Looks every `reconcile_s` until it is cancelled; an outage of Redis is waited out."""
        from redis.exceptions import RedisError

        while True:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await self.once()
            await asyncio.sleep(self._store.settings.reconcile_s)

    async def once(self) -> None:
        """One look."""
        await self._expired()
        for lane in Lane:
            await self._waiting(lane)

    async def _expired(self) -> None:
        store = self._store
        late = await cast(
            "Any", store.client.zrangebyscore(store.key("running"), "-inf", store.clock(), start=0, num=_BATCH)
        )
        for raw in late:
            job = await store.get(raw.decode())
            if job is None:
                await cast("Any", store.client.zrem(store.key("running"), raw))
                continue
            fence = await cast("Any", store.client.hget(store.key("job", job.id), "fence"))
            # A fence of its own first: should the worker live after all, its result no longer counts.
            moved = await scripts.run(
                store.client,
                "expire",
                [store.key("job", job.id), store.key("running")],
                [job.id, int(fence or 0), store.clock(), store.clock() + store.settings.lease_s],
            )
            if not moved:
                continue
            self.counts["lost_workers"] += 1
            log.warning("job %s: its worker gave no sign of life for %g s", job.id, store.settings.lease_s)
            await store.fail(job, int(moved), "the worker that ran it was lost")

    async def _waiting(self, lane: Lane) -> None:
        store = self._store
        now = store.clock()
        due = await cast(
            "Any", store.client.zrangebyscore(store.key("waiting", lane), "-inf", now, start=0, num=_BATCH)
        )
        if not due:
            return
        queue_is_empty = await cast("Any", store.client.xlen(stream_name(store.settings, lane))) == 0
        for raw in due:
            name = store.key("job", raw.decode())
            # A retry that is due was never sent; whoever removes the mark sends it.
            marked = await cast("Any", store.client.hdel(name, "resend"))
            age = now - float(await cast("Any", store.client.zscore(store.key("waiting", lane), raw)) or now)
            if marked or (queue_is_empty and age > store.settings.resend_s):
                await self._sender.send(lane, raw.decode())
                self.counts["resent"] += 1
