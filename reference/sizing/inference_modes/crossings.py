"""Where one mode passes the other, by formula: load, items, connections held, polls, a fleet that is always on.

Seconds, dollars. Each function says in its docstring what it assumes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .deadlines import late_probability


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be positive, got {value!r}")


def sync_load_limit(
    service_s: float, scv: float, slots: int, deadline_s: float, *, late: float = 0.05, part_s: float | None = None
) -> float:
    """Highest Poisson rate (1/s) at which at most the share `late` passes the deadline; 0 if none does.

    late 0.05: the load at which the p95 passes. part_s: of the service, until the first part is there (a stream).
    """
    _positive(service_s=service_s, deadline_s=deadline_s)

    def met(rate: float) -> bool:
        return late_probability(rate, service_s, scv, slots, deadline_s, part_s) <= late

    if not met(0.0):
        return 0.0
    low, high = 0.0, slots / service_s
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if met(middle) else (low, middle)
    return low


@dataclass(frozen=True)
class ItemCrossing:
    """Seconds for a number of items, and where the batch wins. `items` is None if it never does."""

    items: int | None
    call_s_per_item: float
    batch_s_per_item: float
    setup_s: float


def call_makespan(items: int, service_s: float, at_once: int, *, round_trip_s: float = 0.0) -> float:
    """Seconds for `items` synchronous calls of one caller that keeps `at_once` open."""
    _positive(service_s=service_s)
    if items < 0 or at_once < 1:
        raise ValueError("call_makespan: needs items >= 0 and at_once >= 1")
    return math.ceil(items / at_once) * (service_s + round_trip_s)


def batch_makespan(items: int, service_s: float, slots: int, *, setup_s: float) -> float:
    """Seconds for a batch: `setup_s` (upload, check, wait for its turn, fetch), then `slots` items at once."""
    _positive(service_s=service_s)
    if items < 0 or slots < 1 or setup_s < 0:
        raise ValueError("batch_makespan: needs items >= 0, slots >= 1 and setup_s >= 0")
    return setup_s + math.ceil(items / slots) * service_s


def batch_wins_from(
    service_s: float, at_once: int, slots: int, *, setup_s: float, round_trip_s: float = 0.0, most: int = 10**9
) -> ItemCrossing:
    """Fewest items from which on the batch is always done before the calls of one caller.

    at_once: the caller's own limit; slots: what the batch gets. Without more slots or fewer round trips it never wins.
    The two are compared by their rates, so that a last round that is not full does not count.
    """
    _positive(service_s=service_s)
    if setup_s < 0 or round_trip_s < 0 or at_once < 1 or slots < 1:
        raise ValueError("batch_wins_from: needs setup_s >= 0, round_trip_s >= 0, at_once >= 1 and slots >= 1")
    call, batch = (service_s + round_trip_s) / at_once, service_s / slots
    items = None if batch >= call else math.floor(setup_s / (call - batch)) + 1
    return ItemCrossing(items if items is not None and items <= most else None, call, batch, setup_s)


def lost_work(items: int, service_s: float, at_once: int, crash_at: float = 0.5) -> float:
    """Items that a caller must send again, or ask for again, when it dies at this share of its calls and kept no list.

    All that were answered are lost with it; a batch keeps them on the server, so it loses none.
    """
    if not 0 <= crash_at <= 1:
        raise ValueError(f"crash_at must lie between 0 and 1, got {crash_at!r}")
    return items * crash_at + min(at_once, items)


def connections_held(rate: float, held_s: float) -> float:
    """Mean connections open (Little): sync and stream hold one for wait and service, a job for its submission only."""
    if rate < 0 or held_s < 0:
        raise ValueError("connections_held: needs rate >= 0 and held_s >= 0")
    return rate * held_s


@dataclass(frozen=True)
class Polling:
    """What asking again costs against being told.

    polls: requests per job; wasted: of those, answered "not yet"; delay_s: mean time from the end until it is known.
    """

    polls: float
    wasted: float
    delay_s: float
    requests_per_s: float


def polling(job_s: float, interval_s: float, rate: float = 1.0) -> Polling:
    """Polls of a job that takes `job_s` and is asked for every `interval_s`, the end falling anywhere in an interval.

    rate: jobs/s. A webhook is one request per job with no such delay.
    """
    _positive(job_s=job_s, interval_s=interval_s)
    wasted = job_s / interval_s
    return Polling(polls=wasted + 1, wasted=wasted, delay_s=interval_s / 2, requests_per_s=rate * (wasted + 1))


def polling_with_backoff(job_s: float, first_s: float, factor: float, most_s: float) -> Polling:
    """The same with intervals that grow by `factor` up to `most_s`, for a job of exactly `job_s`."""
    _positive(job_s=job_s, first_s=first_s, factor=factor, most_s=most_s)
    now, step, polls = 0.0, first_s, 0
    while now < job_s:
        now, step, polls = now + step, min(most_s, step * max(1.0, factor)), polls + 1
    return Polling(polls=polls, wasted=polls - 1, delay_s=now - job_s, requests_per_s=float(polls))


def always_on_from(usd_per_hour: float, capacity_per_s: float, usd_per_request: float) -> float:
    """Share of its capacity that a replica must be used on average to be cheaper than paying by request.

    Above 1: never. usd_per_request: an API, or a machine that is paid for only while it works.
    """
    _positive(usd_per_hour=usd_per_hour, capacity_per_s=capacity_per_s, usd_per_request=usd_per_request)
    return usd_per_hour / (capacity_per_s * 3600 * usd_per_request)


def scaled_from(
    peak_over_mean: float, busy_s: float, cold_start_s: float, linger_s: float, *, fill: float = 1.0
) -> float:
    """Cost of a fleet that follows the load over that of one which always holds the peak, at the same price.

    A busy spell of `busy_s` is paid with its cold start and the time before the workers go; `fill` is the share of a
    working worker's slots that is in use. Below 1 the following fleet is cheaper.
    """
    _positive(peak_over_mean=peak_over_mean, busy_s=busy_s, fill=fill)
    if peak_over_mean < 1:
        raise ValueError(f"peak_over_mean must be at least 1, got {peak_over_mean!r}")
    return (busy_s + cold_start_s + linger_s) / busy_s / fill / peak_over_mean
