"""HMAC signatures in the manner of the Standard Webhooks specification: id, time and body are signed together."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

TOLERANCE_S = 300.0


def sign(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Value of the header `webhook-signature`: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`."""
    digest = hmac.new(secret, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def verify(
    secret: bytes, message_id: str, timestamp: str, signatures: str, body: bytes, now: float | None = None
) -> bool:
    """What a receiver does. The header may hold several signatures (while a secret is changed), apart by spaces.

    False for a wrong signature and for a time more than `TOLERANCE_S` from now: an old message sent again by another.
    A receiver also keeps the ids it has seen for as long: the same delivery may come twice.
    """
    if not timestamp.isdecimal() or abs((time.time() if now is None else now) - int(timestamp)) > TOLERANCE_S:
        return False
    expected = sign(secret, message_id, int(timestamp), body)
    return any(hmac.compare_digest(expected.encode(), one.encode()) for one in signatures.split(" "))
