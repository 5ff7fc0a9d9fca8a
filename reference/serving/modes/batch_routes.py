"""/v1/files and /v1/batches as OpenAI's clients use them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from reference.serving.gateway.body import read_body
from reference.serving.gateway.errors import GatewayError, bad_request
from reference.serving.gateway.keys import ApiKey
from reference.serving.gateway.usage.records import checked_feature
from reference.serving.jobs.usage import label
from reference.serving.modes.files import File
from reference.serving.modes.jobs import payload_of, respond
from reference.serving.modes.requests import call_of, json_object

if TYPE_CHECKING:
    from reference.serving.modes.extension import Modes

_MOST_ERRORS = 20
_URL = "/v1/chat/completions"
_FORM_SLACK = 10_000  # the multipart framing around the file


async def _key(request: Request) -> ApiKey:
    key: ApiKey = await request.app.state.services.auth.check(request.headers.get("authorization"))
    request.state.info.fields.update(tenant=key.tenant, key_id=key.key_id)
    return key


async def post_file(request: Request) -> Response:
    """Takes a file (multipart: `purpose`, `file`)."""
    modes: Modes = request.app.state.modes
    key = await _key(request)
    length, most = request.headers.get("content-length", ""), modes.settings.max_file_bytes
    if not length.isdecimal():
        raise GatewayError(411, "length_required", "Send the file with a Content-Length.")
    if int(length) > most + _FORM_SLACK:
        raise GatewayError(413, "file_too_large", f"The file is larger than {most} bytes. Split it into batches.")
    try:
        async with request.form(max_files=1, max_fields=10) as form:
            file, purpose = form.get("file"), form.get("purpose")
            if not isinstance(file, UploadFile):
                raise bad_request("missing_required_parameter", "'file': send one file as multipart form data.", "file")
            if purpose != "batch":
                raise bad_request("invalid_value", "'purpose' must be 'batch'.", "purpose")
            content, name = await file.read(), file.filename or "file"
    except GatewayError:
        raise
    except Exception:  # starlette raises HTTPException or the parser's own error for a broken form
        raise bad_request("invalid_form", "The body is not valid multipart form data.") from None
    if len(content) > most:
        raise GatewayError(413, "file_too_large", f"The file is larger than {most} bytes. Split it into batches.")
    stored = await modes.files.put(key.tenant, name, "batch", content)
    return respond(stored.to_dict(), 200, {})


async def _file(request: Request, file_id: str, key: ApiKey) -> File:
    modes: Modes = request.app.state.modes
    found = await modes.files.get(file_id, key.tenant)
    if found is None:
        raise GatewayError(404, "file_not_found", "There is no such file, or it has expired.")
    return found


async def get_file(request: Request) -> Response:
    """What is known of a file."""
    file = await _file(request, request.path_params["file_id"], await _key(request))
    return respond(file.to_dict(), 200, {})


async def get_content(request: Request) -> Response:
    """The bytes of a file."""
    modes: Modes = request.app.state.modes
    file = await _file(request, request.path_params["file_id"], await _key(request))
    return Response(await modes.files.content(file), media_type="application/octet-stream")


async def delete_file(request: Request) -> Response:
    """Removes a file. A batch that has begun has its own copy."""
    modes: Modes = request.app.state.modes
    file = await _file(request, request.path_params["file_id"], await _key(request))
    await modes.files.delete(file)
    return respond({"id": file.id, "object": "file", "deleted": True}, 200, {})


async def post_batch(request: Request) -> Response:
    """Begins a batch. All lines are checked first: a batch with a bad line is refused whole, its lines named."""
    modes: Modes = request.app.state.modes
    key = await _key(request)
    body = json_object(await read_body(request, request.app.state.services.settings))
    if body.get("endpoint") != _URL:
        raise bad_request("invalid_value", f"'endpoint' must be '{_URL}'.", "endpoint")
    if body.get("completion_window", "24h") != "24h":
        raise bad_request("invalid_value", "'completion_window' must be '24h'.", "completion_window")
    metadata = body.get("metadata") or {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise bad_request("invalid_value", "'metadata' maps names to strings.", "metadata")
    file = await _file(request, str(body.get("input_file_id", "")), key)
    feature = checked_feature(metadata["feature"]) if _counts(request) and "feature" in metadata else ""
    lines = await _checked_lines(request, key, await modes.files.content(file), feature)
    batch_id = await modes.batches.create(key.tenant, file, lines, metadata)
    return respond(await modes.batches.get(batch_id, key.tenant), 200, {})


def _counts(request: Request) -> bool:
    return request.app.state.services.meter is not None


async def _checked_lines(request: Request, key: ApiKey, content: bytes, feature: str) -> list[dict[str, Any]]:
    """The lines with the engine's request in `body`. Raises GatewayError 400 that names the bad lines.

    Args:
        feature: of lines that name none.
    """
    modes: Modes = request.app.state.modes
    lines: list[dict[str, Any]] = []
    errors: list[str] = []
    seen: set[str] = set()
    rows = [row for row in enumerate(content.splitlines(), 1) if row[1].strip()]
    if not rows:
        raise bad_request("empty_file", "The input file has no lines.", "input_file_id")
    if len(rows) > modes.settings.max_batch_lines:
        raise bad_request("too_many_lines", f"At most {modes.settings.max_batch_lines} lines.", "input_file_id")
    for number, raw in rows:
        if number % 50 == 0:
            await asyncio.sleep(0)  # checking a long file must not hold up live requests
        try:
            entry = _entry(raw, seen)
            call = call_of(request, key, {**entry["body"], "stream": False})
            request.app.state.services.monitor.require_model(call.request.model)
            payload = json.loads(await payload_of(request, call))
            use = label(key.key_id, call.feature or feature)
            lines.append({"custom_id": entry["custom_id"], "body": payload, "usage": use})
        except GatewayError as error:
            errors.append(f"line {number}: {error.message}")
    if errors:
        shown = " ".join(errors[:_MOST_ERRORS])
        more = f" And {len(errors) - _MOST_ERRORS} more." if len(errors) > _MOST_ERRORS else ""
        raise bad_request("invalid_batch_file", f"{len(errors)} lines cannot be used. {shown}{more}", "input_file_id")
    return lines


def _entry(raw: bytes, seen: set[str]) -> dict[str, Any]:
    try:
        entry = json.loads(raw)
    except (ValueError, RecursionError):
        raise bad_request("invalid_json", "Not valid JSON.") from None
    if not isinstance(entry, dict) or not isinstance(entry.get("body"), dict):
        raise bad_request("invalid_value", "Needs an object with 'custom_id', 'method', 'url' and 'body'.")
    custom_id = entry.get("custom_id")
    if not isinstance(custom_id, str) or not custom_id or len(custom_id) > 512:
        raise bad_request("invalid_value", "'custom_id' must be a text of 1 to 512 characters.")
    if custom_id in seen:
        raise bad_request("duplicate_custom_id", "'custom_id' came before in this file.")
    seen.add(custom_id)
    if entry.get("method", "POST") != "POST" or entry.get("url") != _URL:
        raise bad_request("invalid_value", f"'method' must be 'POST' and 'url' '{_URL}'.")
    return entry


async def get_batch(request: Request) -> Response:
    """State of a batch."""
    modes: Modes = request.app.state.modes
    key = await _key(request)
    return _found(await modes.batches.get(request.path_params["batch_id"], key.tenant))


async def cancel_batch(request: Request) -> Response:
    """Ends a batch; what is done stays."""
    modes: Modes = request.app.state.modes
    key = await _key(request)
    return _found(await modes.batches.cancel(request.path_params["batch_id"], key.tenant))


async def list_batches(request: Request) -> Response:
    """The tenant's batches, latest first."""
    modes: Modes = request.app.state.modes
    key = await _key(request)
    return respond({"object": "list", "data": await modes.batches.latest(key.tenant), "has_more": False}, 200, {})


def _found(batch: dict[str, Any] | None) -> Response:
    if batch is None:
        raise GatewayError(404, "batch_not_found", "There is no such batch.")
    return respond(batch, 200, {})
