"""Load shedding: better an early 429 than a late answer."""

from __future__ import annotations

from reference.serving.gateway.errors import GatewayError
from reference.serving.gateway.logs import now
from reference.serving.gateway.metrics import Metrics
from reference.serving.gateway.monitor import Monitor
from reference.serving.gateway.settings import Settings

_LONGEST_RETRY_S = 30.0


class Admission:
    """Counts this gateway's generations and refuses new ones beyond its limit or the engine's queue."""

    def __init__(self, settings: Settings, monitor: Monitor, metrics: Metrics) -> None:
        self._settings = settings
        self._monitor = monitor
        self._metrics = metrics
        self.inflight = 0
        self._interval_s = 1.0  # smoothed time between completions
        self._last_done = now()
        metrics.watch(metrics.inflight, lambda: float(self.inflight))

    def enter(self, monitor: Monitor | None = None) -> None:
        """Takes a slot (`monitor`: of which engine). Raises GatewayError 429 with Retry-After if there is none."""
        monitor = monitor or self._monitor
        if self.inflight >= self._settings.max_inflight:
            raise self._shed("inflight", self.inflight)
        if monitor.waiting > self._settings.max_engine_queue:
            raise self._shed("engine_queue", int(monitor.waiting))
        self.inflight += 1

    def leave(self) -> None:
        """Gives a slot back."""
        self.inflight -= 1
        moment = now()
        self._interval_s = 0.8 * self._interval_s + 0.2 * min(_LONGEST_RETRY_S, moment - self._last_done)
        self._last_done = moment

    def _shed(self, reason: str, depth: int) -> GatewayError:
        self._metrics.shed.labels(reason).inc()
        return GatewayError(
            429,
            "overloaded",
            "The service is at its limit; the request was not started. Retry after the time in Retry-After.",
            kind="overloaded_error",
            retry_after_s=min(_LONGEST_RETRY_S, max(1.0, depth * self._interval_s / 4)),
        )
