"""Outcomes on their way from the requests to the controller: bounded, without duplicates, in memory or in Redis."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from reference.serving.rollout.statistics.windows import check_outcome
from reference.serving.rollout.types import Outcome, RolloutError

MOST = 200_000
LATENCY_BUCKETS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0)


class MemoryOutcomes:
    """For one process. Keeps the last `most` outcomes; reading from further back raises RolloutError, nothing is
    skipped silently.
    """

    def __init__(self, most: int = MOST) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, list[Outcome]] = {}
        self._first: dict[str, int] = {}
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self.most = most

    def record(self, rollout_id: str, request_id: str, outcome: Outcome) -> bool:
        """False if this request was recorded before. Raises RolloutError for impossible fields."""
        check_outcome(outcome)
        with self._lock:
            key = (rollout_id, request_id)
            if key in self._seen:
                return False
            self._seen[key] = None
            kept = self._kept.setdefault(rollout_id, [])
            kept.append(outcome)
            if len(kept) > self.most:
                kept.pop(0)
                self._first[rollout_id] = self._first.get(rollout_id, 0) + 1
            while len(self._seen) > self.most:
                self._seen.popitem(last=False)
            return True

    def read(self, rollout_id: str, after: str) -> tuple[Sequence[Outcome], str]:
        with self._lock:
            kept, first = self._kept.get(rollout_id, []), self._first.get(rollout_id, 0)
            start = int(after or 0)
            if start < first:
                raise RolloutError(f"outcomes: those before number {first} are no longer kept; raise `most`")
            return kept[start - first :], str(first + len(kept))


class RedisOutcomes:
    """A stream per rollout: survives the processes, read by whichever controller holds the lease."""

    def __init__(self, redis: Any, prefix: str = "rollout", most: int = MOST, remember_s: int = 86_400) -> None:
        self.redis, self.prefix, self.most, self.remember_s = redis, prefix, most, remember_s
        self.rejected = 0  # entries that could not be read

    def _stream(self, rollout_id: str) -> str:
        return f"{self.prefix}:outcomes:{rollout_id}"

    def record(self, rollout_id: str, request_id: str, outcome: Outcome) -> bool:
        """False if this request was recorded before (within a day). Raises RolloutError for impossible fields."""
        check_outcome(outcome)
        seen = f"{self.prefix}:seen:{rollout_id}:{request_id}"
        if not self.redis.set(seen, 1, nx=True, ex=self.remember_s):
            return False
        body = json.dumps(dataclasses.asdict(outcome))
        self.redis.xadd(self._stream(rollout_id), {"o": body}, maxlen=self.most, approximate=True)
        return True

    def read(self, rollout_id: str, after: str) -> tuple[Sequence[Outcome], str]:
        found: list[Outcome] = []
        cursor, begun = after or "0-0", bool(after)
        while batch := self.redis.xrange(self._stream(rollout_id), f"({cursor}" if begun else "-", count=5000):
            begun = True
            for entry_id, fields in batch:
                values = {(k.decode() if isinstance(k, bytes) else k): v for k, v in fields.items()}
                try:
                    found.append(Outcome(**json.loads(values["o"])))
                except (KeyError, TypeError, ValueError):
                    self.rejected += 1  # written by something else: one bad entry must not stop the rollout
                cursor = entry_id.decode() if isinstance(entry_id, bytes) else entry_id
        return found, cursor if begun else after


class VersionMetrics:
    """Prometheus counters and a latency histogram per model, version and arm, in a registry of their own."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self.registry = CollectorRegistry()
        labels = ("model", "version", "arm")
        self._requests = Counter(
            "rollout_requests", "Requests by outcome", (*labels, "outcome"), registry=self.registry
        )
        self._latency = Histogram(
            "rollout_latency_seconds", "Latency of answers", labels, buckets=LATENCY_BUCKETS, registry=self.registry
        )

    def count(self, model: str, version: str, arm: str, outcome: str, latency_s: float | None) -> None:
        """outcome: "ok", "error" or "retried" (failed on the candidate, answered by the baseline)."""
        self._requests.labels(model, version, arm, outcome).inc()
        if latency_s is not None:
            self._latency.labels(model, version, arm).observe(latency_s)

    def text(self) -> str:
        from prometheus_client import generate_latest

        return generate_latest(self.registry).decode()
