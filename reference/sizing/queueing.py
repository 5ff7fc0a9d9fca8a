"""Queues: Little's law, Erlang B and C, M/M/c, and M/G/c by Allen-Cunneen with an exponential tail (Kimura).

Valid where a server works at the same speed however many others are busy. The slots of a batching engine do not: each
gets slower as the batch fills. For an engine use a replica's measured capacity as one server, or a simulation; an M/G/c
with slots as servers is a check of magnitude, not an answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from .bands import checked, checked_fields
from .kinds import Latency, RequestRate
from .units import Q, Quantity, magnitude


class Unstable(ValueError):
    """The queue grows without limit: the offered load is at or above what the servers do."""


@checked
def littles_law(
    arrival_rate: Annotated[Quantity, "request_rate"], time_in_system: Annotated[Quantity, "latency"]
) -> Annotated[Quantity, "queue_length"]:
    """Mean number in the system, L = lambda x W. Holds for any stable system, whatever the distributions."""
    return (arrival_rate * time_in_system).to("request")


def _servers(servers: int) -> int:
    if isinstance(servers, bool) or not isinstance(servers, int) or servers < 1:
        raise ValueError(f"servers must be a whole number of at least 1, got {servers!r}")
    return servers


def erlang_b(offered: float, servers: int) -> float:
    """Probability that all servers are busy and the request is lost; `offered` = arrival rate x service time."""
    if not offered >= 0:
        raise ValueError(f"offered load must not be negative, got {offered}")
    blocked = 1.0
    for n in range(1, _servers(servers) + 1):
        blocked = offered * blocked / (n + offered * blocked)
    return blocked


def erlang_c(offered: float, servers: int) -> float:
    """Probability that a request has to wait. Raises Unstable at utilisation 1 or above."""
    if offered >= _servers(servers):
        raise Unstable(f"utilisation {offered / servers:.3g} is not below 1: add servers or shed load")
    blocked = erlang_b(offered, servers)
    return servers * blocked / (servers - offered * (1 - blocked))


@checked_fields
@dataclass(frozen=True)
class QueueState:
    """A queue in steady state. `scv` is the mean of the squared coefficients of variation of arrivals and service."""

    servers: int
    utilisation: Annotated[Quantity, "utilisation"]
    wait_probability: Annotated[Quantity, "fraction"]
    mean_wait: Annotated[Quantity, "latency"]
    mean_queue: Annotated[Quantity, "queue_length"]
    mean_time_in_system: Annotated[Quantity, "latency"]
    service_time: Annotated[Quantity, "latency"]
    scv: float
    exact: bool

    def wait_percentile(self, percent: float) -> Quantity:
        """Wait that `percent` of the requests do not exceed (s). Zero if that many do not wait at all.

        P(W > t) = C exp(-t (c mu - lambda) / scv): exact for M/M/c, an approximation otherwise.
        """
        if not 0 < percent < 100:
            raise ValueError(f"percent must lie between 0 and 100, got {percent}")
        beyond = 1 - percent / 100
        waiting = magnitude(self.wait_probability, "")
        if waiting <= beyond:
            return Q(0, "s")
        # W given that one waits is exponential with this mean: mean_wait / C.
        return Q(magnitude(self.mean_wait, "s") / waiting * math.log(waiting / beyond), "s")


@checked
def mgc(
    arrival_rate: RequestRate,
    service_time: Latency,
    servers: int,
    *,
    service_scv: float = 1.0,
    arrival_scv: float = 1.0,
) -> QueueState:
    """Steady state of a queue with `servers` equal servers and one line.

    arrival_rate: request/s. service_time: mean, s. *_scv: variance over mean squared, 1 for exponential, 0 for
    constant. Exact for M/M/c and M/G/1; else Allen-Cunneen: M/M/c wait x (arrival_scv + service_scv) / 2.
    Raises Unstable at utilisation 1 or above.
    """
    rate, service = magnitude(arrival_rate, "request/s", "arrival_rate"), magnitude(service_time, "s", "service_time")
    if rate < 0 or service <= 0:
        raise ValueError(
            f"arrival_rate must not be negative and service_time positive, got {rate:g}/s and {service:g} s"
        )
    if service_scv < 0 or arrival_scv < 0:
        raise ValueError(f"service_scv and arrival_scv must not be negative, got {service_scv} and {arrival_scv}")
    offered = rate * service
    waiting = erlang_c(offered, servers)
    scv = (arrival_scv + service_scv) / 2
    wait = waiting * service / (servers - offered) * scv
    return QueueState(
        servers=servers,
        utilisation=Q(offered / servers, ""),
        wait_probability=Q(waiting, ""),
        mean_wait=Q(wait, "s"),
        mean_queue=Q(rate * wait, "request"),
        mean_time_in_system=Q(wait + service, "s"),
        service_time=Q(service, "s"),
        scv=scv,
        exact=arrival_scv == 1 and (service_scv == 1 or servers == 1),
    )


@checked
def mmc(arrival_rate: RequestRate, service_time: Latency, servers: int) -> QueueState:
    """M/M/c: Poisson arrivals, exponential service, `servers` servers. Raises Unstable at utilisation 1 or above."""
    return mgc(arrival_rate, service_time, servers)


@checked
def servers_for_wait(
    arrival_rate: RequestRate, service_time: Latency, wait: Latency, percent: float = 95.0, *, service_scv: float = 1.0
) -> int:
    """Fewest servers at which `percent` of the requests wait no longer than `wait` (s)."""
    offered = magnitude(arrival_rate, "request/s", "arrival_rate") * magnitude(service_time, "s", "service_time")
    limit = magnitude(wait, "s", "wait")
    if limit < 0:
        raise ValueError(f"wait must not be negative, got {limit:g} s")
    servers = math.floor(offered) + 1
    while True:
        state = mgc(arrival_rate, service_time, servers, service_scv=service_scv)
        if magnitude(state.wait_percentile(percent), "s") <= limit:
            return servers
        servers += 1
