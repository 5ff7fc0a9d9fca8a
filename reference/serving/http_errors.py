"""One shape for every error of our servers, OpenAI's: `{"error": {"message", "type", "param", "code"}}`.

A server that raises its own exceptions answers them with `error_response`; `answer_errors(app)` does the rest: unknown
paths, methods that are not allowed, fields that do not fit, and handlers that fail.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

log = logging.getLogger(__name__)

_KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_CODES = {404: "not_found", 405: "method_not_allowed"}


def error_kind(status: int) -> str:
    """OpenAI's `type` of an HTTP status."""
    return _KINDS.get(status, "invalid_request_error" if status < 500 else "server_error")


def error_body(
    status: int, code: str | int, message: str, *, param: str | None = None, kind: str | None = None
) -> dict[str, Any]:
    """The error object of an answer with this HTTP status.

    Args:
        code: a stable word for programs; vLLM gives the status.
        message: one sentence that says what is wrong and how to mend it. Never text of the user.
        param: the request field at fault. kind: OpenAI's `type`; by default it follows from the status.
    """
    return {"error": {"message": message, "type": kind or error_kind(status), "param": param, "code": code}}


def error_response(
    status: int,
    code: str | int,
    message: str,
    *,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The same as a JSON answer."""
    from starlette.responses import Response

    data = json.dumps(error_body(status, code, message, param=param), ensure_ascii=False).encode()
    return Response(data, status, dict(headers or {}), media_type="application/json")


def answer_errors(app: Starlette, paths: str = "") -> None:
    """Makes an app answer in this shape whatever it does not answer itself.

    A handler that fails is logged by its class only: its message may quote the user.

    Args:
        paths: what the app serves, for the message about an unknown path.
    """
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status = error.status_code
        known = {
            404: f"No such path. {paths}".strip(),
            405: f"{request.method} is not allowed on this path.",
        }
        message = known.get(status, "The request cannot be served.")
        return error_response(status, _CODES.get(status, "http_error"), message, headers=error.headers)

    async def failed(request: Request, error: Exception) -> Response:
        log.error("a handler failed: %s", type(error).__name__)
        return error_response(500, "internal_error", "The server failed; its log has the kind of error.")

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(Exception, failed)

    async def misfits(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path", "header"))
        return error_response(422, "invalid_value", f"{field}: {first['msg']}.", param=field or None)

    app.add_exception_handler(RequestValidationError, misfits)
