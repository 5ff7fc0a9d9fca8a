"""Batches as OpenAI's: a file of requests becomes jobs of the low lane, and their answers become a file.

A batch is brought forward in small steps by whoever looks next (every service process looks), each step repeatable: a
process that dies in the middle leaves a batch that the next look goes on with. The job of a line has the line's number
as its idempotency key, so a step done twice makes no second job.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from reference.serving.gateway.errors import GatewayError
from reference.serving.jobs.model import Job, Lane, NewJob, State
from reference.serving.jobs.store import JobStore
from reference.serving.modes.files import File, Files

if TYPE_CHECKING:
    import redis.asyncio

    from reference.serving.modes.extension import ModesSettings

log = logging.getLogger(__name__)
_LEASE_S = 30
_AT_ONCE = 200
_OPEN = frozenset({"in_progress", "cancelling", "finalizing"})


class Batches:
    """Batches of all tenants.

    Args:
        hand_over: stores a job and tells the workers.
    """

    def __init__(
        self, client: redis.asyncio.Redis, settings: ModesSettings, jobs: JobStore, files: Files,
        hand_over: Callable[[NewJob], Awaitable[tuple[Job, bool]]],
    ) -> None:  # fmt: skip
        self._client, self._settings, self._jobs, self._files = client, settings, jobs, files
        self._hand_over = hand_over

    def _key(self, batch_id: str) -> str:
        return f"{self._settings.prefix}:batch:{batch_id}"

    @property
    def _open(self) -> str:
        return f"{self._settings.prefix}:batches-open"

    def _of(self, tenant: str) -> str:
        return f"{self._settings.prefix}:batches-of:{tenant}"

    async def create(self, tenant: str, source: File, lines: list[dict[str, Any]], metadata: dict[str, str]) -> str:
        """A batch of checked lines (`custom_id` and the engine's request in `body`). Returns its id."""
        batch_id, now = f"batch_{uuid.uuid4().hex}", int(time.time())
        ttl = int(self._settings.file_ttl_s)
        meta = {
            "tenant": tenant, "input_file_id": source.id, "status": "in_progress", "created_at": now, "next": 0,
            "total": len(lines), "metadata": json.dumps(metadata), "in_progress_at": now,
        }  # fmt: skip
        pipe = self._client.pipeline(transaction=True)
        pipe.hset(self._key(batch_id), mapping=cast("Any", meta))
        pipe.expire(self._key(batch_id), ttl)
        pipe.rpush(f"{self._key(batch_id)}:lines", *(json.dumps(line) for line in lines))
        pipe.expire(f"{self._key(batch_id)}:lines", ttl)
        group = self._jobs.key("group", batch_id)
        pipe.hset(group, "open", len(lines))
        pipe.expire(group, ttl)
        pipe.sadd(self._open, batch_id)
        pipe.zadd(self._of(tenant), {batch_id: now})
        await pipe.execute()
        return batch_id

    async def keep(self) -> None:
        """Brings batches forward until it is cancelled."""
        from redis.exceptions import RedisError

        while True:
            try:
                for raw in await cast("Any", self._client.smembers(self._open)):
                    await self._forward(raw.decode())
            except (RedisError, OSError, TimeoutError):
                pass
            except Exception:
                log.exception("a batch could not be brought forward")
            await asyncio.sleep(self._settings.batch_keep_s)

    async def _forward(self, batch_id: str) -> None:
        key = self._key(batch_id)
        if not await self._client.set(f"{key}:lease", "1", nx=True, ex=_LEASE_S):
            return
        try:
            meta = await self._meta(batch_id)
            if not meta or meta["status"] not in _OPEN:
                await cast("Any", self._client.srem(self._open, batch_id))
            elif meta["status"] == "in_progress" and int(meta["next"]) < int(meta["total"]):
                await self._expand(batch_id, meta)
            elif meta["status"] == "cancelling":
                await self._cancel_jobs(batch_id, meta)
            if meta and int((await self._counts(batch_id)).get("open", 0)) <= 0 and meta["status"] in _OPEN:
                await self._finalise(batch_id, meta)
        finally:
            await self._client.delete(f"{key}:lease")

    async def _expand(self, batch_id: str, meta: dict[str, str]) -> None:
        start = int(meta["next"])
        lines = await cast("Any", self._client.lrange(f"{self._key(batch_id)}:lines", start, start + _AT_ONCE - 1))
        for number, raw in enumerate(lines, start):
            line = json.loads(raw)
            payload = json.dumps(line["body"], ensure_ascii=False).encode()
            new = NewJob(
                *(meta["tenant"], "chat", payload, Lane.LOW),
                idempotency_key=f"{batch_id}:{number}",
                group=batch_id,
                usage=line.get("usage", ""),  # a batch of before has none
            )
            try:
                job, _ = await self._hand_over(new)
            except GatewayError:  # the queue is full: the rest at the next look
                return
            pipe = self._client.pipeline(transaction=True)
            pipe.hset(f"{self._key(batch_id)}:jobs", str(number), job.id)
            pipe.expire(f"{self._key(batch_id)}:jobs", int(self._settings.file_ttl_s))
            pipe.hset(self._key(batch_id), "next", number + 1)
            await pipe.execute()

    async def _cancel_jobs(self, batch_id: str, meta: dict[str, str]) -> None:
        for job_id in (await self._job_ids(batch_id)).values():
            await self._jobs.cancel(job_id, meta["tenant"])
        # Lines that never became jobs count as cancelled too.
        missing = int(meta["total"]) - int(meta["next"])
        if missing > 0:
            pipe = self._client.pipeline(transaction=True)
            pipe.hset(self._key(batch_id), "next", meta["total"])
            pipe.hincrby(self._jobs.key("group", batch_id), "open", -missing)
            pipe.hincrby(self._jobs.key("group", batch_id), "cancelled", missing)
            await pipe.execute()

    async def _job_ids(self, batch_id: str) -> dict[int, str]:
        stored = await cast("Any", self._client.hgetall(f"{self._key(batch_id)}:jobs"))
        return {int(number): job_id.decode() for number, job_id in stored.items()}

    async def _finalise(self, batch_id: str, meta: dict[str, str]) -> None:
        ids = await self._job_ids(batch_id)
        lines = await cast("Any", self._client.lrange(f"{self._key(batch_id)}:lines", 0, -1))
        good, bad = [], []
        for number, raw in enumerate(lines):
            job = await self._jobs.get(ids[number]) if number in ids else None
            entry: dict[str, Any] = {"id": f"{batch_id}_{number}", "custom_id": json.loads(raw)["custom_id"]}
            if job is not None and job.state is State.SUCCEEDED:
                answer = {"status_code": 200, "request_id": job.id, "body": json.loads(job.result)}
                good.append({**entry, "response": answer, "error": None})
            else:
                reason = job.error if job is not None else "cancelled before it began"
                code = "batch_cancelled" if meta["status"] == "cancelling" else "request_failed"
                bad.append({**entry, "response": None, "error": {"code": code, "message": reason}})
        update: dict[str, Any] = {"completed": len(good), "failed": len(bad)}
        for name, entries in (("output", good), ("error", bad)):
            if entries:
                content = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries).encode()
                file = await self._files.put(
                    meta["tenant"], f"{batch_id}_{name}.jsonl", "batch_output", content, f"file-{batch_id}-{name}"
                )
                update[f"{name}_file_id"] = file.id
        state = "cancelled" if meta["status"] == "cancelling" else "completed"
        update |= {"status": state, f"{state}_at": int(time.time())}
        pipe = self._client.pipeline(transaction=True)
        pipe.hset(self._key(batch_id), mapping=cast("Any", update))
        pipe.srem(self._open, batch_id)
        await pipe.execute()

    async def _meta(self, batch_id: str) -> dict[str, str]:
        stored = await cast("Any", self._client.hgetall(self._key(batch_id)))
        return {name.decode(): value.decode() for name, value in stored.items()}

    async def _counts(self, batch_id: str) -> dict[str, int]:
        stored = await cast("Any", self._client.hgetall(self._jobs.key("group", batch_id)))
        return {name.decode(): int(value) for name, value in stored.items()}

    async def cancel(self, batch_id: str, tenant: str) -> dict[str, Any] | None:
        """Ends a batch; what is done stays in its output file. None if there is no such batch of the tenant."""
        meta = await self._meta(batch_id)
        if not meta or meta["tenant"] != tenant:
            return None
        if meta["status"] == "in_progress":
            update = {"status": "cancelling", "cancelling_at": int(time.time())}
            await cast("Any", self._client.hset(self._key(batch_id), mapping=cast("Any", update)))
        return await self.get(batch_id, tenant)

    async def get(self, batch_id: str, tenant: str) -> dict[str, Any] | None:
        """As OpenAI's batch object; None if there is no such batch of the tenant."""
        meta = await self._meta(batch_id)
        if not meta or meta["tenant"] != tenant:
            return None
        counts = await self._counts(batch_id)
        finished = meta["status"] in {"completed", "cancelled"}
        done = int(meta["completed"]) if finished else counts.get("succeeded", 0)
        failed = int(meta["failed"]) if finished else counts.get("dead", 0) + counts.get("cancelled", 0)

        def moment(name: str) -> int | None:
            return int(meta[name]) if name in meta else None

        return {
            "id": batch_id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "errors": None,
            "input_file_id": meta["input_file_id"],
            "completion_window": "24h",
            "status": meta["status"],
            "output_file_id": meta.get("output_file_id"),
            "error_file_id": meta.get("error_file_id"),
            "created_at": int(meta["created_at"]),
            "in_progress_at": moment("in_progress_at"),
            "completed_at": moment("completed_at"),
            "cancelling_at": moment("cancelling_at"),
            "cancelled_at": moment("cancelled_at"),
            "request_counts": {"total": int(meta["total"]), "completed": done, "failed": failed},
            "metadata": json.loads(meta["metadata"]) or None,
        }

    async def latest(self, tenant: str, most: int = 20) -> list[dict[str, Any]]:
        """The tenant's batches, latest first."""
        found = []
        for raw in await cast("Any", self._client.zrevrange(self._of(tenant), 0, most - 1)):
            batch = await self.get(raw.decode(), tenant)
            if batch is None:
                await cast("Any", self._client.zrem(self._of(tenant), raw))
            else:
                found.append(batch)
        return found
