"""The FastAPI app: routes, and around them what every request gets (id, log line, metrics, error format)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

from fastapi import FastAPI, Request
from starlette.responses import Response

from reference.serving.gateway import services as wiring
from reference.serving.gateway.body import read_body
from reference.serving.gateway.calls import Call, Reply, deadline_of, session_of
from reference.serving.gateway.context import Summariser
from reference.serving.gateway.errors import GatewayError
from reference.serving.gateway.guard import Guards
from reference.serving.gateway.metrics import CONTENT_TYPE
from reference.serving.gateway.middleware import Envelope, RequestInfo
from reference.serving.gateway.pipeline import Pipeline
from reference.serving.gateway.rag import Retriever
from reference.serving.gateway.responses import (
    ClientGone,
    EventStream,
    cached_events,
    collect,
    completion,
    until_gone,
)
from reference.serving.gateway.schema import parse
from reference.serving.gateway.seams import Chooser, SimilarAnswers
from reference.serving.gateway.settings import Settings
from reference.serving.gateway.tokens import TokenCounter
from reference.serving.gateway.usage.records import feature_of
from reference.serving.gateway.usage.route import usage_page
from reference.serving.http_errors import answer_errors


class Extension(Protocol):
    """Further routes on the gateway's keys, limits, engine and Redis (question 7's jobs and streams are one)."""

    def attach(self, app: FastAPI) -> None:
        """Adds its routes; called once, before the start."""

    async def start(self, app: FastAPI) -> None:
        """Called when `app.state.services` and `app.state.pipeline` are there."""

    async def stop(self) -> None:
        """Called before they are closed."""


def create_app(
    settings: Settings | None = None,
    *,
    guards: Guards | None = None,
    retriever: Retriever | None = None,
    summariser: Summariser | None = None,
    counter: TokenCounter | None = None,
    chooser: Chooser | None = None,
    similar: SimilarAnswers | None = None,
    extensions: Sequence[Extension] = (),
) -> FastAPI:
    """The gateway as an ASGI app. Connections are opened when it starts; `app.state.services` has the parts.

    Args:
        settings: default `Settings.from_env()`.
        guards: default the workbook's guardrails (none if `settings.guardrails` is false).
        retriever: finds passages for a prompt; default none.
        summariser: folds old turns of a session; default as `settings.summariser` says.
        counter: counts tokens; default from `settings.model_dir`.
        chooser: says which of two tiers answers a request for the model `auto`; needs `settings.small_engine_url`.
        similar: finds answers to questions that mean the same; default none.
        extensions: add routes of their own.
    """
    settings = settings or Settings.from_env()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        parts = wiring.build(
            settings,
            guards=guards,
            retriever=retriever,
            summariser=summariser,
            counter=counter,
            chooser=chooser,
            similar=similar,
        )
        app.state.services = parts
        app.state.pipeline = Pipeline(parts)
        await parts.start()
        async with AsyncExitStack() as stack:
            stack.push_async_callback(parts.stop)
            for extension in extensions:
                stack.push_async_callback(extension.stop)
                await extension.start(app)
            yield

    app = FastAPI(title="Workbook gateway", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Envelope, settings=settings)
    answer_errors(app, "This gateway serves /v1/chat/completions and /v1/models.")
    app.add_exception_handler(GatewayError, _gateway_error)
    app.add_api_route("/v1/chat/completions", _chat, methods=["POST"], response_model=None)
    app.add_api_route("/v1/models", _models, methods=["GET"], response_model=None)
    app.add_api_route("/v1/models/{model_id:path}", _model, methods=["GET"], response_model=None)
    app.add_api_route("/v1/sessions/{session_id}", _forget, methods=["DELETE"], response_model=None)
    app.add_api_route("/v1/organization/usage/completions", usage_page, methods=["GET"], response_model=None)
    app.add_api_route("/healthz", _healthz, methods=["GET"], response_model=None)
    app.add_api_route("/readyz", _readyz, methods=["GET"], response_model=None)
    app.add_api_route("/metrics", _metrics, methods=["GET"], response_model=None)
    for extension in extensions:
        extension.attach(app)
    return app


async def _chat(request: Request) -> Response:
    parts: wiring.Services = request.app.state.services
    info: RequestInfo = request.state.info
    headers = request.headers
    key = await parts.auth.check(headers.get("authorization"))
    info.fields.update(tenant=key.tenant, key_id=key.key_id)
    deadline = deadline_of(headers, parts.settings.default_timeout_s, parts.settings.max_timeout_s)
    body = await read_body(request, parts.settings)
    chat = parse(body, parts.settings)
    call = Call(info.request_id, key, chat, info.received, deadline, session_of(headers, chat), fields=info.fields)
    call.feature = feature_of(chat, parts.settings)
    info.fields.update(stream=chat.stream, model=chat.model if chat.model in parts.tiers.served else "?")
    info.extra_headers = call.headers
    try:
        reply: Reply = await _reply(request, call)
        return await _respond(request, parts, reply)
    except ClientGone:
        parts.metrics.disconnects.labels("wait").inc()
        info.fields["end"] = "client_left"
        return Response(status_code=499)


async def _reply(request: Request, call: Call) -> Reply:
    pipeline: Pipeline = request.app.state.pipeline
    reply: Reply = await until_gone(pipeline.reply(call), request.receive)
    return reply


async def _respond(request: Request, parts: wiring.Services, reply: Reply) -> Response:
    call, generation = reply.call, reply.generation
    if call.request.stream:
        if generation is not None:
            source, release = generation.batches(), generation.detach
        else:
            assert reply.answer is not None
            source, release = cached_events(reply.answer), _nothing
        return EventStream(call, source, release, parts.metrics, parts.settings.write_timeout_s)
    if generation is not None:
        answer = await collect(generation, call, request.receive, parts.metrics)
    else:
        assert reply.answer is not None
        answer = reply.answer
    return _json(completion(call, answer), headers=call.headers)


def _nothing() -> None:
    return None


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    data = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(data, status, headers, media_type="application/json")


def _model_entry(parts: wiring.Services, name: str) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "workbook",
        "max_model_len": parts.tiers.window_of(name),
    }


async def _models(request: Request) -> Response:
    parts: wiring.Services = request.app.state.services
    await parts.auth.check(request.headers.get("authorization"))
    return _json({"object": "list", "data": [_model_entry(parts, name) for name in parts.tiers.served]})


async def _model(request: Request, model_id: str) -> Response:
    parts: wiring.Services = request.app.state.services
    await parts.auth.check(request.headers.get("authorization"))
    if model_id not in parts.tiers.served:
        parts.tiers.serving(model_id)
    return _json(_model_entry(parts, model_id))


async def _forget(request: Request, session_id: str) -> Response:
    from reference.serving.gateway.sessions import check_session_id

    parts: wiring.Services = request.app.state.services
    key = await parts.auth.check(request.headers.get("authorization"))
    deleted = await parts.sessions.delete(key.tenant, check_session_id(session_id, "session_id"))
    if not deleted:
        raise GatewayError(404, "session_not_found", "This tenant has no such session.")
    return _json({"id": session_id, "object": "session.deleted", "deleted": True})


async def _healthz(request: Request) -> Response:
    return _json({"status": "ok"})


async def _readyz(request: Request) -> Response:
    parts: wiring.Services = request.app.state.services
    ready = parts.monitor.ready
    state = {
        "ready": ready,
        "degraded": not parts.gate.up,
        "engine": "up" if parts.monitor.healthy else "down",
        "breaker": parts.breaker.state.name.lower(),
        "redis": "up" if parts.gate.up else "down",
        "models": parts.tiers.served,
        **parts.tiers.describe(),
    }
    return _json(state, 200 if ready else 503, None if ready else {"retry-after": "2"})


async def _metrics(request: Request) -> Response:
    parts: wiring.Services = request.app.state.services
    return Response(parts.metrics.render(), media_type=CONTENT_TYPE)


async def _gateway_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, GatewayError)
    info: RequestInfo = request.state.info
    info.fields["error"] = error.code
    return _json(error.body(), error.status, {**info.extra_headers, **error.all_headers()})
