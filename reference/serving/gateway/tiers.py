"""Two tiers: a strong engine, and a small one that answers what a chooser thinks it can.

A request that names a model goes to the engine that serves it. One whose model is `auto` goes where the chooser says,
and to the strong tier whenever the chooser or the small tier fails before the first token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from reference.serving.gateway.breaker import CircuitBreaker
from reference.serving.gateway.calls import Call
from reference.serving.gateway.errors import GatewayError, bad_request
from reference.serving.gateway.logs import log_event
from reference.serving.gateway.metrics import Metrics
from reference.serving.gateway.monitor import Monitor
from reference.serving.gateway.offload import NotDone, Offload
from reference.serving.gateway.seams import Choice, Chooser, TierName
from reference.serving.gateway.settings import Settings
from reference.serving.gateway.upstream import Upstream, engine_client, require_engine_model

# Failures of the small tier that the strong one makes good. What the caller's key, time or request is at fault for is
# not among them, but for a prompt that only the small model's window is too short for.
_MADE_GOOD = frozenset(
    (
        "engine_unavailable",
        "engine_error",
        "engine_timeout",
        "engine_overloaded",
        "engine_refused",
        "engine_rejected",
        "model_not_found",
        "context_length_exceeded",
        "overloaded",
    )
)


@dataclass(frozen=True)
class Tier:
    """One engine with what watches and guards it. `model_version` is a part of cache keys."""

    name: TierName
    http: httpx.AsyncClient
    breaker: CircuitBreaker
    upstream: Upstream
    monitor: Monitor
    model_version: str


def small_tier(settings: Settings, metrics: Metrics) -> Tier | None:
    """The small tier that the settings describe; None if they name none. Must run inside the event loop."""
    if not settings.small_engine_url:
        return None
    own = settings.model_copy(
        update={
            "engine_url": settings.small_engine_url,
            "engine_api_key": settings.small_engine_api_key,
            "model": settings.small_model,
        }
    )
    breaker = CircuitBreaker(
        own.breaker_failures,
        own.breaker_cooldown_s,
        lambda state: log_event("breaker", tier="small", state=state.name.lower()),
    )
    http = engine_client(own)
    monitor = Monitor(http, None, breaker, own, metrics, tier="small")
    # The tier is a part of the version: two engines that call their models alike must not share answers.
    version = f"small:{settings.small_model_version or 'unknown'}"
    return Tier("small", http, breaker, Upstream(http, own, breaker, metrics), monitor, version)


class Tiers:
    """Where requests go.

    Args:
        small: None without a second engine.
        chooser: None: `auto` is not served.
    """

    def __init__(
        self, settings: Settings, metrics: Metrics, strong: Tier, small: Tier | None, chooser: Chooser | None
    ) -> None:
        self._settings, self._metrics = settings, metrics
        self.strong, self.small, self.chooser = strong, small, chooser
        self._offload = Offload("chooser") if chooser is not None else None

    def of(self, call: Call) -> Tier:
        """The tier that a call is on."""
        return self.small if call.tier == "small" and self.small is not None else self.strong

    @property
    def routes(self) -> bool:
        """True if `auto` is served."""
        return self.small is not None and self.chooser is not None

    @property
    def served(self) -> list[str]:
        """All model names that a request may use."""
        small = self.small.monitor.served if self.small else []
        auto = [self._settings.auto_model] if self.routes else []
        return list(dict.fromkeys([*self.strong.monitor.served, *small, *auto]))

    def window_of(self, model: str) -> int:
        """Most tokens of prompt and answer for a model; for `auto`, what the larger tier takes."""
        monitors = [self.strong.monitor] if self.small is None else [self.strong.monitor, self.small.monitor]
        fitting = [monitor for monitor in monitors if model in monitor.served] or monitors
        return max(monitor.token_budget for monitor in fitting)

    def is_auto(self, model: str) -> bool:
        """True if the chooser decides. Raises GatewayError 400 if this is asked for and cannot be done."""
        if model != self._settings.auto_model or model in self.strong.monitor.served:
            return False
        if not self.routes:
            missing = [] if self.small else ["a second engine (GATEWAY_SMALL_ENGINE_URL)"]
            missing += [] if self.chooser else ["a chooser (create_app(..., chooser=...))"]
            raise bad_request(
                "routing_not_configured",
                f"'model' is '{model}', but this gateway has no {' and no '.join(missing)}. Name a served model, or "
                "set what is missing.",
                "model",
            )
        return True

    def serving(self, model: str) -> TierName:
        """The tier that serves a named model. Raises GatewayError 404 or, while an engine is not known, 503."""
        if self.small is None or model in self.strong.monitor.served:
            self.strong.monitor.require_model(model)
            return "strong"
        if model in self.small.monitor.served:
            return "small"
        for tier in (self.strong, self.small):
            if not tier.monitor.served:
                tier.monitor.require_model(model)
        require_engine_model(model, self.served)
        return "strong"

    async def choose(self, call: Call, text: str) -> None:
        """Puts an `auto` call on a tier, by the text of its last user message."""
        chooser, small, offload = self.chooser, self.small, self._offload
        assert chooser is not None
        assert small is not None
        assert offload is not None
        try:
            choice = _checked(await offload.run(lambda: chooser.choose(text), self._settings.chooser_timeout_s))
            tier: TierName = choice.tier
            call.headers["x-route-score"] = f"{choice.score:.4f}"
            call.fields.update(route_score=round(choice.score, 4), chooser=chooser.version)
        except NotDone as error:
            self._metrics.chooser_failures.labels(error.reason).inc()
            tier = "strong"
            call.headers["x-tier-fallback"] = "chooser_failed"
        if tier == "small" and not small.monitor.served:
            self.fall_back(call, "engine_unavailable")
        else:
            self.put_on(call, tier)
        self._metrics.routed.labels(call.tier).inc()

    def put_on(self, call: Call, tier: TierName) -> None:
        """Sends a call to a tier; an `auto` call asks for the model that the tier's engine serves."""
        call.tier = tier
        if call.auto:
            monitor = self.of(call).monitor
            model = next(iter(monitor.served), "")
            monitor.require_model(model)
            call.request = call.request.model_copy(update={"model": model})
            call.fields["model"] = model
        if self.small is not None:
            call.headers["x-tier"] = call.fields["tier"] = tier

    def fall_back(self, call: Call, reason: str) -> None:
        """Sends an `auto` call from the small tier to the strong one, and says so."""
        self._metrics.tier_fallbacks.labels(reason).inc()
        call.headers["x-tier-fallback"] = call.fields["tier_fallback"] = reason
        self.put_on(call, "strong")

    def makes_good(self, call: Call, error: GatewayError) -> bool:
        """True if the strong tier should answer after this failure of the small one."""
        return call.auto and call.tier == "small" and error.code in _MADE_GOOD

    def describe(self) -> dict[str, Any]:
        """What /readyz tells of the second engine; empty without one."""
        if self.small is None:
            return {}
        up = "up" if self.small.monitor.healthy else "down"
        return {"small_engine": up, "small_breaker": self.small.breaker.state.name.lower()}

    async def start(self) -> None:
        """Begins to watch the second engine."""
        if self.small is not None:
            await self.small.monitor.start()

    async def stop(self) -> None:
        """Ends what `start` began."""
        if self._offload is not None:
            self._offload.close()
        if self.small is not None:
            await self.small.monitor.stop()
            await self.small.http.aclose()


def _checked(choice: Choice) -> Choice:
    """Raises NotDone for a choice that is none."""
    if not isinstance(choice, Choice) or choice.tier not in {"strong", "small"} or not 0 <= choice.score <= 1:
        raise NotDone("bad_choice")
    return choice
