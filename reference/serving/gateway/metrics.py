"""Prometheus metrics of one gateway app. Each app has its own registry, so several can live in one process."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# First token: from a cache hit (about a millisecond) to a long prompt on a CPU (tens of seconds).
_TTFT = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 13, 20, 30, 60)
# Time per output token: a GPU under light load (5 ms) to a CPU at batch 64 (0.4 s).
_TPOT = (0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1)
_TOTAL = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 600)
_WAIT = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """The gateway's metrics. Labels have few values by construction: no tenant, key, session or user text."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
            return Counter(f"gateway_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(f"gateway_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], labels: tuple[str, ...] = ()) -> Histogram:
            return Histogram(f"gateway_{name}", text, labels, registry=registry, buckets=buckets)

        self.requests = counter("requests", "HTTP requests", ("route", "status"))
        self.request_seconds = histogram("request_seconds", "Whole request, s", _TOTAL, ("route",))
        self.ttft = histogram("ttft_seconds", "Request received to first token sent, s", _TTFT, ("source",))
        self.tpot = histogram("tpot_seconds", "Mean time per output token after the first, s", _TPOT)
        self.tokens = counter("tokens", "Tokens of completed generations", ("direction",))
        self.open_requests = gauge("open_requests", "Requests being handled")
        self.inflight = gauge("inflight_generations", "Generations running for this gateway")
        self.engine_waiting = gauge("engine_requests_waiting", "Engine's own queue at the last poll")
        self.engine_running = gauge("engine_requests_running", "Engine's running requests at the last poll")
        self.engine_up = gauge("engine_up", "1 if the last poll of the engine succeeded")
        self.redis_up = gauge("redis_up", "1 if Redis answered last time")
        self.breaker_state = gauge("breaker_state", "Circuit to the engine: 0 closed, 1 half open, 2 open")
        self.breaker_changes = counter("breaker_transitions", "Circuit state changes", ("to",))
        self.upstream_errors = counter("upstream_errors", "Failed calls of the engine", ("kind",))
        self.upstream_retries = counter("upstream_retries", "Calls repeated before the first token")
        self.cache = counter("cache_requests", "Exact cache", ("outcome",))
        self.cache_errors = counter("cache_errors", "Cache reads or writes that failed", ("operation",))
        self.shed = counter("shed", "Requests refused because of load", ("reason",))
        self.rate_limited = counter("rate_limited", "Requests refused by a key's limit", ("kind",))
        self.auth_failures = counter("auth_failures", "Requests with no valid key")
        self.local_limits = counter("rate_limit_local", "Limit decisions taken in memory because Redis was gone")
        self.session_turns = counter("session_turns", "Session turns", ("outcome",))
        self.session_wait = histogram("session_wait_seconds", "Wait for the session's lock, s", _WAIT)
        self.session_folds = counter("session_folds", "Old turns folded into the summary", ("method",))
        self.guardrails = counter("guardrail_findings", "Guardrail findings", ("direction", "kind"))
        self.guardrail_blocks = counter("guardrail_blocks", "Requests or answers blocked", ("direction",))
        self.disconnects = counter("client_disconnects", "Clients that left before the end", ("phase",))
        self.slow_readers = counter("slow_readers", "Streams ended because the client did not read")
        self.small_engine_up = gauge("small_engine_up", "1 if the last poll of the small tier's engine succeeded")
        self.small_engine_waiting = gauge("small_engine_requests_waiting", "Queue of the small tier's engine")
        self.small_engine_running = gauge("small_engine_requests_running", "Running requests of the small tier")
        self.small_breaker_state = gauge("small_breaker_state", "Circuit to the small tier, as gateway_breaker_state")
        self.routed = counter("routed", "Requests whose tier was chosen, by the tier first tried", ("tier",))
        self.tier_fallbacks = counter("tier_fallbacks", "Requests that the strong tier took over", ("reason",))
        self.chooser_failures = counter("chooser_failures", "Choices that failed or took too long", ("reason",))
        self.similar = counter("similar_requests", "Look-ups of similar answers", ("outcome",))
        self.similar_kept = counter("similar_kept", "Answers offered to the store of similar ones", ("outcome",))
        self.usage_writes = counter("usage_writes", "Writes of usage to Redis", ("outcome",))
        self.usage_dropped = counter("usage_dropped_requests", "Uses that were not counted: the buffer was full")
        self.usage_waiting = gauge("usage_series_waiting", "Series of usage that are not written yet")
        self.rag = counter("rag_requests", "Retrieval calls", ("outcome",))

    def watch(self, gauge: Gauge, value: Callable[[], float]) -> None:
        """Makes `gauge` read `value()` at each scrape."""
        gauge.set_function(value)

    def render(self) -> bytes:
        """The registry in the Prometheus text format."""
        return generate_latest(self.registry)
