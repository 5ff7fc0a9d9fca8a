"""API keys: created once, shown once, stored as a hash, checked in constant time.

A key is `wbk-KEYID-SECRET` with 256 random bits of secret. The store holds HMAC-SHA256(pepper, secret): a slow password
hash defends guessable secrets, and nobody guesses 256 bits; a fast hash keeps authentication off the critical path.

    python -m reference.serving.gateway.keys create --tenant acme --rpm 600 --tpm 100000 --expires-days 90
    python -m reference.serving.gateway.keys list
    python -m reference.serving.gateway.keys revoke KEYID
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from reference.serving.gateway.errors import invalid_api_key, unavailable
from reference.serving.gateway.settings import MOST_PER_MINUTE
from reference.serving.gateway.store import RedisGate, RedisGone

if TYPE_CHECKING:
    import redis
    import redis.asyncio

_KEY = re.compile(r"wbk-([0-9a-f]{16})-([A-Za-z0-9_-]{43})")
_TENANT = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CACHED_KEYS = 4096


class InvalidKeySpec(ValueError):
    """A key cannot be created or found; the message names the field."""


@dataclass(frozen=True)
class ApiKey:
    """What is stored about a key: `expires_at` in Unix seconds, 0 for never; `rpm`, `tpm` 0 for the default."""

    key_id: str
    tenant: str
    digest: str
    expires_at: float = 0.0
    rpm: int = 0
    tpm: int = 0
    created_at: float = 0.0

    def expired(self, now: float) -> bool:
        """True once the key's time is over."""
        return bool(self.expires_at) and now >= self.expires_at

    def mapping(self) -> dict[str, str]:
        """Fields of the Redis hash."""
        return {
            "tenant": self.tenant,
            "digest": self.digest,
            "expires_at": repr(self.expires_at),
            "rpm": str(self.rpm),
            "tpm": str(self.tpm),
            "created_at": repr(self.created_at),
        }

    @classmethod
    def from_mapping(cls, key_id: str, stored: Mapping[bytes, bytes]) -> ApiKey:
        """The record in a Redis hash."""
        text = {name.decode(): value.decode() for name, value in stored.items()}
        return cls(
            key_id,
            text["tenant"],
            text["digest"],
            float(text["expires_at"]),
            int(text["rpm"]),
            int(text["tpm"]),
            float(text["created_at"]),
        )


def _digest(pepper: str, secret: str) -> str:
    return hmac.new(b"workbook-gateway:" + pepper.encode(), secret.encode(), hashlib.sha256).hexdigest()


def new_key(
    tenant: str, *, pepper: str = "", expires_in_s: float | None = None, rpm: int = 0, tpm: int = 0
) -> tuple[str, ApiKey]:
    """A fresh key: the text to hand out and the record to store.

    Raises:
        InvalidKeySpec: a field is out of range.
    """
    if not _TENANT.fullmatch(tenant):
        raise InvalidKeySpec("tenant: use 1 to 64 letters, digits, '.', '_' or '-'")
    if expires_in_s is not None and expires_in_s <= 0:
        raise InvalidKeySpec("expires: must be in the future")
    if not 0 <= min(rpm, tpm) <= max(rpm, tpm) <= MOST_PER_MINUTE:
        raise InvalidKeySpec(f"rpm and tpm: must be from 0 (the gateway's default) to {MOST_PER_MINUTE}")
    key_id, secret, now = secrets.token_hex(8), secrets.token_urlsafe(32), time.time()
    expires_at = 0.0 if expires_in_s is None else now + expires_in_s
    return f"wbk-{key_id}-{secret}", ApiKey(key_id, tenant, _digest(pepper, secret), expires_at, rpm, tpm, now)


class KeyStore:
    """Keys in Redis, for the command line and for `run_in_thread` (blocking client)."""

    def __init__(self, client: redis.Redis, prefix: str = "wb", pepper: str = "") -> None:
        self._client = client
        self._prefix = prefix
        self._pepper = pepper

    def create(
        self, tenant: str, *, expires_in_s: float | None = None, rpm: int = 0, tpm: int = 0
    ) -> tuple[str, ApiKey]:
        """Creates and stores a key. The text is returned once and stored nowhere."""
        text, record = new_key(tenant, pepper=self._pepper, expires_in_s=expires_in_s, rpm=rpm, tpm=tpm)
        name = f"{self._prefix}:apikey:{record.key_id}"
        pipeline = self._client.pipeline(transaction=True)
        pipeline.hset(name, mapping=cast("Any", record.mapping()))
        if record.expires_at:
            pipeline.expireat(name, int(record.expires_at) + 1)
        pipeline.execute()
        return text, record

    def revoke(self, key_id: str) -> bool:
        """Deletes a key; False if there was none. Gateways forget it within `auth_fresh_s`."""
        return bool(self._client.delete(f"{self._prefix}:apikey:{key_id}"))

    def list(self) -> list[ApiKey]:
        """All stored keys, oldest first."""
        head = f"{self._prefix}:apikey:"
        found = []
        for name in self._client.scan_iter(match=f"{head}*", count=500):
            stored = cast("dict[bytes, bytes]", self._client.hgetall(name))
            if stored:
                found.append(ApiKey.from_mapping(name.decode()[len(head) :], stored))
        return sorted(found, key=lambda record: record.created_at)


class Authenticator:
    """Checks keys of requests. Records are remembered for `fresh_s`, and for `stale_s` while Redis is gone.

    Args:
        clock: wall clock, Unix seconds (expiry is a date).
    """

    def __init__(
        self,
        gate: RedisGate,
        prefix: str,
        pepper: str,
        fresh_s: float,
        stale_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._gate = gate
        self._prefix = prefix
        self._pepper = pepper
        self._fresh_s = fresh_s
        self._stale_s = stale_s
        self._clock = clock
        self._known: OrderedDict[str, tuple[ApiKey, float]] = OrderedDict()

    async def check(self, authorization: str | None) -> ApiKey:
        """The record of a valid key.

        Raises:
            GatewayError: 401 for any key that is not valid; 503 if Redis is gone and this process has not seen the key.
        """
        scheme, _, token = (authorization or "").partition(" ")
        match = _KEY.fullmatch(token.strip())
        if scheme.lower() != "bearer" or not match:
            raise invalid_api_key()
        key_id, secret = match.groups()
        record = await self._record(key_id)
        expected = record.digest if record else "0" * 64
        # The digests are compared even for unknown ids, so that time does not tell them apart.
        genuine = hmac.compare_digest(_digest(self._pepper, secret), expected)
        if record is None or not genuine or record.expired(self._clock()):
            raise invalid_api_key()
        return record

    async def _record(self, key_id: str) -> ApiKey | None:
        now = self._clock()
        known = self._known.get(key_id)
        if known and now - known[1] < self._fresh_s:
            return known[0]
        name = f"{self._prefix}:apikey:{key_id}"
        try:
            stored = await self._gate.call(lambda client: cast("Any", client.hgetall(name)))
        except RedisGone:
            if known and now - known[1] < self._stale_s:
                return known[0]
            raise unavailable("auth_unavailable", "Keys cannot be checked right now: the key store is gone.") from None
        if not stored:
            self._known.pop(key_id, None)
            return None
        record = ApiKey.from_mapping(key_id, stored)
        self._known[key_id] = (record, now)
        self._known.move_to_end(key_id)
        if len(self._known) > _CACHED_KEYS:
            self._known.popitem(last=False)
        return record


if __name__ == "__main__":
    import sys

    from reference.serving.gateway.keys_cli import main

    sys.exit(main())
