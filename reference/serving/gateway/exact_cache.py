"""Exact cache: the same deterministic request of the same tenant is generated once.

What counts as the same: model id and version, the messages as they are sent to the engine, every sampling parameter
that the request sets, the answer limit, the guard's policy version, and the tenant. Only requests that ask for
repeatable answers are cached: temperature 0, or a seed. Requests in a session are not: their prompt is the whole
conversation, which hardly ever repeats, and their answer must be written into the session.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, cast

from reference.serving.gateway.store import RedisGate, RedisGone, load_script

if TYPE_CHECKING:
    import redis.asyncio

_KEY_VERSION = 1
_RELEASE = load_script("lock_release.lua")
_RENEW = load_script("lock_renew.lua")


@dataclass(frozen=True)
class Choice:
    """One complete answer: `finish` is OpenAI's finish_reason; `logprobs` only where they were asked for."""

    text: str
    finish: str
    logprobs: dict[str, Any] | None = None


@dataclass(frozen=True)
class Answer:
    """A complete generation: choices by index, and token counts of prompt and completion."""

    choices: tuple[Choice, ...]
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None = field(default=None)

    def to_bytes(self) -> bytes:
        """For the store."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, stored: bytes) -> Answer:
        """From the store. Raises ValueError, KeyError or TypeError if it is not an answer."""
        data = json.loads(stored)
        choices = tuple(Choice(c["text"], c["finish"], c["logprobs"]) for c in data["choices"])
        return cls(choices, data["prompt_tokens"], data["completion_tokens"], data["cached_tokens"])

    @property
    def cacheable(self) -> bool:
        """True if every choice ended by itself; cut-off and filtered answers are not kept."""
        return all(choice.finish in {"stop", "length"} for choice in self.choices)


def cache_digest(
    *,
    tenant: str,
    model: str,
    model_version: str,
    messages: Sequence[dict[str, str]],
    sampling: dict[str, Any],
    max_tokens: int,
    policy: str,
) -> str:
    """sha256 (hex) over everything that decides the answer, in a canonical form: no two requests run together."""
    canonical = json.dumps(
        {
            "v": _KEY_VERSION,
            "tenant": tenant,
            "model": model,
            "model_version": model_version,
            "messages": [[message["role"], message["content"]] for message in messages],
            "sampling": sampling,
            "max_tokens": max_tokens,
            "policy": policy,
        },
        sort_keys=True,
        ensure_ascii=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


class ExactCache:
    """Answers and generation locks in Redis. Every method goes on without Redis: no hit, nothing stored, no lock.

    Args:
        ttl_s: how long an answer is kept.
        max_bytes: larger answers are not stored.
        lock_s: lease of the generation lock; `renew` extends it.
    """

    def __init__(self, gate: RedisGate, prefix: str, ttl_s: float, max_bytes: int, lock_s: float) -> None:
        self._gate = gate
        self._prefix = prefix
        self._ttl_ms = int(ttl_s * 1000)
        self._max_bytes = max_bytes
        self._lock_ms = int(lock_s * 1000)

    def redis_key(self, tenant: str, digest: str) -> str:
        """Where an answer is stored; the tenant is in the digest and, for deletion by tenant, in the name."""
        return f"{self._prefix}:cache:{tenant}:{digest}"

    def lock_key(self, tenant: str, digest: str) -> str:
        """Name of the generation lock."""
        return f"{self._prefix}:flight:{tenant}:{digest}"

    @staticmethod
    def decode(stored: bytes | None) -> Answer | None:
        """The answer in a reply of Redis; None for a miss and for a damaged entry."""
        if stored is None:
            return None
        try:
            return Answer.from_bytes(stored)
        except (ValueError, KeyError, TypeError):
            return None

    async def get(self, tenant: str, digest: str) -> Answer | None:
        """The stored answer, or None."""
        key = self.redis_key(tenant, digest)
        try:
            return self.decode(await self._gate.call(lambda client: cast("Any", client.get(key))))
        except RedisGone:
            return None

    async def put(self, tenant: str, digest: str, answer: Answer) -> bool:
        """Stores an answer; False if it is not cacheable, too large, or Redis is gone."""
        data = answer.to_bytes()
        if not answer.cacheable or len(data) > self._max_bytes:
            return False
        key = self.redis_key(tenant, digest)
        try:
            await self._gate.call(lambda client: cast("Any", client.set(key, data, px=self._ttl_ms)))
        except RedisGone:
            return False
        return True

    async def lock_and_get(self, tenant: str, digest: str) -> tuple[str | None, Answer | None]:
        """Tries to take the generation lock and reads the cache, in this order, in one round trip.

        Returns a token if this process holds the lock now, and the answer if it is stored: a holder before us may have
        stored it since our first look. Raises RedisGone.
        """
        lock, key, token = self.lock_key(tenant, digest), self.redis_key(tenant, digest), secrets.token_hex(8)

        async def run(client: redis.asyncio.Redis) -> list[Any]:
            pipeline = client.pipeline(transaction=False)
            pipeline.set(lock, token, nx=True, px=self._lock_ms)
            pipeline.get(key)
            return await pipeline.execute()

        got, stored = await self._gate.call(run)
        return token if got else None, self.decode(stored)

    async def renew(self, tenant: str, digest: str, token: str) -> bool:
        """Extends the lease; False if it was lost."""
        try:
            return bool(await self._gate.script(_RENEW, [self.lock_key(tenant, digest)], [token, self._lock_ms]))
        except RedisGone:
            return False

    async def unlock(self, tenant: str, digest: str, token: str) -> None:
        """Gives the lock back, if it is still ours."""
        try:
            await self._gate.script(_RELEASE, [self.lock_key(tenant, digest)], [token])
        except RedisGone:
            return
