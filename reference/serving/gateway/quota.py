"""What a call costs its key: one request, and the tokens of what it generates."""

from __future__ import annotations

from reference.serving.gateway import limits
from reference.serving.gateway.calls import Call
from reference.serving.gateway.generation import NotShared
from reference.serving.gateway.services import Services
from reference.serving.gateway.store import RedisGone


class Quota:
    """Charges calls with the limiter of one gateway, and notes the outcome in their response headers."""

    def __init__(self, services: Services) -> None:
        self._s = services

    def _rpm(self, call: Call) -> int:
        return call.key.rpm or self._s.settings.default_rpm

    def _tpm(self, call: Call) -> int:
        return call.key.tpm or self._s.settings.default_tpm

    def refuse_early(self, call: Call) -> None:
        """Refuses a key that was just refused, before any work is done for it. Raises GatewayError 429."""
        verdict = self._s.limiter.still_refused(call.key.key_id)
        if verdict is not None:
            self._note(call, verdict)

    async def charge_request(self, call: Call) -> None:
        """Charges one request, once however many tiers it is tried on. Raises GatewayError 429."""
        if call.charged:
            return
        call.charged = True
        self._note(call, await self._s.limiter.charge("requests", call.key.key_id, self._rpm(call), 1))

    async def charge_and_get(self, call: Call, cache_key: str) -> bytes | None:
        """Charges one request and reads the cache in the same round trip. Raises GatewayError 429."""
        s, rpm, key_id = self._s, self._rpm(call), call.key.key_id
        call.charged = True
        key = s.limiter.redis_key("requests", key_id)
        stored: bytes | None = None
        try:
            reply, stored = await s.gate.script_and_get(limits.GCRA, [key], limits.gcra_args(rpm, 1), cache_key)
            verdict = limits.verdict(rpm, reply)
        except RedisGone:
            s.metrics.cache_errors.labels("get").inc()
            verdict = s.limiter.charge_local("requests", key_id, rpm, 1)
        self._note(call, verdict)
        return stored

    async def reserve(self, call: Call, cost: int) -> None:
        """Reserves tokens for a generation. Raises NotShared (429, or 400 if the limit is smaller than the cost)."""
        verdict = await self._s.limiter.charge("tokens", call.key.key_id, self._tpm(call), cost)
        call.headers.update(verdict.headers("tokens"))
        if not verdict.allowed:
            self._s.metrics.rate_limited.labels("tokens").inc()
            raise NotShared.wrap(limits.refuse("tokens", verdict, cost))

    async def give_back(self, call: Call, cost: int) -> None:
        """Returns tokens that were reserved and not used."""
        if cost > 0:
            await self._s.limiter.charge("tokens", call.key.key_id, self._tpm(call), -cost)

    def _note(self, call: Call, verdict: limits.Verdict) -> None:
        call.headers.update(verdict.headers("requests"))
        if not verdict.allowed:
            self._s.limiter.remember_refusal(call.key.key_id, verdict)
            self._s.metrics.rate_limited.labels("requests").inc()
            raise limits.refuse("requests", verdict, 1)
