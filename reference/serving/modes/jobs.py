"""Jobs: POST /v1/jobs answers 202 with an id; the result is fetched, or a webhook tells when it is there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from reference.serving.gateway.body import read_body
from reference.serving.gateway.errors import GatewayError, bad_request
from reference.serving.jobs.model import Job, JobError, Lane, NewJob, State
from reference.serving.jobs.usage import label
from reference.serving.jobs.webhooks.address import BadAddress, check_url, exempted, resolve
from reference.serving.modes.requests import call_of, json_object

if TYPE_CHECKING:
    from reference.serving.gateway.calls import Call
    from reference.serving.modes.extension import Modes

_STATUS = {"payload_too_large": 413, "idempotency_key_reused": 409, "job_expired": 409}
_FULL = frozenset({"queue_full", "too_many_jobs"})
_POLL_S = 1.0


class JobRequest(BaseModel):
    """Body of POST /v1/jobs: a chat request and what is special about a job."""

    model_config = ConfigDict(extra="forbid")

    request: dict[str, Any]
    priority: Lane = Lane.NORMAL
    webhook_url: str = Field("", max_length=2000)
    max_attempts: int = Field(4, ge=1, le=20)


def parse_job(raw: bytes) -> JobRequest:
    """The body. Raises GatewayError 400, naming the field."""
    body = json_object(raw)
    try:
        return JobRequest.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        param = ".".join(str(part) for part in first["loc"])
        raise bad_request("invalid_value", f"'{param[:100]}': {first['msg']}.", param[:100]) from None


def as_gateway_error(error: JobError) -> GatewayError:
    """The HTTP error for a refused job."""
    status = 429 if error.code in _FULL else _STATUS.get(error.code, 400)
    message = error.message[0].upper() + error.message[1:] + "."
    return GatewayError(status, error.code, message, retry_after_s=error.retry_after_s)


async def payload_of(request: Request, call: Call) -> bytes:
    """The engine's request for a call, after the input guards. Raises GatewayError if they refuse it."""
    messages = await request.app.state.pipeline.prompts.cleaned(call)
    body, _, _ = request.app.state.pipeline.prompts.engine_body(call, messages)
    body.pop("stream", None)
    body.pop("stream_options", None)
    return json.dumps(body, ensure_ascii=False).encode()


async def post(request: Request) -> Response:
    """Takes a job."""
    modes: Modes = request.app.state.modes
    services = request.app.state.services
    key = await services.auth.check(request.headers.get("authorization"))
    request.state.info.fields.update(tenant=key.tenant, key_id=key.key_id)
    wanted = parse_job(await read_body(request, services.settings))
    allow = exempted(modes.jobs.settings.webhook_allow)
    if wanted.webhook_url:
        try:
            check_url(wanted.webhook_url, allow)
            # Looked up now as well, so that a client hears at once of an address that can never work.
            await resolve(wanted.webhook_url, allow)
        except BadAddress as error:
            raise bad_request("invalid_webhook_url", f"{error}.", "webhook_url") from None
    call = call_of(request, key, {**wanted.request, "stream": False})
    services.monitor.require_model(call.request.model)
    await request.app.state.pipeline.quota.charge_request(call)
    new = NewJob(
        tenant=key.tenant,
        kind="chat",
        payload=await payload_of(request, call),
        lane=wanted.priority,
        max_attempts=wanted.max_attempts,
        idempotency_key=request.headers.get("idempotency-key", ""),
        webhook=wanted.webhook_url,
        usage=label(key.key_id, call.feature),
    )
    job, fresh = await modes.hand_over(new)
    headers = {"location": f"/v1/jobs/{job.id}", **call.headers}
    if not fresh:
        headers["idempotent-replayed"] = "true"
    return respond(job.status(), 202, headers)


async def _owned(request: Request) -> Job:
    """The job of the path. A job of another tenant looks as if it did not exist."""
    modes: Modes = request.app.state.modes
    key = await request.app.state.services.auth.check(request.headers.get("authorization"))
    job = await modes.jobs.get(request.path_params["job_id"], key.tenant)
    if job is None:
        raise GatewayError(404, "job_not_found", "There is no such job, or its result has expired.")
    return job


async def get(request: Request) -> Response:
    """State of a job."""
    job = await _owned(request)
    headers = {} if job.state.final else {"retry-after": str(int(_POLL_S))}
    return respond(job.status(), 200, headers)


async def result(request: Request) -> Response:
    """The answer of a job that succeeded, as the engine gave it."""
    job = await _owned(request)
    if not job.state.final:
        raise GatewayError(409, "job_not_finished", f"The job is {job.state}. Ask again.", retry_after_s=_POLL_S)
    if job.state is not State.SUCCEEDED:
        code = "job_failed" if job.state is State.DEAD else "job_cancelled"
        raise GatewayError(409, code, f"The job has no result: {job.error}.")
    return Response(job.result, media_type="application/json")


async def cancel(request: Request) -> Response:
    """Cancels a job. One that runs stops at its next sign of life; one that has ended stays as it is."""
    modes: Modes = request.app.state.modes
    job = await _owned(request)
    after = await modes.jobs.cancel(job.id, job.tenant)
    assert after is not None
    return respond({**after.status(), "cancelling": after.state is State.RUNNING}, 200, {})


async def dead(request: Request) -> Response:
    """The tenant's dead letters: jobs that failed for good, each with its reason."""
    modes: Modes = request.app.state.modes
    key = await request.app.state.services.auth.check(request.headers.get("authorization"))
    letters = await modes.jobs.dead_letters(key.tenant)
    return respond({"object": "list", "data": [job.status() for job in letters]}, 200, {})


async def retry(request: Request) -> Response:
    """A dead letter as a new job."""
    modes: Modes = request.app.state.modes
    job = await _owned(request)
    if job.state is not State.DEAD:
        raise GatewayError(409, "job_not_dead", f"The job is {job.state}; only failed jobs are tried anew.")
    new = NewJob(
        *(job.tenant, job.kind, job.payload, job.lane, job.max_attempts, f"retry:{job.id}", job.webhook),
        usage=job.usage,
    )
    again, _ = await modes.hand_over(new)
    return respond(again.status(), 202, {"location": f"/v1/jobs/{again.id}"})


def respond(content: Any, status: int, headers: dict[str, str]) -> Response:
    """JSON."""
    return Response(json.dumps(content, ensure_ascii=False).encode(), status, headers, media_type="application/json")
