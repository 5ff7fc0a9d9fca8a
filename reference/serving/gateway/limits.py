"""Rate limits per API key: requests and tokens per minute, by GCRA, atomic in Redis, in memory while Redis is gone.

GCRA (generic cell rate algorithm, ITU-T I.371) is a leaky bucket that stores one timestamp per key. A key may spend a
minute's quota at once and regains it evenly.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from reference.serving.gateway.errors import GatewayError
from reference.serving.gateway.store import RedisGate, RedisGone, load_script

WINDOW_S = 60.0
Kind = Literal["requests", "tokens"]
GCRA = load_script("gcra.lua")


@dataclass(frozen=True)
class Verdict:
    """Outcome of a charge: `remaining` cells; `retry_s` until it fits (negative: never); `reset_s` until full."""

    allowed: bool
    limit: int
    remaining: int
    retry_s: float
    reset_s: float

    def headers(self, kind: Kind) -> dict[str, str]:
        """The `x-ratelimit-*` headers for `kind`."""
        return {
            f"x-ratelimit-limit-{kind}": str(self.limit),
            f"x-ratelimit-remaining-{kind}": str(max(0, self.remaining)),
            f"x-ratelimit-reset-{kind}": f"{self.reset_s:.3f}s",
        }


def gcra_args(limit: int, cost: int) -> tuple[int, int, int]:
    """ARGV of gcra.lua for a quota of `limit` per minute."""
    return round(WINDOW_S * 1e6 / limit), limit, cost


def verdict(limit: int, reply: list[int]) -> Verdict:
    """The reply of gcra.lua as a Verdict."""
    allowed, remaining, retry_us, reset_us = reply
    return Verdict(bool(allowed), limit, remaining, retry_us / 1e6, reset_us / 1e6)


class LocalGcra:
    """The same algorithm in memory, for one process: keeps a limit, though not a shared one, while Redis is gone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, size: int = 10_000) -> None:
        self._clock = clock
        self._size = size
        self._tats: OrderedDict[str, float] = OrderedDict()

    def charge(self, key: str, limit: int, cost: int) -> Verdict:
        """Charges `cost` cells (negative: gives back) to `key` with a quota of `limit` per minute."""
        per_cell, burst, _ = gcra_args(limit, cost)
        now = self._clock() * 1e6
        tat = max(self._tats.get(key, 0.0), now)
        capacity = burst * per_cell
        new_tat = max(now, tat + cost * per_cell)
        if cost > burst or (cost > 0 and new_tat - now > capacity + 1e-3):
            retry = -1e6 if cost > burst else new_tat - now - capacity
            left = int((capacity - (tat - now)) // per_cell)
            return Verdict(False, limit, max(0, left), retry / 1e6, (tat - now) / 1e6)
        self._tats[key] = new_tat
        self._tats.move_to_end(key)
        if len(self._tats) > self._size:
            self._tats.popitem(last=False)
        return Verdict(True, limit, int((capacity - (new_tat - now)) // per_cell), 0.0, (new_tat - now) / 1e6)


class Limiter:
    """Charges keys in Redis, and in memory while Redis is gone (fail open, with a limit per process).

    Args:
        on_local: called at each decision taken in memory.
    """

    def __init__(self, gate: RedisGate, prefix: str, on_local: Callable[[], None] = lambda: None) -> None:
        self._gate = gate
        self._prefix = prefix
        self._local = LocalGcra()
        self._on_local = on_local
        self._refused: dict[str, tuple[float, Verdict]] = {}

    def remember_refusal(self, key_id: str, verdict: Verdict) -> None:
        """Notes until when the key's next request cannot pass."""
        if len(self._refused) > 10_000:
            self._refused.clear()
        self._refused[key_id] = time.monotonic() + verdict.retry_s, verdict

    def still_refused(self, key_id: str) -> Verdict | None:
        """The refusal of a key that must still wait, with the time that is left. A flood then costs no Redis call."""
        noted = self._refused.get(key_id)
        if noted is None:
            return None
        until, verdict = noted
        left = until - time.monotonic()
        if left <= 0:
            del self._refused[key_id]
            return None
        reset = max(0.0, verdict.reset_s - (verdict.retry_s - left))
        return replace(verdict, retry_s=left, reset_s=reset)

    def redis_key(self, kind: Kind, key_id: str) -> str:
        """Redis key of a quota."""
        return f"{self._prefix}:limit:{kind}:{key_id}"

    def charge_local(self, kind: Kind, key_id: str, limit: int, cost: int) -> Verdict:
        """Charges the process's own quota."""
        self._on_local()
        return self._local.charge(f"{kind}:{key_id}", limit, cost)

    async def charge(self, kind: Kind, key_id: str, limit: int, cost: int) -> Verdict:
        """Charges `cost` cells; a negative cost gives back."""
        try:
            reply = await self._gate.script(GCRA, [self.redis_key(kind, key_id)], gcra_args(limit, cost))
        except RedisGone:
            return self.charge_local(kind, key_id, limit, cost)
        return verdict(limit, reply)


def refuse(kind: Kind, verdict: Verdict, cost: int) -> GatewayError:
    """The error for a charge that was refused: 429 with Retry-After, or 400 if no waiting would help."""
    if verdict.retry_s < 0:
        return GatewayError(
            400,
            "request_exceeds_token_limit",
            f"The request needs up to {cost} tokens (prompt and max_tokens), more than this key's {verdict.limit} per "
            "minute; waiting does not help. Shorten it or lower max_tokens.",
            param="max_tokens",
            headers=verdict.headers(kind),
        )
    return GatewayError(
        429,
        "rate_limit_exceeded",
        f"Rate limit of {verdict.limit} {kind} per minute reached. Retry after {verdict.retry_s:.1f} s.",
        kind=kind,
        retry_after_s=verdict.retry_s,
        headers=verdict.headers(kind),
    )
