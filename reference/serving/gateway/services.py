"""The parts of one gateway, wired once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx

from reference.serving.gateway.admission import Admission
from reference.serving.gateway.breaker import CircuitBreaker, State
from reference.serving.gateway.context import Summariser
from reference.serving.gateway.exact_cache import ExactCache
from reference.serving.gateway.flights import Flights
from reference.serving.gateway.guard import Guards, MemoGuards, NoGuards
from reference.serving.gateway.keys import Authenticator
from reference.serving.gateway.limits import Limiter
from reference.serving.gateway.logs import log_event
from reference.serving.gateway.metrics import Metrics
from reference.serving.gateway.monitor import Monitor
from reference.serving.gateway.rag import NoRetriever, Retriever
from reference.serving.gateway.seams import Chooser, SimilarAnswers
from reference.serving.gateway.sessions import Sessions
from reference.serving.gateway.settings import Settings
from reference.serving.gateway.similar import SimilarTier
from reference.serving.gateway.store import RedisGate
from reference.serving.gateway.summary import engine_summariser, extractive_summariser
from reference.serving.gateway.tiers import Tier, Tiers, small_tier
from reference.serving.gateway.tokens import ByteTokenCounter, ModelTokenCounter, TokenCounter, model_digest
from reference.serving.gateway.upstream import Upstream, engine_client
from reference.serving.gateway.usage.meter import Meter


@dataclass
class Services:
    """What the request path uses."""

    settings: Settings
    metrics: Metrics
    gate: RedisGate
    http: httpx.AsyncClient
    breaker: CircuitBreaker
    monitor: Monitor
    auth: Authenticator
    limiter: Limiter
    cache: ExactCache
    flights: Flights
    sessions: Sessions
    upstream: Upstream
    admission: Admission
    counter: TokenCounter
    model_version: str
    guards: Guards
    retriever: Retriever
    summarise: Summariser
    tiers: Tiers
    similar: SimilarTier | None
    meter: Meter | None

    async def start(self) -> None:
        """Begins to watch engine and Redis."""
        await self.monitor.start()
        await self.tiers.start()
        if self.meter is not None:
            self.meter.start()

    async def stop(self) -> None:
        """Closes connections."""
        if self.similar is not None:
            await self.similar.stop()
        if self.meter is not None:
            await self.meter.stop()
        await self.tiers.stop()
        await self.monitor.stop()
        await self.http.aclose()
        await self.gate.close()


def default_guards(settings: Settings) -> Guards:
    """The workbook's guardrails, or none where `settings.guardrails` is false."""
    if not settings.guardrails:
        return NoGuards()
    from reference.serving.guardrails import Guardrails

    return MemoGuards(Guardrails.default())


def load_counter(model_dir: Path | None) -> TokenCounter:
    """The model's own tokenizer, or an upper bound where its folder is not known."""
    if model_dir is not None:
        return ModelTokenCounter(model_dir)
    return ByteTokenCounter()


def build(
    settings: Settings,
    *,
    guards: Guards | None = None,
    retriever: Retriever | None = None,
    summariser: Summariser | None = None,
    counter: TokenCounter | None = None,
    chooser: Chooser | None = None,
    similar: SimilarAnswers | None = None,
) -> Services:
    """Wires the parts. Must run inside the event loop that will use them.

    Raises:
        RedisUnavailable: the private Redis could not be started.
        FileNotFoundError: `settings.model_dir` lacks a tokenizer or a chat template.
    """
    from reference.serving.redis_store import connect_async

    metrics = Metrics()
    timeout_s = settings.redis_timeout_s
    client = connect_async(settings.redis_url or None, timeout_s=timeout_s, connect_timeout_s=timeout_s)
    gate = RedisGate(client, settings.redis_retry_s)

    def breaker_changed(state: State) -> None:
        metrics.breaker_changes.labels(state.name.lower()).inc()
        log_event("breaker", state=state.name.lower())

    breaker = CircuitBreaker(settings.breaker_failures, settings.breaker_cooldown_s, breaker_changed)
    http = engine_client(settings)
    upstream = Upstream(http, settings, breaker, metrics)
    monitor = Monitor(http, gate, breaker, settings, metrics)
    counter = counter or load_counter(settings.model_dir)
    if not counter.exact:
        log_event("tokens_estimated", 30, mend="set GATEWAY_MODEL_DIR to the model's folder for exact counts")
    if summariser is None and settings.summariser == "engine":
        summariser = engine_summariser(
            upstream,
            counter,
            lambda: next(iter(monitor.served), ""),
            lambda: monitor.token_budget,
            settings.summary_timeout_s,
        )
    prefix = settings.key_prefix
    model_version = settings.model_version or (model_digest(settings.model_dir) if settings.model_dir else "unknown")
    strong = Tier("strong", http, breaker, upstream, monitor, model_version)
    return Services(
        settings=settings,
        metrics=metrics,
        gate=gate,
        http=http,
        breaker=breaker,
        monitor=monitor,
        auth=Authenticator(gate, prefix, settings.key_pepper, settings.auth_fresh_s, settings.auth_stale_s),
        limiter=Limiter(gate, prefix, metrics.local_limits.inc),
        cache=ExactCache(gate, prefix, settings.cache_ttl_s, settings.cache_max_bytes, settings.flight_lock_s),
        flights=Flights(),
        sessions=Sessions(gate, prefix, settings.session_ttl_s, settings.session_lock_s, settings.session_wait_s),
        upstream=upstream,
        admission=Admission(settings, monitor, metrics),
        counter=counter,
        model_version=model_version,
        guards=guards if guards is not None else default_guards(settings),
        retriever=retriever or NoRetriever(),
        summarise=summariser or extractive_summariser,
        tiers=Tiers(settings, metrics, strong, small_tier(settings, metrics), chooser),
        similar=SimilarTier(similar, settings, metrics) if similar is not None else None,
        meter=Meter(gate, settings, metrics) if settings.usage_enabled else None,
    )
