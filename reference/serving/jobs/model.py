"""What a job is and the states it goes through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """queued -> running -> succeeded | dead | cancelled; running -> queued when a try failed or its worker was lost."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    DEAD = "dead"  # failed for good; it lies in the dead-letter queue with its reason
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in {State.SUCCEEDED, State.DEAD, State.CANCELLED}


class Lane(StrEnum):
    """Priority. Each lane has a queue and slots of its own, so a full one cannot starve another."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"  # batches: waits while live traffic keeps the engine busy


class JobError(Exception):
    """A request about jobs that cannot be met.

    Args:
        code: stable word, e.g. `queue_full`.
        message: what is wrong and how to mend it.
        retry_after_s: when it may work again.
    """

    def __init__(self, code: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.retry_after_s = code, message, retry_after_s


class PermanentFailure(Exception):
    """Trying the job again cannot help: it goes to the dead letters at once."""


@dataclass(frozen=True)
class NewJob:
    """What a client hands over.

    Attributes:
        kind: names the handler, e.g. `chat`.
        payload: the handler's input, bytes (JSON).
        max_attempts: tries in all, lost workers included.
        idempotency_key: the same key and payload of a tenant give the same job.
        webhook: https URL that is told of the end.
        group: id of a batch that counts its jobs.
        usage: JSON of what its use counts under (`key_id`, `feature`); see `usage`.
    """

    tenant: str
    kind: str
    payload: bytes
    lane: Lane = Lane.NORMAL
    max_attempts: int = 4
    idempotency_key: str = ""
    webhook: str = ""
    group: str = ""
    usage: str = ""


@dataclass(frozen=True)
class Job:
    """A stored job. Times in Unix seconds; `result` and `error` are set at the end."""

    id: str
    tenant: str
    kind: str
    payload: bytes
    lane: Lane
    state: State
    attempts: int
    max_attempts: int
    created: float
    started: float
    finished: float
    result: bytes
    error: str
    webhook: str
    group: str
    effects: int
    usage: str = ""

    @classmethod
    def from_mapping(cls, job_id: str, stored: Mapping[bytes, bytes]) -> Job:
        """From the hash in Redis."""

        def text(name: str) -> str:
            return stored.get(name.encode(), b"").decode()

        def number(name: str) -> float:
            return float(text(name) or 0)

        return cls(
            id=job_id,
            tenant=text("tenant"),
            kind=text("kind"),
            payload=stored.get(b"payload", b""),
            lane=Lane(text("lane")),
            state=State(text("state")),
            attempts=int(number("attempts")),
            max_attempts=int(number("max_attempts")),
            created=number("created"),
            started=number("started"),
            finished=number("finished"),
            result=stored.get(b"result", b""),
            error=text("error"),
            webhook=text("webhook"),
            group=text("group"),
            effects=int(number("effects")),
            usage=text("usage"),
        )

    def status(self) -> dict[str, Any]:
        """What a client sees of it: no payload, no result."""
        return {
            "id": self.id,
            "object": "job",
            "status": str(self.state),
            "priority": str(self.lane),
            "attempts": self.attempts,
            "created_at": self.created,
            "started_at": self.started or None,
            "finished_at": self.finished or None,
            "error": self.error or None,
        }
