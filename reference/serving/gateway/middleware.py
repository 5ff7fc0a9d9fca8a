"""Around every request: its id, one log line, metrics, a bound on open requests, and a last-resort 500."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reference.serving.gateway.errors import GatewayError
from reference.serving.gateway.logs import describe, log_event, now, request_id
from reference.serving.gateway.responses import StreamAborted
from reference.serving.gateway.settings import Settings

_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_ROUTES = _QUIET | {"/v1/chat/completions", "/v1/models"}


@dataclass
class RequestInfo:
    """What is known of a request, for headers and log; `fields` never hold text of the user."""

    request_id: str
    received: float
    fields: dict[str, Any] = field(default_factory=dict)
    extra_headers: dict[str, str] = field(default_factory=dict)


class Envelope:
    """The outermost ASGI layer."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs as an ASGI app."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        info = RequestInfo(request_id(Headers(scope=scope).get("x-request-id")), now())
        scope.setdefault("state", {})["info"] = info
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = info.request_id
            await send(message)

        metrics = scope["app"].state.services.metrics
        self._open += 1
        metrics.open_requests.set(self._open)
        try:
            if self._open > self._settings.max_open_requests and scope["path"] not in _QUIET:
                metrics.shed.labels("open_requests").inc()
                error = GatewayError(429, "overloaded", "Too many open requests.", retry_after_s=2)
                info.fields["error"] = error.code
                await _plain(send_with_id, error)
            else:
                await self._app(scope, receive, send_with_id)
        except StreamAborted:
            raise
        except Exception as error:
            info.fields["error"] = "internal_error"
            log_event("request_failed", logging.ERROR, request_id=info.request_id, **describe(error))
            if status:
                # Headers are out: only closing the connection tells the client. What the server prints of this must not
                # be the error itself, whose message may quote the user.
                raise StreamAborted from None
            message = "The gateway failed. Report the request id."
            await _plain(send_with_id, GatewayError(500, "internal_error", message))
        finally:
            self._open -= 1
            metrics.open_requests.set(self._open)
            self._record(scope, info, metrics, status)

    def _record(self, scope: Scope, info: RequestInfo, metrics: Any, status: int) -> None:
        path = scope["path"]
        route = path if path in _ROUTES else "other"
        seconds = now() - info.received
        metrics.requests.labels(route, str(status)).inc()
        metrics.request_seconds.labels(route).observe(seconds)
        if status == 401:
            metrics.auth_failures.inc()
        level = logging.DEBUG if path in _QUIET else logging.WARNING if status >= 500 or not status else logging.INFO
        log_event(
            "request",
            level,
            request_id=info.request_id,
            method=scope["method"],
            route=route,
            status=status,
            ms=round(1000 * seconds, 1),
            **info.fields,
        )


async def _plain(send: Send, error: GatewayError) -> None:
    body = json.dumps(error.body()).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **error.all_headers()}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
