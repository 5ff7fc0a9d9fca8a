"""Timers of a fleet, and what happens when a try ends without an answer."""

from __future__ import annotations

import math

from .core_fleet_state import MINUTE, Fleet, Rules
from .core_state import State, compiled, compiled_apart


@compiled
def add_timer(fleet: Fleet, at: float, request: int, attempt: int, number: int) -> None:
    """Onto the heap. The caller sees to it that there is room."""
    heap = fleet.timers
    i = fleet.control[0].timers
    fleet.control[0].timers = i + 1
    while i > 0 and heap[(i - 1) // 2].at > at:
        heap[i] = heap[(i - 1) // 2]
        i = (i - 1) // 2
    record = heap[i]
    record.at, record.request, record.attempt, record.number = at, request, attempt, number


@compiled
def drop_first_timer(fleet: Fleet) -> None:
    """Take the earliest timer off the heap."""
    heap = fleet.timers
    n = fleet.control[0].timers - 1
    fleet.control[0].timers = n
    i = 0
    while 2 * i + 1 < n:
        child = 2 * i + 1
        if child + 1 < n and heap[child + 1].at < heap[child].at:
            child += 1
        if heap[n].at <= heap[child].at:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = heap[n]


@compiled
def forget_old(fleet: Fleet, now: float) -> None:
    """Move the retry budget's window, of whole seconds, up to `now`."""
    c = fleet.control[0]
    second = int(now)
    steps = min(second - c.second, MINUTE)
    for k in range(steps):
        old = fleet.minute[(second - k) % MINUTE]
        c.first_sent -= old[0]
        c.retried -= old[1]
        old[0], old[1] = 0, 0
    c.second = second


@compiled
def count_first(rules: Rules, fleet: Fleet, now: float) -> None:
    """A first send at second `now`, for the budget of retries."""
    if not math.isinf(rules.budget):
        forget_old(fleet, now)
        fleet.control[0].first_sent += 1
        fleet.minute[int(now) % MINUTE, 0] += 1


@compiled
def within_budget(rules: Rules, fleet: Fleet, now: float) -> bool:
    """Whether one more retry may be sent; if so it is counted."""
    if math.isinf(rules.budget):
        return True
    forget_old(fleet, now)
    c = fleet.control[0]
    if c.retried + 1 > rules.budget * c.first_sent:
        return False
    c.retried += 1
    fleet.minute[int(now) % MINUTE, 1] += 1
    return True


@compiled_apart
def end_without_answer(rules: Rules, state: State, fleet: Fleet, request: int, outcome: int, now: float) -> None:
    """The current try of `request` came to nothing: another one after a pause, or this is its outcome.

    The next try is counted at once, so that the engine's work for this one is nobody's from now on.
    """
    job = state.request[request]
    job.ttft = math.nan
    if job.attempts < rules.attempts and within_budget(rules, fleet, now):
        pause = rules.backoff_s * rules.factor ** (job.attempts - 1)
        pause *= 1.0 - rules.jitter * fleet.backoff.random()
        job.attempts += 1
        add_timer(fleet, now + pause, request, -1, 0)
    else:
        job.outcome = outcome
        fleet.control[0].ended += 1
