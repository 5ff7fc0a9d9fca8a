"""Reading chat requests for the other modes with the gateway's own rules."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

from reference.serving.gateway.body import read_body
from reference.serving.gateway.calls import Call, deadline_of
from reference.serving.gateway.errors import bad_request
from reference.serving.gateway.keys import ApiKey
from reference.serving.gateway.schema import parse
from reference.serving.gateway.usage.records import feature_of


async def chat_call(request: Request, *, force_stream: bool = False) -> Call:
    """The checked request in the body. Raises GatewayError."""
    parts = request.app.state.services
    key = await parts.auth.check(request.headers.get("authorization"))
    request.state.info.fields.update(tenant=key.tenant, key_id=key.key_id)
    raw = await read_body(request, parts.settings)
    body = json_object(raw)
    if force_stream:
        body["stream"] = True
    return call_of(request, key, body)


def call_of(request: Request, key: ApiKey, body: dict[str, Any]) -> Call:
    """A call for one chat body. Raises GatewayError 400, naming the field."""
    parts = request.app.state.services
    chat = parse(json.dumps(body).encode(), parts.settings)
    if (chat.metadata or {}).get("session_id") is not None:
        raise bad_request(
            "unsupported_parameter", "'metadata.session_id': sessions need an answer at once.", "metadata"
        )
    info = request.state.info
    deadline = deadline_of(request.headers, parts.settings.default_timeout_s, parts.settings.max_timeout_s)
    call = Call(info.request_id, key, chat, info.received, deadline, None, fields=info.fields)
    call.feature = feature_of(chat, parts.settings)
    return call


def json_object(raw: bytes) -> dict[str, Any]:
    """The body as a JSON object. Raises GatewayError 400."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise bad_request("invalid_json", "The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise bad_request("invalid_json", "The body must be a JSON object.")
    return body
