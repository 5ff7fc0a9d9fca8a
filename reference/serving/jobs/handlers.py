"""What a worker does with a job: one coroutine per kind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from reference.serving.jobs.model import Job, PermanentFailure
from reference.serving.jobs.settings import JobSettings

if TYPE_CHECKING:
    import openai

Handler = Callable[[Job], Awaitable[bytes]]


class ChatHandler:
    """Kind `chat`: the payload is the body of a chat completion, the result the engine's answer, both as JSON."""

    def __init__(self, settings: JobSettings) -> None:
        self._settings = settings
        self._client: openai.AsyncOpenAI | None = None
        self._model = settings.model

    def _engine(self) -> openai.AsyncOpenAI:
        if self._client is None:
            import httpx
            import openai

            # No retries of its own: a try that fails is the job's, and counted.
            self._client = openai.AsyncOpenAI(
                base_url=self._settings.engine_url,
                api_key=self._settings.engine_api_key or "none",
                max_retries=0,
                timeout=self._settings.job_timeout_s,
                http_client=httpx.AsyncClient(trust_env=False, timeout=self._settings.job_timeout_s),
            )
        return self._client

    async def __call__(self, job: Job) -> bytes:
        """Raises PermanentFailure for a request that the engine refuses; what may pass is raised as it comes."""
        import httpx
        import openai

        body: dict[str, Any] = json.loads(job.payload)
        engine = self._engine()
        if not body.get("model"):
            if not self._model:
                self._model = (await engine.models.list()).data[0].id
            body["model"] = self._model
        body.pop("stream", None)
        body.pop("stream_options", None)
        try:
            # As it came, byte for byte: fields that the client's classes do not know stay in the result.
            answer = await engine.post("/chat/completions", body=body, cast_to=httpx.Response)
        except (openai.BadRequestError, openai.NotFoundError, openai.UnprocessableEntityError) as error:
            raise PermanentFailure(f"the engine refuses the request: {_reason(error)}") from None
        return answer.content

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()


def _reason(error: openai.APIStatusError) -> str:
    body = error.body if isinstance(error.body, dict) else {}
    message = body.get("message") or (body.get("error") or {}).get("message") if body else None
    return str(message or error.message)[:300]


async def _echo(job: Job) -> bytes:
    """Kind `sleep`: waits `seconds` of the payload and returns it; for drills of the queue without an engine.

    Payload: JSON with `seconds`; `die` ends the worker's process as a crash of its code would; `fail` raises.
    """
    order = json.loads(job.payload)
    await asyncio.sleep(float(order.get("seconds", 0)))
    if order.get("die"):
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)
    if order.get("fail"):
        raise RuntimeError(str(order["fail"]))
    if order.get("refuse"):
        raise PermanentFailure(str(order["refuse"]))
    return job.payload


def handlers(settings: JobSettings, *, drills: bool = False) -> Mapping[str, Handler]:
    """By kind. `drills`: also `sleep`, which can end the worker: never where clients choose the kind."""
    known: dict[str, Handler] = {"chat": ChatHandler(settings)}
    if drills:
        known["sleep"] = _echo
    return known
