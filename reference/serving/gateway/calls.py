"""One chat request on its way through the gateway, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reference.serving.gateway.errors import bad_request, deadline_exceeded
from reference.serving.gateway.exact_cache import Answer
from reference.serving.gateway.generation import Generation
from reference.serving.gateway.keys import ApiKey
from reference.serving.gateway.schema import ChatRequest
from reference.serving.gateway.seams import TierName
from reference.serving.gateway.sessions import check_session_id

SESSION_HEADER = "x-session-id"
TIMEOUT_HEADER = "x-request-timeout-ms"


@dataclass
class Call:
    """One request on its way: who asks, what, until when, and what is to be said in headers and log."""

    request_id: str
    key: ApiKey
    request: ChatRequest
    received: float  # monotonic, s
    deadline: float  # event-loop time, s
    session_id: str | None
    headers: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    tier: TierName = "strong"
    auto: bool = False  # the tier was chosen by the gateway
    feature: str = ""  # what it is for, as the client says
    charged: bool = False  # the key's request quota has paid for it


@dataclass
class Reply:
    """Either a complete `answer`, or a `generation` with this request attached as a reader."""

    call: Call
    answer: Answer | None = None
    generation: Generation | None = None


def deadline_of(headers: Mapping[str, str], default_s: float, max_s: float) -> float:
    """Event-loop time at which a request is given up. Raises GatewayError 400 for a bad header."""
    seconds = default_s
    value = headers.get(TIMEOUT_HEADER)
    if value is not None:
        if not value.isdecimal() or not value.isascii() or len(value) > 9 or int(value) == 0:
            raise bad_request("invalid_value", f"Header {TIMEOUT_HEADER} must be a whole number of ms above 0.", None)
        seconds = min(max_s, int(value) / 1000)
    return asyncio.get_running_loop().time() + seconds


def session_of(headers: Mapping[str, str], request: ChatRequest) -> str | None:
    """The session id from the header or from `metadata.session_id`. Raises GatewayError 400 if they differ."""
    in_header = headers.get(SESSION_HEADER)
    in_body = (request.metadata or {}).get("session_id")
    if in_header is not None and in_body is not None and in_header != in_body:
        raise bad_request("invalid_session_id", f"{SESSION_HEADER} and metadata.session_id differ.", "metadata")
    if in_header is not None:
        return check_session_id(in_header, SESSION_HEADER)
    return None if in_body is None else check_session_id(in_body, "metadata.session_id")


async def live(call: Call, generation: Generation) -> Reply:
    """Waits for the first event, so that early failures get a proper HTTP status; detaches if there is none."""
    try:
        async with asyncio.timeout_at(call.deadline):
            await generation.wait_first()
    except TimeoutError:
        generation.detach()
        raise deadline_exceeded() from None
    except BaseException:
        generation.detach()
        raise
    return Reply(call, generation=generation)
