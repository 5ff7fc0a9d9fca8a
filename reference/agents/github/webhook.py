"""The webhook: takes signed deliveries, answers at once, reviews in the background."""

# No postponed annotations: FastAPI reads those of the routes, whose types are imported inside `create_app`.

import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from reference.agents.types import ReviewError
from reference.serving.http_errors import answer_errors, error_response

from .deliveries import Deliveries
from .jobs import Job, Jobs

if TYPE_CHECKING:
    from fastapi import FastAPI

BODY_LIMIT = 25 << 20  # bytes; GitHub sends no more
ACTIONS = frozenset({"opened", "synchronize", "reopened", "ready_for_review"})
_REPOSITORY = re.compile(r"[A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100}\Z")
_CODES = {
    400: "bad_delivery",
    401: "bad_signature",
    413: "too_large",
    415: "wrong_content_type",
    422: "unknown_form",
    503: "overloaded",
}
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?\Z")


def signature_of(secret: str, body: bytes) -> str:
    """Value of X-Hub-Signature-256: HMAC-SHA256 over the raw body."""
    return "sha256=" + hmac.new(secret.encode("utf-8"), body, hashlib.sha256).hexdigest()


def is_signed(secret: str, body: bytes, signature: str) -> bool:
    """Compared in constant time; a signature of another form is just wrong."""
    return hmac.compare_digest(signature_of(secret, body).encode(), signature.encode("utf-8", "replace"))


def create_app(
    secret: str,
    work: Callable[[Job], Awaitable[None]],
    *,
    deliveries: Deliveries | None = None,
    waiting: int = 64,
    workers: int = 1,
    body_limit: int = BODY_LIMIT,
) -> "FastAPI":
    """The app: POST / or /webhook takes deliveries, GET /health says how it is.

    Args:
        secret: the webhook's secret at GitHub.
        work: reviews one job (see `service.ReviewService`).

    Raises:
        ReviewError: no secret.
    """
    from fastapi import FastAPI, Request, Response
    from fastapi.responses import JSONResponse

    if not secret.strip():
        raise ReviewError("no webhook secret: set REVIEW_WEBHOOK_SECRET to the secret of the webhook's settings page")
    seen = deliveries or Deliveries()

    @asynccontextmanager
    async def lifespan(app: "FastAPI") -> AsyncIterator[None]:
        jobs = Jobs(work, waiting=waiting, workers=workers, failed=lambda job: seen.forget(job.delivery, job.body))
        jobs.start()
        app.state.jobs = jobs
        try:
            yield
        finally:
            await jobs.stop()

    app = FastAPI(title="Code review", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)

    answer_errors(app, "Deliveries go to /webhook; /health says how it is.")

    def answer(status: int, message: str, **headers: str) -> Response:
        if status >= 400:
            return error_response(status, _CODES[status], message, headers=headers)
        return JSONResponse({"message": message}, status, headers or None)

    @app.get("/health")
    async def _health() -> dict[str, Any]:
        jobs: Jobs = app.state.jobs
        counts = {"done": jobs.counts.done, "failed": jobs.counts.failed, "replaced": jobs.counts.replaced}
        return {"status": "ok", "waiting": jobs.waiting, "running": jobs.running, **counts}

    @app.post("/")
    @app.post("/webhook")
    async def _delivery(request: Request) -> Response:
        body = await _body(request, body_limit)
        if body is None:
            return answer(413, f"a delivery has at most {body_limit} bytes")
        signature = request.headers.get("x-hub-signature-256", "")
        if not signature:
            return answer(401, "X-Hub-Signature-256 is missing: set a secret in the webhook's settings")
        if not is_signed(secret, body, signature):
            return answer(401, "X-Hub-Signature-256 does not fit the body: check the webhook's secret")
        event, delivery = request.headers.get("x-github-event", ""), request.headers.get("x-github-delivery", "")
        if not event or not re.fullmatch(r"[A-Za-z0-9-]{1,64}", delivery):
            return answer(400, "X-GitHub-Event and X-GitHub-Delivery (letters, digits, hyphens) are needed")
        if event == "ping":
            return answer(200, "pong")
        if event != "pull_request":
            return answer(202, f"nothing to do: {event[:40]!r} is not pull_request")
        if "json" not in request.headers.get("content-type", ""):
            return answer(415, "choose application/json as the webhook's content type")
        try:
            payload = json.loads(body)
        except ValueError:
            return answer(400, "the body is not JSON")
        job, reason = read_job(payload, delivery, body)
        if job is None:
            wrong = reason.startswith("field ")
            return answer(422 if wrong else 202, reason if wrong else f"nothing to do: {reason}")
        if not seen.first(delivery, body):
            return answer(202, "already seen")
        if not app.state.jobs.submit(job):
            seen.forget(delivery, body)
            return answer(503, "too many reviews wait; redeliver later", **{"Retry-After": "120"})
        return answer(202, f"review of {job.repository}#{job.number} is queued")

    return app


async def _body(request: Any, limit: int) -> bytes | None:
    """The raw body; None if it is longer than `limit`, which is noticed before it is all read."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        return None
    made = bytearray()
    async for chunk in request.stream():
        made += chunk
        if len(made) > limit:
            return None
    return bytes(made)


def read_job(payload: Any, delivery: str, body: bytes) -> tuple[Job | None, str]:
    """(job, "") or (None, why not); a reason that begins with "field " means a payload of another form."""
    if not isinstance(payload, dict):
        return None, "field (root): an object is needed"
    action = payload.get("action")
    if action not in ACTIONS:
        return None, f"action {str(action)[:40]!r} changes no code"
    pull, repository = payload.get("pull_request"), payload.get("repository")
    if not isinstance(pull, dict) or not isinstance(repository, dict):
        return None, "field pull_request, repository: objects are needed"
    name, number = repository.get("full_name"), pull.get("number", payload.get("number"))
    head = pull.get("head")
    sha = head.get("sha") if isinstance(head, dict) else None
    if not isinstance(name, str) or not _REPOSITORY.match(name):
        return None, "field repository.full_name: owner/name is needed"
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        return None, "field pull_request.number: a number from 1 is needed"
    if not isinstance(sha, str) or not _SHA.match(sha):
        return None, "field pull_request.head.sha: a commit id is needed"
    if pull.get("draft"):
        return None, "a draft is reviewed when it is ready"
    return Job(name, number, sha, delivery, body), ""
