"""The extension that adds the modes to a gateway."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

from fastapi import FastAPI
from redis.exceptions import RedisError

from reference.serving.ending import end_tasks
from reference.serving.gateway.errors import unavailable
from reference.serving.jobs.model import Job, JobError, NewJob
from reference.serving.jobs.queue import Sender
from reference.serving.jobs.reconcile import Reconciler
from reference.serving.jobs.settings import JobSettings
from reference.serving.jobs.store import JobStore
from reference.serving.modes import batch_routes, jobs, streams
from reference.serving.modes.batches import Batches
from reference.serving.modes.files import Files


@dataclass(frozen=True)
class ModesSettings:
    """Seconds; sizes in bytes.

    Attributes:
        heartbeat_s: pause after which an idle stream gets a comment line, so that proxies keep it open.
        retry_s: how long a browser waits before it comes back. stream_ttl_s: how long an answer can be gone on with.
        orphan_s: how long an answer is written that nobody reads.
    """

    prefix: str = "wb:{modes}"
    heartbeat_s: float = 15.0
    retry_s: float = 1.0
    stream_ttl_s: float = 600.0
    orphan_s: float = 60.0
    max_file_bytes: int = 16 << 20
    max_batch_lines: int = 50_000
    file_ttl_s: float = 7 * 86_400.0
    batch_keep_s: float = 0.5


@dataclass
class Modes:
    """Jobs, batches and resumable streams. Workers are processes of their own: `python -m reference.serving.jobs`."""

    job_settings: JobSettings = field(default_factory=JobSettings.from_env)
    settings: ModesSettings = field(default_factory=ModesSettings)
    jobs: JobStore = field(init=False, repr=False)
    streams: streams.Streams = field(init=False, repr=False)
    files: Files = field(init=False, repr=False)
    batches: Batches = field(init=False, repr=False)

    def attach(self, app: FastAPI) -> None:
        """Adds the routes."""
        app.state.modes = self
        for path, method, call in (
            ("/v1/streams", "POST", streams.post),
            ("/v1/streams/{stream_id}", "GET", streams.get),
            ("/v1/jobs", "POST", jobs.post),
            ("/v1/jobs/dead", "GET", jobs.dead),
            ("/v1/jobs/{job_id}", "GET", jobs.get),
            ("/v1/jobs/{job_id}/result", "GET", jobs.result),
            ("/v1/jobs/{job_id}/cancel", "POST", jobs.cancel),
            ("/v1/jobs/{job_id}/retry", "POST", jobs.retry),
            ("/v1/files", "POST", batch_routes.post_file),
            ("/v1/files/{file_id}", "GET", batch_routes.get_file),
            ("/v1/files/{file_id}", "DELETE", batch_routes.delete_file),
            ("/v1/files/{file_id}/content", "GET", batch_routes.get_content),
            ("/v1/batches", "POST", batch_routes.post_batch),
            ("/v1/batches", "GET", batch_routes.list_batches),
            ("/v1/batches/{batch_id}", "GET", batch_routes.get_batch),
            ("/v1/batches/{batch_id}/cancel", "POST", batch_routes.cancel_batch),
        ):
            app.add_route(path, call, methods=[method])

    async def start(self, app: FastAPI) -> None:
        """Connects to the gateway's Redis."""
        from reference.serving.redis_store import connect_async

        url = self.job_settings.redis_url or app.state.services.settings.redis_url
        self.job_settings = self.job_settings.model_copy(update={"redis_url": url})
        self._client = connect_async(url or None, timeout_s=5.0)
        self.jobs = JobStore(self._client, self.job_settings)
        self.streams = streams.Streams(self._client, self.settings)
        self.files = Files(self._client, self.settings)
        self._sender = Sender(self.job_settings)
        await self._sender.start()
        self.batches = Batches(self._client, self.settings, self.jobs, self.files, self.hand_over)
        self._tasks = [
            asyncio.create_task(Reconciler(self.jobs, self._sender).run()),
            asyncio.create_task(self.batches.keep()),
        ]

    async def stop(self) -> None:
        """Ends what this process does by itself; jobs and batches are in Redis."""
        await self.streams.stop()
        await end_tasks(*self._tasks)
        await self._sender.close()
        await self._client.aclose()

    async def hand_over(self, new: NewJob) -> tuple[Job, bool]:
        """Stores a job and tells the workers. Raises GatewayError."""
        try:
            job, fresh = await self.jobs.submit(new)
        except JobError as error:
            raise jobs.as_gateway_error(error) from None
        except (RedisError, OSError, TimeoutError):
            raise unavailable("jobs_unavailable", "The job store is gone. Nothing was taken; retry.") from None
        if fresh:
            with contextlib.suppress(RedisError, OSError, TimeoutError):  # it is stored: the reconciler sends it
                await self._sender.send(job.lane, job.id)
        return job, fresh
