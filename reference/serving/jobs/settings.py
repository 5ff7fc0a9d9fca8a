"""Everything that can be set about jobs, with one environment variable each: `JOBS_` and the field's name."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, model_validator

from reference.serving.env_settings import settings_from_env
from reference.serving.jobs.model import Lane

ENV_PREFIX = "JOBS_"


class JobSettingsError(ValueError):
    """A setting is wrong; the message names the field, its environment variable and what is allowed."""


class JobSettings(BaseModel):
    """Times in seconds, sizes in bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    redis_url: str = Field("", description="empty: REDIS_URL or the private server")
    prefix: str = Field(
        "wb:{jobs}", min_length=1, description="of every key; the braces keep a cluster's scripts whole"
    )
    lease_s: float = Field(10.0, gt=0, description="how long a job stays a worker's without a sign of life")
    reconcile_s: float = Field(1.0, gt=0, description="how often lost jobs and due retries are looked for")
    redeliver_s: float = Field(
        15.0, gt=0, description="a queue message that nobody acknowledged goes to another worker"
    )
    resend_s: float = Field(5.0, gt=0, description="age of a waiting job that an empty queue no longer knows of")
    retry_s: float = Field(0.5, ge=0, description="pause before the second try; doubled each time, with jitter")
    retry_most_s: float = Field(60.0, gt=0)
    result_ttl_s: float = Field(86_400.0, gt=0, description="how long results and idempotency keys are kept")
    dead_ttl_s: float = Field(7 * 86_400.0, gt=0)
    job_timeout_s: float = Field(120.0, gt=0, description="longest run of one try")
    max_payload_bytes: int = Field(262_144, ge=1)
    max_result_bytes: int = Field(4_194_304, ge=1)
    max_waiting: int = Field(50_000, ge=1, description="jobs waiting in a lane at which new ones are refused")
    max_open_per_tenant: int = Field(50_000, ge=1, description="unfinished jobs of one tenant")
    slots_high: int = Field(8, ge=0, description="jobs that one worker runs at once, by lane")
    slots_normal: int = Field(4, ge=0)
    slots_low: int = Field(2, ge=0)
    engine_url: str = Field("http://127.0.0.1:8000/v1", pattern=r"^https?://[^/]+.*/v1/?$")
    engine_api_key: str = ""
    model: str = Field("", description="for payloads that name none; empty: the first that the engine lists")
    yield_running: int = Field(6, ge=0, description="requests in the engine at which the low lane waits")
    yield_most_s: float = Field(30.0, ge=0, description="longest such wait for one job, so that batches end")
    usage_prefix: str = Field(
        "", pattern=r"^[A-Za-z0-9:_-]{0,32}$", description="the gateway's key_prefix: count tokens there; empty: do not"
    )
    usage_keep_days: int = Field(62, ge=1, le=3660)
    usage_features: int = Field(50, ge=1, le=10_000, description="features of a tenant in an hour; more count as other")
    webhook_secret: str = Field("", description="signs webhooks; empty: made once and kept in Redis")
    webhook_timeout_s: float = Field(10.0, gt=0)
    webhook_retry_s: float = Field(1.0, gt=0)
    webhook_retry_most_s: float = Field(300.0, gt=0)
    webhook_give_up_s: float = Field(86_400.0, gt=0)
    webhook_allow: str = Field(
        "", description="host:port pairs, comma-separated, exempt from the address rules (tests)"
    )

    @model_validator(mode="after")
    def _consistent(self) -> JobSettings:
        if self.redeliver_s <= self.lease_s / 2:
            raise ValueError("redeliver_s must be more than half of lease_s: messages would circle while jobs run")
        return self

    def slots(self, lane: Lane) -> int:
        """Jobs of this lane that one worker runs at once."""
        return {Lane.HIGH: self.slots_high, Lane.NORMAL: self.slots_normal, Lane.LOW: self.slots_low}[lane]

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **overrides: object) -> JobSettings:
        """Settings from `JOBS_*` variables; `overrides` (not None) win. Raises JobSettingsError, naming the field."""
        environ = os.environ if environ is None else environ
        return settings_from_env(cls, ENV_PREFIX, environ, overrides, JobSettingsError)
