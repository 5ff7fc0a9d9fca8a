"""Prometheus metrics of one service. Labels have few values by construction: no tenant, key or text of a user."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from reference.rag.search_result import SearchResult

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Stages: a hit of a cache (0.1 ms) to an expansion by a language model on a CPU (seconds).
_STAGE = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_TOTAL = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_LEFT_OUT = {  # what is missing, by a word in what searcher and answerer say of it; the first that fits counts
    "expansion": "expansion",
    "variants": "expansion",
    "rerank": "rerank",
    "lexical only": "dense",
    "vectors only": "lexical",
    "model": "model",
}


class Metrics:
    """The service's metrics. The first five are what the gateway's envelope writes."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
            return Counter(f"rag_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], labels: tuple[str, ...] = ()) -> Histogram:
            return Histogram(f"rag_{name}", text, labels, registry=registry, buckets=buckets)

        self.requests = counter("requests", "HTTP requests", ("route", "status"))
        self.request_seconds = histogram("request_seconds", "Whole request, s", _TOTAL, ("route",))
        self.open_requests = Gauge("rag_open_requests", "Requests being handled", registry=registry)
        self.shed = counter("shed", "Requests refused because of load", ("reason",))
        self.auth_failures = counter("auth_failures", "Requests with no valid key")
        self.stage_seconds = histogram(
            "stage_seconds", "A stage as each of its requests saw it (the batch's time), s", _STAGE, ("stage",)
        )
        self.queue_seconds = histogram("queue_seconds", "Wait for a place in a batch, s", _STAGE)
        self.batch_size = histogram("batch_size", "Searches per batch", _SIZES)
        self.queue = Gauge("rag_queue", "Searches waiting", registry=registry)
        self.degraded = counter("degraded", "Something was left out", ("what",))
        self.cached = counter("cached", "Answered by a cache", ("cache", "kind"))
        self.skipped = counter("rerank_skipped", "Searches with a first hit so clear that none was reranked")
        self.no_hits = counter("no_hits", "Searches without a hit")
        self.answers = counter("answers", "Answers by the way they were made", ("tier",))
        self.first_sentence = histogram("first_sentence_seconds", "Request to first checked sentence, s", _TOTAL)
        self.removed = counter("removed_sentences", "Sentences that no passage supported")
        self.documents = counter("documents", "Documents written and deleted", ("change", "outcome"))
        self.searchable_seconds = histogram("searchable_seconds", "Change of a document to searchable, s", _TOTAL)
        self.disconnects = counter("client_disconnects", "Clients that left before the end", ("phase",))
        self.slow_readers = counter("slow_readers", "Streams ended because the client did not read")
        self._skipped_before = 0

    def watch(self, queue: Callable[[], float]) -> None:
        """Makes the gauge of the queue read `queue()` at each scrape."""
        self.queue.set_function(queue)

    def batch(self, size: int, seconds: float) -> None:
        """Takes in one batch; observer of the batcher."""
        self.batch_size.observe(size)

    def searched(self, result: SearchResult, waited_s: float) -> None:
        """Takes in one search."""
        self.queue_seconds.observe(waited_s)
        for stage, seconds in result.stages.items():
            self.stage_seconds.labels(stage).observe(seconds)
        self.left_out(result.degraded)
        if result.cached:
            self.cached.labels("search", result.cached).inc()
        if not result.hits:
            self.no_hits.inc()

    def left_out(self, degraded: list[str]) -> None:
        """Counts degradations, by what is missing."""
        for text in degraded:
            what = next((name for word, name in _LEFT_OUT.items() if word in text), "other")
            self.degraded.labels(what).inc()

    def render(self, skipped_reranks: int = 0) -> bytes:
        """The registry in the Prometheus text format. `skipped_reranks`: the searcher's count so far."""
        self.skipped.inc(max(0, skipped_reranks - self._skipped_before))
        self._skipped_before = max(self._skipped_before, skipped_reranks)
        return generate_latest(self.registry)
