"""Search and cited answers over HTTP. One process serves one index.

POST /search, POST /answer (JSON, or server-sent events with "stream": true), PUT and DELETE /documents/ID,
GET /healthz, /readyz, /metrics. A key belongs to a tenant: it finds that tenant's documents and the public ones, and
writes its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from reference.rag.query import Searcher
from reference.rag.service.access import KeyRing, Keys
from reference.rag.service.answering import Answering, AnswerStream, Event
from reference.rag.service.batching import MicroBatcher, StageFeed
from reference.rag.service.documents import delete_document, put_document
from reference.rag.service.metrics import CONTENT_TYPE, Metrics
from reference.rag.service.parts import (
    AnswerMaker,
    DocumentWriter,
    Services,
    Slots,
    as_gateway_error,
    entered,
    json_response,
    search_fields,
    search_request,
)
from reference.rag.service.schema import AnswerBody, SearchBody, parse_body
from reference.rag.service.settings import ServiceSettings
from reference.rag.types import RagError
from reference.serving.gateway.body import read_body
from reference.serving.gateway.errors import GatewayError, deadline_exceeded
from reference.serving.gateway.logs import log_event, now
from reference.serving.gateway.middleware import Envelope, RequestInfo
from reference.serving.gateway.responses import ClientGone, until_gone
from reference.serving.http_errors import answer_errors
from reference.serving.semantic_cache import SemanticCache

_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_ROUTES = _QUIET | {"/search", "/answer"}


def create_rag_app(
    searcher: Searcher,
    answerer: AnswerMaker | None = None,
    documents: DocumentWriter | None = None,
    *,
    keys: Keys | None = None,
    settings: ServiceSettings | None = None,
    answers: SemanticCache | None = None,
    stages: StageFeed | None = None,
) -> FastAPI:
    """The service as an ASGI app; `app.state.services` has the parts once it runs.

    Args:
        answerer: None: /answer says 503.
        documents: takes single documents, and shares its indexes with `searcher` (`Ingestion`); None: 503.
        keys: a `KeyRing`, or the gateway's `Authenticator`. None: an empty ring, which lets nobody in.
        answers: cache of whole answers; what rests on a changed document goes.
        stages: the observer that `searcher` was made with, for events of stages while an answer is streamed.
    """
    settings = settings or ServiceSettings.from_env()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        metrics = Metrics()
        batcher = MicroBatcher(
            searcher,
            settings.max_batch,
            settings.batch_wait_s,
            settings.max_queue,
            settings.batch_workers,
            observer=metrics.batch,
            stages=stages,
        )
        metrics.watch(lambda: batcher.waiting)
        app.state.services = Services(
            searcher=searcher,
            answerer=answerer,
            documents=documents,
            answers=answers,
            keys=keys or KeyRing(),
            settings=settings,
            batcher=batcher,
            metrics=metrics,
            slots=Slots(settings.max_answers),
        )
        try:
            yield
        finally:
            await asyncio.to_thread(batcher.close)

    app = FastAPI(title="Workbook retrieval", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(_RagEnvelope, settings=settings.http())
    answer_errors(app, "This service has /search, /answer, /documents/ID, /healthz, /readyz and /metrics.")
    app.add_exception_handler(GatewayError, _gateway_error)
    app.add_exception_handler(RagError, _rag_error)
    app.add_api_route("/search", _search, methods=["POST"], response_model=None)
    app.add_api_route("/answer", _answer, methods=["POST"], response_model=None)
    app.add_api_route("/documents/{document_id:path}", put_document, methods=["PUT"], response_model=None)
    app.add_api_route("/documents/{document_id:path}", delete_document, methods=["DELETE"], response_model=None)
    app.add_api_route("/healthz", _healthz, methods=["GET"], response_model=None)
    app.add_api_route("/readyz", _readyz, methods=["GET"], response_model=None)
    app.add_api_route("/metrics", _metrics, methods=["GET"], response_model=None)
    return app


class _RagEnvelope(Envelope):
    """The gateway's envelope with the routes of this service in log and metrics."""

    def _record(self, scope: Any, info: RequestInfo, metrics: Any, status: int) -> None:
        path, seconds = scope["path"], now() - info.received
        route = "/documents" if path.startswith("/documents/") else path if path in _ROUTES else "other"
        metrics.requests.labels(route, str(status)).inc()
        metrics.request_seconds.labels(route).observe(seconds)
        if status == 401:
            metrics.auth_failures.inc()
        level = logging.DEBUG if path in _QUIET else logging.WARNING if status >= 500 or not status else logging.INFO
        fields = {"method": scope["method"], "route": route, "status": status, "ms": round(1000 * seconds, 1)}
        log_event("request", level, request_id=info.request_id, **fields, **info.fields)


