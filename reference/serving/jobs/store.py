"""Jobs in Redis. Every change of state is one Lua script, so no crash can leave a job between two states."""

from __future__ import annotations

import hashlib
import random
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from reference.serving.jobs import scripts, usage
from reference.serving.jobs.model import Job, JobError, Lane, NewJob, State
from reference.serving.jobs.settings import JobSettings

if TYPE_CHECKING:
    import redis.asyncio

_KEY_CHARS = 255


class JobStore:
    """The truth about jobs.

    Args:
        client: asyncio client, `decode_responses=False`.
        clock: Unix seconds. Workers and service compare such times: their clocks must agree to well under `lease_s`.
    """

    def __init__(
        self, client: redis.asyncio.Redis, settings: JobSettings, clock: Callable[[], float] = time.time
    ) -> None:
        self.client, self.settings, self.clock = client, settings, clock
        self._prefix = settings.prefix

    def key(self, *parts: str) -> str:
        """Name of a key."""
        return ":".join((self._prefix, *parts))

    def _job(self, job_id: str) -> str:
        return self.key("job", job_id)

    async def submit(self, new: NewJob) -> tuple[Job, bool]:
        """Stores a job that waits. Returns it and whether it is new (False: the same idempotency key came before).

        Raises:
            JobError: `payload_too_large`, `idempotency_key_reused`, `queue_full`, `too_many_jobs`, `invalid_value`.
        """
        limits = self.settings
        if len(new.payload) > limits.max_payload_bytes:
            raise JobError(
                "payload_too_large",
                f"the payload has {len(new.payload)} bytes; at most {limits.max_payload_bytes} are taken",
            )
        if len(new.idempotency_key) > _KEY_CHARS:
            raise JobError("invalid_value", f"Idempotency-Key: at most {_KEY_CHARS} characters")
        job_id, now = f"job-{uuid.uuid4().hex}", self.clock()
        digest = hashlib.sha256(b"\0".join([new.kind.encode(), new.lane.encode(), new.webhook.encode(), new.payload]))
        # The client's key is hashed: it may hold anything, also what would make another key of it.
        idem = hashlib.sha256(new.idempotency_key.encode()).hexdigest()
        fields: list[Any] = []
        for name, value in (
            ("tenant", new.tenant), ("kind", new.kind), ("payload", new.payload), ("lane", str(new.lane)),
            ("state", str(State.QUEUED)), ("attempts", 0), ("max_attempts", new.max_attempts), ("created", now),
            ("webhook", new.webhook), ("group", new.group), ("effects", 0), ("error", ""), ("result", ""),
            ("usage", new.usage),
        ):  # fmt: skip
            fields += [name, value]
        name, found = await scripts.run(
            self.client,
            "submit",
            [
                self._job(job_id),
                self.key("waiting", new.lane),
                self.key("open", new.tenant),
                self.key("idem", new.tenant, idem) if new.idempotency_key else self._job(job_id),
            ],
            [
                *(job_id, digest.hexdigest(), limits.max_waiting, limits.max_open_per_tenant),
                *(max(1, int(limits.result_ttl_s)), now, *fields),
            ],
        )
        self._refuse(name.decode(), new.lane)
        job = await self.get(found.decode())
        if job is None:  # the key outlived its job by a moment
            raise JobError("job_expired", "the job of this Idempotency-Key has expired; send another key")
        return job, name == b"new"

    def _refuse(self, outcome: str, lane: Lane) -> None:
        if outcome == "conflict":
            raise JobError(
                "idempotency_key_reused", "this Idempotency-Key came with another body before; send a new key"
            )
        if outcome == "queue_full":
            raise JobError("queue_full", f"the {lane} queue is full; retry later, or use a lower priority", 5.0)
        if outcome == "tenant_full":
            raise JobError(
                "too_many_jobs",
                f"at most {self.settings.max_open_per_tenant} unfinished jobs; wait for some to end",
                5.0,
            )

    async def get(self, job_id: str, tenant: str | None = None) -> Job | None:
        """The job; None if there is none, it has expired, or it is not `tenant`'s."""
        stored = cast("dict[bytes, bytes]", await cast("Any", self.client.hgetall(self._job(job_id))))
        if not stored or b"state" not in stored:
            return None
        job = Job.from_mapping(job_id, stored)
        return job if tenant is None or job.tenant == tenant else None

    async def claim(self, job_id: str, lane: Lane, worker: str) -> tuple[Job, int] | None:
        """The job and the fence of this try; None if it does not wait (done, running, cancelled, not due, gone)."""
        fence = await scripts.run(
            self.client,
            "claim",
            [self._job(job_id), self.key("waiting", lane), self.key("running")],
            [job_id, self.clock(), self.settings.lease_s, worker],
        )
        if fence is None:
            return None
        job = await self.get(job_id)
        return None if job is None else (job, int(fence))

    async def renew(self, job_id: str, fence: int) -> str:
        """A sign of life. Returns `held`, `lost` (stop: another has it) or `cancelled` (stop, then finish so)."""
        until = self.clock() + self.settings.lease_s
        answer = await scripts.run(
            self.client, "renew", [self._job(job_id), self.key("running")], [job_id, fence, until]
        )
        return ("lost", "held", "cancelled")[int(answer)]

    async def finish(self, job: Job, fence: int | None, state: State, *, result: bytes = b"", error: str = "") -> bool:
        """The end of the job. False if it was not this try's to end: its result is thrown away, nothing happens twice.

        Args:
            fence: of the try; None for a job that waits (cancelled, or given up).

        What a succeeded job used is counted in the same step: exactly once, and only if this end took effect.
        """
        used_keys, used = usage.counted(job, state, result, self.settings, self.clock())
        keep = self.settings.dead_ttl_s if state is State.DEAD else self.settings.result_ttl_s
        done = await scripts.run(
            self.client,
            "finish",
            [
                self._job(job.id),
                self.key("waiting", job.lane),
                self.key("running"),
                self.key("open", job.tenant),
                self.key("webhooks"),
                self.key("dead"),
                self.key("group", job.group) if job.group else self._job(job.id),
                *used_keys,
            ],
            [
                *(job.id, "" if fence is None else fence, str(state), result, error[:500], self.clock()),
                *(max(1, int(keep)), *used),
            ],
        )
        return bool(done)

    async def fail(self, job: Job, fence: int, error: str, *, permanent: bool = False) -> State | None:
        """A try that failed: another one later, or the dead letters. None if the try no longer held the job."""
        if permanent or job.attempts >= job.max_attempts:
            tries = "1 try" if job.attempts == 1 else f"{job.attempts} tries"
            ended = await self.finish(job, fence, State.DEAD, error=f"{error} ({tries})")
            return State.DEAD if ended else None
        pause = min(self.settings.retry_most_s, self.settings.retry_s * 2 ** (job.attempts - 1))
        due = self.clock() + pause * random.uniform(0.5, 1.5)
        moved = await scripts.run(
            self.client,
            "retry",
            [self._job(job.id), self.key("waiting", job.lane), self.key("running")],
            [job.id, fence, due, error[:500]],
        )
        return State.QUEUED if moved else None

    async def cancel(self, job_id: str, tenant: str) -> Job | None:
        """Ends a waiting job at once; asks the worker of a running one to stop. A finished one stays as it is."""
        job = await self.get(job_id, tenant)
        if job is None or job.state.final:
            return job
        # The mark first: if a worker claims the job between the two steps, its next sign of life finds it.
        await cast("Any", self.client.hset(self._job(job_id), "cancel", "1"))
        await self.finish(job, None, State.CANCELLED, error="cancelled by the client")
        return await self.get(job_id, tenant)

    async def depths(self) -> dict[Lane, int]:
        """Jobs that wait, by lane."""
        pipe = self.client.pipeline(transaction=False)
        for lane in Lane:
            pipe.zcard(self.key("waiting", lane))
        return dict(zip(Lane, await pipe.execute(), strict=True))

    async def running(self) -> int:
        """Jobs that some worker holds."""
        return int(await cast("Any", self.client.zcard(self.key("running"))))

    async def unfinished(self) -> int:
        """Jobs that wait or run, at one moment: asked one after the other, a job that goes back to its queue in between
        would be in neither."""
        pipe = self.client.pipeline(transaction=True)
        for name in (*(self.key("waiting", lane) for lane in Lane), self.key("running")):
            pipe.zcard(name)
        return sum(await pipe.execute())

    async def dead_letters(self, tenant: str | None = None, most: int = 100) -> list[Job]:
        """Jobs that failed for good, latest first, with the reason in `error`."""
        found = await cast("Any", self.client.zrevrange(self.key("dead"), 0, -1))
        letters = []
        for raw in found:
            job = await self.get(raw.decode(), tenant)
            if job is not None and job.state is State.DEAD:
                letters.append(job)
            if len(letters) >= most:
                break
        return letters
