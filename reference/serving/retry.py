"""Trying again after a failure: few tries, pauses that grow and are drawn, never past a deadline.

    retry(lambda: post(order), RetryPolicy(tries=4, first_s=0.5), on=(ConnectionError,))

Pauses have full jitter: each is drawn evenly between 0 and a bound that doubles, so clients that failed together do
not come back together (M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015). Clock, sleep and
chance are arguments, so that tests wait for nothing.

Not for jobs: their tries outlive the process, so Redis counts them (`jobs.store`). Waiting for something that is not
a failure is `waiting.wait_until`.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
Errors = tuple[type[BaseException], ...]


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Pauses: the bound of the k-th is first_s * factor^(k - 1), at most most_s. Seconds."""

    first_s: float
    factor: float = 2.0
    most_s: float = 60.0

    def __post_init__(self) -> None:
        self._at_least(first_s=0.0, factor=1.0, most_s=0.0)

    def _at_least(self, **fields: float) -> None:
        for name, least in fields.items():
            if not getattr(self, name) >= least:
                raise ValueError(f"{name}: at least {least:g}, got {getattr(self, name)}")

    def bound_s(self, failures: int) -> float:
        """The longest pause after so many failures (1 or more), seconds."""
        if failures < 1:
            raise ValueError(f"failures: at least 1, got {failures}")
        try:
            return min(self.most_s, self.first_s * self.factor ** (failures - 1))
        except OverflowError:
            return self.most_s

    def pause_s(self, failures: int, chance: Callable[[], float] = random.random) -> float:
        """A pause drawn evenly between 0 and the bound, seconds. `chance`: a number from 0 to below 1."""
        return self.bound_s(failures) * chance()


@dataclass(frozen=True, kw_only=True)
class RetryPolicy(Backoff):
    """How often as well: `tries` calls in all, the first among them; none begins `within_s` seconds after the first."""

    tries: int
    within_s: float = math.inf

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least(tries=1, within_s=0.0)


class Tries:
    """The state of one retried call, for loops that `retry` does not fit (generators, answers that say when)."""

    def __init__(
        self,
        policy: RetryPolicy,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._policy, self._clock, self._chance = policy, clock, chance
        self._until = clock() + policy.within_s
        self.failures = 0

    def pause_s(self, least_s: float = 0.0) -> float | None:
        """Notes a failure. Seconds until the next try; None if there is none.

        least_s: what the other side asked for (Retry-After); no pause is shorter.
        """
        self.failures += 1
        if self.failures >= self._policy.tries:
            return None
        pause = max(least_s, self._policy.pause_s(self.failures, self._chance))
        return None if self._clock() + pause > self._until else pause


def retry(
    call: Callable[[], T],
    policy: RetryPolicy,
    *,
    on: Errors,
    when: Callable[[BaseException], bool] = lambda error: True,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
    chance: Callable[[], float] = random.random,
) -> T:
    """What `call` returns at its first success. The last error is raised, and at once any that is not to be retried.

    on, when: errors of these types for which `when` holds are retried.
    """
    tries = Tries(policy, clock=clock, chance=chance)
    while True:
        try:
            return call()
        except on as error:
            if not when(error) or (pause := tries.pause_s()) is None:
                raise
        sleep(pause)