async def _search(request: Request) -> Response:
    parts, key, info = await entered(request)
    body = parse_body(await read_body(request, parts.settings.http()), SearchBody)
    asked = parts.settings.search_budget_s if body.budget_ms is None else body.budget_ms / 1000
    budget_s = min(asked, parts.settings.max_budget_s)
    future = parts.batcher.submit(search_request(parts, key, body, budget_s))
    try:
        async with asyncio.timeout(budget_s + parts.settings.grace_s):
            # Cancelling the wrapper, as a client that leaves does, takes a waiting search out of the queue.
            found = await until_gone(asyncio.wrap_future(future), request.receive)
    except TimeoutError:
        raise deadline_exceeded() from None
    except ClientGone:
        future.cancel()  # the wrapper passes it on in the loop's next turn: who sees the count sees the search gone
        return _left(parts, info)
    parts.metrics.searched(found.result, found.waited_s)
    info.fields.update(hits=len(found.result.hits), batch=found.batch, degraded=len(found.result.degraded))
    fields = search_fields(found)
    if body.expand and parts.searcher.expander is None:
        fields["notes"].append("expand: this service has no expander")
    return json_response(fields)


async def _answer(request: Request) -> Response:
    parts, key, info = await entered(request)
    body = parse_body(await read_body(request, parts.settings.http()), AnswerBody)
    if parts.answerer is None:
        raise GatewayError(503, "no_answerer", "This service searches only. Ask /search, or start it with an answerer.")
    answering = Answering(parts, key, body, info, parts.slots.take())
    handed_over = False
    try:
        if not body.stream:
            return json_response(await until_gone(answering.whole(), request.receive))
        events = answering.events()

        async def first_event() -> Event:
            return await anext(events)

        stream = AnswerStream(answering, parts, await until_gone(first_event(), request.receive), events)
        handed_over = True
        return stream
    except ClientGone:
        return _left(parts, info)
    finally:
        if not handed_over:
            answering.abandon()


def _left(parts: Services, info: RequestInfo) -> Response:
    parts.metrics.disconnects.labels("wait").inc()
    info.fields["end"] = "client_left"
    return Response(status_code=499)


async def _healthz(request: Request) -> Response:
    return json_response({"status": "ok"})


async def _readyz(request: Request) -> Response:
    """Ready while at least one index can be searched; `degraded` says that one is missing."""
    parts: Services = request.app.state.services
    searcher = parts.searcher
    dense = "none" if searcher.dense is None else "up" if searcher.dense_up else "down"
    lexical = "none" if searcher.lexical is None else "up"
    ready = parts.batcher.alive and "up" in (dense, lexical)
    state = {
        "ready": ready,
        "degraded": dense == "down",
        "dense": dense,
        "lexical": lexical,
        "answers": parts.answerer is not None,
        "documents": parts.documents is not None,
        "waiting": parts.batcher.waiting,
    }
    return json_response(state, 200 if ready else 503, None if ready else {"retry-after": "2"})


async def _metrics(request: Request) -> Response:
    parts: Services = request.app.state.services
    skipped = parts.searcher.counts["rerank_skipped_confident"]
    return Response(parts.metrics.render(skipped), media_type=CONTENT_TYPE)


async def _rag_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RagError)
    failure = as_gateway_error(error)
    if failure.status == 429:
        request.app.state.services.metrics.shed.labels("queue").inc()
    return await _gateway_error(request, failure)


async def _gateway_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, GatewayError)
    request.state.info.fields["error"] = error.code
    return json_response(error.body(), error.status, error.all_headers())
