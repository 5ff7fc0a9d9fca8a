"""Will it be there in time: the chance that wait and service together pass a deadline, and the slots that avert it.

Poisson arrivals, one line, `servers` equal slots (M/G/c by `queueing`), service lognormal with the given spread. The
slots of a batching engine slow each other down: give the service time at the batch that you mean to run.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

_POINTS = 400  # of the service time's distribution, at equal probability


def _lognormal(mean: float, scv: float) -> tuple[float, float]:
    spread = math.log1p(scv)
    return math.log(mean) - spread / 2, math.sqrt(spread)


def service_beyond(service_s: float, scv: float, deadline_s: float) -> float:
    """P(service > deadline), lognormal; `scv` is variance over mean squared, 0 for constant."""
    if deadline_s <= 0:
        return 1.0
    if not math.isfinite(deadline_s):
        return 0.0
    if scv == 0:
        return float(service_s > deadline_s)
    centre, sigma = _lognormal(service_s, scv)
    return 1 - NormalDist(centre, sigma).cdf(math.log(deadline_s))


def service_percentile(service_s: float, scv: float, percent: float) -> float:
    """Seconds that `percent` of the services do not exceed."""
    if scv == 0:
        return service_s
    centre, sigma = _lognormal(service_s, scv)
    return math.exp(NormalDist(centre, sigma).inv_cdf(percent / 100))


@lru_cache(maxsize=256)
def _quantiles(service_s: float, scv: float) -> tuple[float, ...]:
    if scv == 0:
        return (service_s,)
    centre, sigma = _lognormal(service_s, scv)
    normal = NormalDist(centre, sigma)
    return tuple(math.exp(normal.inv_cdf((k + 0.5) / _POINTS)) for k in range(_POINTS))


@lru_cache(maxsize=64)
def _blocking(offered: float) -> list[float]:
    return [1.0]  # Erlang B by number of servers; grows as it is asked for


def waiting_probability(offered: float, servers: int) -> float:
    """Erlang C as `queueing.erlang_c` has it, with the steps kept: a search asks for many numbers of servers."""
    if not 0 <= offered < servers:
        raise ValueError(f"waiting_probability: needs 0 <= offered < servers, got {offered:g} and {servers}")
    steps = _blocking(offered)
    for n in range(len(steps), servers + 1):
        steps.append(offered * steps[-1] / (n + offered * steps[-1]))
    blocked = steps[servers]
    return servers * blocked / (servers - offered * (1 - blocked))


def late_probability(
    rate: float, service_s: float, scv: float, servers: int, deadline_s: float, part_s: float | None = None
) -> float:
    """P(wait + service > deadline), 1 where the line grows without end.

    Args:
        rate: arrivals/s. service_s: mean seconds in a slot.
        part_s: mean seconds of the service after which the deadline is met, e.g. until the first token; default: all.
            Its spread is taken to be that of the service.

    The wait is that of Kimura: none with probability 1 - C, else exponential with the mean of `queueing.mgc`.
    """
    if rate < 0 or service_s <= 0 or scv < 0 or servers < 1:
        raise ValueError("late_probability: needs rate >= 0, service_s > 0, scv >= 0 and servers >= 1")
    until = service_s if part_s is None else part_s
    offered = rate * service_s
    if offered >= servers:
        return 1.0
    beyond = service_beyond(until, scv, deadline_s) if until > 0 else float(deadline_s < 0)
    waiting = waiting_probability(offered, servers)
    if waiting == 0 or not math.isfinite(deadline_s):
        return beyond
    mean = service_s / (servers - offered) * (1 + scv) / 2
    points = _quantiles(until, scv) if until > 0 else (0.0,)
    delayed = sum(math.exp(-max(0.0, deadline_s - point) / mean) for point in points) / len(points)
    return (1 - waiting) * beyond + waiting * max(beyond, delayed)


def slots_in_time(
    rate: float, service_s: float, scv: float, deadline_s: float, late: float, part_s: float | None = None
) -> int | None:
    """Fewest slots at which at most the share `late` passes the deadline; None if the service alone is too long."""
    until = service_s if part_s is None else part_s
    if (service_beyond(until, scv, deadline_s) if until > 0 else float(deadline_s < 0)) > late:
        return None

    def met(servers: int) -> bool:
        return late_probability(rate, service_s, scv, servers, deadline_s, part_s) <= late + 1e-12

    low = math.floor(rate * service_s) + 1
    high = low
    while not met(high):
        if high > 100 * low + 1000:
            return None  # the service itself lies on the edge of the deadline
        low, high = high + 1, 2 * high
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if met(middle) else (middle + 1, high)
    return low
