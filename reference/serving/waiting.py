"""Waiting until something is so, with a deadline: what other processes and servers do is looked at again and again.

    if not wait_until(lambda: path.exists(), 10):
        raise TimeoutError(...)

Trying again after a failure is `retry`.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

T = TypeVar("T")


def _pauses(
    within_s: float, every_s: float, growth: float, most_s: float, clock: Callable[[], float]
) -> Iterator[float]:
    """Pauses between looks; the last one ends at the deadline, so that the last look is made there."""
    if not (within_s >= 0 and every_s > 0 and growth >= 1):
        raise ValueError(f"within_s >= 0, every_s > 0 and growth >= 1 are needed, got {within_s}, {every_s}, {growth}")
    until = clock() + within_s
    while (left := until - clock()) > 0:
        yield min(every_s, left)
        every_s = min(every_s * growth, max(every_s, most_s))


def wait_until(
    look: Callable[[], T],
    within_s: float,
    *,
    every_s: float = 0.05,
    growth: float = 1.0,
    most_s: float = math.inf,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> T:
    """What `look` returned when it was true, or at the deadline, whatever it was then. Looks at least once.

    within_s: seconds from now. every_s: seconds between looks, times `growth` after each, at most `most_s`. What `look`
    raises ends the wait: a look that finds that it will never be so says so by raising.
    """
    found = look()
    if found:
        return found
    for pause in _pauses(within_s, every_s, growth, most_s, clock):
        sleep(pause)
        found = look()
        if found:
            break
    return found


async def wait_until_async(
    look: Callable[[], Awaitable[T]],
    within_s: float = math.inf,
    *,
    every_s: float = 0.05,
    growth: float = 1.0,
    most_s: float = math.inf,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> T:
    """`wait_until` for a coroutine function."""
    found = await look()
    if found:
        return found
    for pause in _pauses(within_s, every_s, growth, most_s, clock):
        await sleep(pause)
        found = await look()
        if found:
            break
    return found
