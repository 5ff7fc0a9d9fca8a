"""Errors in the shape that OpenAI's clients expect: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reference.serving.http_errors import error_body, error_kind


class GatewayError(Exception):
    """An error that a client sees.

    Args:
        status: HTTP status.
        code: stable machine-readable word, e.g. `model_not_found`.
        message: one sentence that says what is wrong and how to mend it. Never text of the user.
        param: the request field at fault.
        kind: OpenAI's `type`; by default it follows from the status.
        retry_after_s: seconds for the `Retry-After` header (rounded up, at least 1).
        headers: further response headers.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        kind: str | None = None,
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}")  # not the message: this text reaches logs
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.kind = kind or error_kind(status)
        self.retry_after_s = retry_after_s
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The error object."""
        return error_body(self.status, self.code, self.message, param=self.param, kind=self.kind)

    def all_headers(self) -> dict[str, str]:
        """Response headers, `Retry-After` included."""
        headers = dict(self.headers)
        if self.retry_after_s is not None:
            headers["retry-after"] = str(max(1, -int(-self.retry_after_s // 1)))
        return headers

    def sse(self) -> bytes:
        """The same error as an event in a stream that has begun; the OpenAI clients raise `APIError` on it."""
        return b"data: " + json.dumps(self.body(), ensure_ascii=False).encode() + b"\n\n"


def bad_request(code: str, message: str, param: str | None = None) -> GatewayError:
    """400 for a request that will never work as it is."""
    return GatewayError(400, code, message, param=param)


def invalid_api_key() -> GatewayError:
    """401, the same for missing, forged, revoked and expired keys: a caller learns nothing about which keys exist."""
    return GatewayError(
        401,
        "invalid_api_key",
        "Missing, wrong, revoked or expired API key. Send a valid one as 'Authorization: Bearer KEY'.",
        headers={"www-authenticate": "Bearer"},
    )


def unavailable(code: str, message: str, retry_after_s: float = 2.0) -> GatewayError:
    """503 for something that mends itself."""
    return GatewayError(503, code, message, retry_after_s=retry_after_s)


def deadline_exceeded() -> GatewayError:
    """504 for a request that ran out of its own time."""
    return GatewayError(
        504,
        "deadline_exceeded",
        "The request's deadline passed before the answer was complete. Raise X-Request-Timeout-Ms or ask for less.",
        kind="timeout_error",
    )
