"""Circuit breaker: after a row of failures the engine is left alone, then tried with one request."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import IntEnum


class State(IntEnum):
    """The numbers are those of the metric `gateway_breaker_state`."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class CircuitBreaker:
    """Counts failures in a row. Open: nothing passes until `cooldown_s` is over. Half open: one trial decides.

    Args:
        failures: row of failures that opens it.
        cooldown_s: seconds it stays open.
        on_change: called with the new state.
    """

    def __init__(
        self,
        failures: int,
        cooldown_s: float,
        on_change: Callable[[State], None] = lambda state: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = failures
        self._cooldown_s = cooldown_s
        self._on_change = on_change
        self._clock = clock
        self._state = State.CLOSED
        self._row = 0
        self._opened_at = 0.0
        self._trial_since: float | None = None

    @property
    def state(self) -> State:
        """The state now; an open circuit whose cool-down is over reads as half open."""
        if self._state is State.OPEN and self._clock() - self._opened_at >= self._cooldown_s:
            self._move(State.HALF_OPEN)
            self._trial_since = None
        return self._state

    @property
    def retry_after_s(self) -> float:
        """Seconds until the next trial may pass."""
        return max(0.0, self._opened_at + self._cooldown_s - self._clock()) if self._state is State.OPEN else 0.0

    def allow(self) -> bool:
        """True if a call may be made now. In the half-open state only one at a time is let through."""
        state = self.state
        if state is State.CLOSED:
            return True
        if state is State.OPEN:
            return False
        # A trial that never reported (its caller was cancelled) must not block the circuit for ever.
        if self._trial_since is not None and self._clock() - self._trial_since < max(self._cooldown_s, 1.0):
            return False
        self._trial_since = self._clock()
        return True

    def success(self) -> None:
        """Reports a call that worked."""
        self._row = 0
        self._trial_since = None
        self._move(State.CLOSED)

    def failure(self) -> None:
        """Reports a call that failed for a reason that lies with the engine."""
        self._row += 1
        self._trial_since = None
        if self.state is State.HALF_OPEN or self._row >= self._limit:
            self._opened_at = self._clock()
            self._move(State.OPEN)

    def _move(self, state: State) -> None:
        if state is not self._state:
            self._state = state
            self._on_change(state)
