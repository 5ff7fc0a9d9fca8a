"""The key of the engine, asked for on every path that computes or tells something of a request.

vLLM's own check covers /v1 and a few prefixes more. /invocations computes the same answers, /tokenize and /docs are
open as well: any other user of the machine could have the engine work for him. vLLM takes this class with --middleware.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Health and counters: probes and scrapers have no key, and neither holds a text.
OPEN = frozenset({"/health", "/metrics", "/load", "/version", "/ping"})
NAME = f"{__name__}.KeyEverywhere"


class KeyEverywhere:
    """ASGI middleware: 401 without `Authorization: Bearer VLLM_API_KEY`, but for OPEN. No key set: no check."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app
        key = os.environ.get("VLLM_API_KEY", "")
        self._key = hashlib.sha256(key.encode()).digest() if key else b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or not self._key or self._may(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "a key is needed"})
        else:
            told = {"message": "a key is needed: Authorization: Bearer KEY", "type": "authentication_error"}
            body = json.dumps({"error": {**told, "param": None, "code": "invalid_api_key"}}).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    def _may(self, scope: Scope) -> bool:
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and scope["path"].rstrip("/") in OPEN:
            return True
        told = next((value for name, value in scope["headers"] if name.lower() == b"authorization"), b"")
        scheme, _, given = told.partition(b" ")
        # Digests have one length: the comparison tells nothing of the key's.
        return scheme.lower() == b"bearer" and hmac.compare_digest(hashlib.sha256(given).digest(), self._key)
