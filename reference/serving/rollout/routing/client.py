"""A client that asks the right version, records how it went, and lets no failure of the candidate reach the user."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from reference.serving.rollout.routing.recorder import VersionMetrics
from reference.serving.rollout.routing.router import Route, Router
from reference.serving.rollout.types import BASELINE, CANDIDATE, Outcome


class Recorder(Protocol):
    def record(self, rollout_id: str, request_id: str, outcome: Outcome) -> bool: ...


@dataclass(frozen=True)
class Answer:
    """`served_by`: the version that answered; `retried`: the candidate failed and the baseline answered instead."""

    text: str
    served_by: str
    route: Route
    latency_s: float
    retried: bool = False


class VersionedClient:
    """`ask(version, text)` calls the engine and raises on any failure (5xx, time-out, unknown model).

    A failure counts against the candidate in the statistics, though the user gets the baseline's answer: otherwise the
    retry would hide exactly what the canary is there to find. `judge(text, answer)` may tell business and feedback.
    """

    def __init__(
        self,
        router: Router,
        model: str,
        ask: Callable[[str, str], Awaitable[str]],
        recorder: Recorder,
        *,
        baseline: Callable[[], str] | None = None,
        judge: Callable[[str, str], tuple[int | None, int | None]] | None = None,
        metrics: VersionMetrics | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.router, self.model, self._ask, self._recorder = router, model, ask, recorder
        self._judge, self.metrics, self._clock = judge, metrics, clock
        self._baseline = baseline or self._baseline_of_state

    def _baseline_of_state(self) -> str:
        state = self.router.state(self.model)
        return state.baseline if state else ""

    async def ask(self, user: str, text: str, request_id: str = "") -> Answer:
        """Raises what the baseline's call raises; RolloutError for an empty user."""
        route = self.router.route(user, self.model)
        begun = time.perf_counter()
        try:
            said = await self._ask(route.version, text)
        except Exception:
            self._note(route, user, request_id, None, text, None)
            spare = self._baseline()
            if route.arm != CANDIDATE or not spare or spare == route.version:
                raise
            said = await self._ask(spare, text)
            latency = time.perf_counter() - begun
            if self.metrics:
                self.metrics.count(self.model, spare, BASELINE, "retried", latency)
            return Answer(said, spare, route, latency, True)
        latency = time.perf_counter() - begun
        self._note(route, user, request_id, latency, text, said)
        return Answer(said, route.version, route, latency)

    def _note(
        self, route: Route, user: str, request_id: str, latency: float | None, text: str, said: str | None
    ) -> None:
        if self.metrics:
            self.metrics.count(self.model, route.version, route.arm, "error" if said is None else "ok", latency)
        if not route.rollout or not route.arm:
            return
        feedback, business = self._judge(text, said) if self._judge and said is not None else (None, None)
        outcome = Outcome(route.arm, user, self._clock(), said is None, latency, feedback, business)
        self._recorder.record(route.rollout, request_id or uuid.uuid4().hex, outcome)
