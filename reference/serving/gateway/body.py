"""Reading request bodies with limits on size and time."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from reference.serving.gateway.errors import GatewayError
from reference.serving.gateway.settings import Settings

# A refused body is read and thrown away up to these bounds: a client that is still writing would otherwise see a
# broken connection instead of the 413.
_DRAIN_BYTES = 64 << 20
_DRAIN_S = 5.0


def _too_large(settings: Settings) -> GatewayError:
    return GatewayError(
        413,
        "request_too_large",
        f"The body is larger than {settings.max_body_bytes} bytes. Shorten the messages.",
        headers={"connection": "close"},
    )


async def read_body(request: Request, settings: Settings) -> bytes:
    """The body. At most `max_body_bytes` of it are ever held.

    Raises:
        GatewayError: 413 too large (by Content-Length before reading, else as soon as it shows); 408 too slow;
            400 the client left in the middle of it.
    """
    length = request.headers.get("content-length", "")
    stream = request.stream()
    chunks: list[bytes] = []
    size = 0
    try:
        if length.isdecimal() and int(length) > settings.max_body_bytes:
            await _drain(stream)
            raise _too_large(settings)
        async with asyncio.timeout(settings.body_timeout_s):
            async for chunk in stream:
                size += len(chunk)
                if size > settings.max_body_bytes:
                    chunks.clear()
                    break
                chunks.append(chunk)
        if size > settings.max_body_bytes:
            await _drain(stream)
            raise _too_large(settings)
    except TimeoutError:
        raise GatewayError(
            408,
            "body_timeout",
            f"The body did not arrive within {settings.body_timeout_s:g} s.",
            headers={"connection": "close"},
        ) from None
    except ClientDisconnect:
        raise GatewayError(400, "client_left", "The client left before the body was complete.") from None
    return b"".join(chunks)


async def _drain(stream: object) -> None:
    seen = 0
    try:
        async with asyncio.timeout(_DRAIN_S):
            async for chunk in stream:  # type: ignore[attr-defined]
                seen += len(chunk)
                if seen > _DRAIN_BYTES:
                    return
    except (TimeoutError, ClientDisconnect):
        return
