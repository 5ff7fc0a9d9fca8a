"""Question 1, scaling: the bounds of the autoscaler, the warm pool, how fast it reacts, and what regions add.

All of these grant the source its 500 requests a minute per instance, to judge the scaling by itself.
"""

from __future__ import annotations

import math

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, enough, not_above, over_range
from reference.sizing.memory import weights_bytes
from reference.sizing.traffic import cold_start_time
from reference.sizing.units import Q, Quantity, magnitude, show

from .assumptions import Q1Assumptions


def _each(a: Q1Assumptions) -> float:
    return magnitude(a.stated_rate, "request/s/replica")


def cold_start(a: Q1Assumptions) -> Quantity:
    return cold_start_time(
        provision=a.provision, image_pull=a.image_pull, weights=weights_bytes(a.shape, "bf16"),
        load_bandwidth=a.load_bandwidth, warm_up=a.warm_up,
    )  # fmt: skip


@claim(
    "q1.minimum-10",
    question=1,
    statement="A minimum of 10 instances carries the quiet hours.",
    stated=Q(10, "replica"),
)
def minimum(a: Q1Assumptions, stated: Quantity) -> Outcome:
    needed = math.ceil(magnitude(a.trough, "request/s") / (_each(a) * a.utilisation_ceiling)) + a.spare
    return enough(
        Q(a.min_instances, "replica"),
        Q(needed, "replica"),
        f"the quiet hours bring {show(a.trough.to('rpm'))}, {needed} instances at the stated rate with {a.spare} spare",
    )


@claim(
    "q1.maximum-30",
    question=1,
    statement="A maximum of 30 instances carries the peak.",
    stated=Q(30, "replica"),
)
def maximum(a: Q1Assumptions, stated: Quantity) -> Outcome:
    average, ceiling = magnitude(a.average, "request/s"), a.max_instances * _each(a)
    needed = math.ceil(magnitude(a.peak, "request/s") / _each(a))
    return over_range(
        Q(needed, "replica"),
        lambda factor: average * factor <= ceiling,
        variable="peak over average",
        low=a.burst,
        high=a.diurnal * a.burst_high,
        search=(0.1, 50.0),
        reason=f"a peak of {show(a.peak.to('rpm'))} takes {needed} instances at the stated rate and full utilisation",
    )


@claim(
    "q1.warm-pool-3",
    question=1,
    statement="A warm pool of 3 instances covers what happens while new ones start.",
    stated=Q(3, "replica"),
)
def warm_pool(a: Q1Assumptions, stated: Quantity) -> Outcome:
    busy = magnitude(a.busy, "request/s")
    needed = math.ceil(busy * (a.burst - 1) / _each(a))
    cold = cold_start(a)
    return over_range(
        Q(needed, "replica"),
        lambda burst: busy * (burst - 1) <= a.warm_pool * _each(a),
        variable="burst over the busy hours' mean",
        low=a.burst,
        high=a.burst_high,
        search=(1.0, 10.0),
        reason=f"a new instance takes {show(cold.to('min'))} and a burst comes within a minute, so standby alone must "
        f"take {show(Q(busy * (a.burst - 1) * 60, 'rpm'))} more: {needed} instances at the stated rate",
    )


@claim(
    "q1.autoscaler-protects-ttft",
    question=1,
    statement="Scaling on queue depth and GPU utilisation keeps the first token within 500 ms.",
    stated=Q(0.5, "s"),
    implied=True,
)
def autoscaler_reacts(a: Q1Assumptions, stated: Quantity) -> Outcome:
    busy = magnitude(a.busy, "request/s")
    running = busy / a.utilisation_ceiling + a.warm_pool * _each(a)
    backlog = max(0.0, busy * a.burst - running) * magnitude(cold_start(a), "s")
    wait = Q(backlog / running, "s")
    return not_above(
        a.ttft_target,
        wait,
        f"from {a.utilisation_ceiling:.0%} busy plus the warm pool, a burst of {a.burst:g}x outruns the fleet for the "
        f"{show(cold_start(a))} of a cold start, and the queue at its end is {show(wait)} long: shed or pre-scale",
    )


@claim(
    "q1.three-regions",
    question=1,
    statement="The same fleet is spread over three regions.",
    stated=Q(15, "replica"),
    implied=True,
)
def regions(a: Q1Assumptions, stated: Quantity) -> Outcome:
    each = _each(a) * a.utilisation_ceiling
    peak = magnitude(a.peak, "request/s")
    parts = [math.ceil(peak * share / each) + a.spare for share in a.region_shares]
    together = math.ceil(peak / each) + a.spare
    return enough(
        Q(a.stated_instances, "replica"),
        Q(sum(parts), "replica"),
        f"each region needs its own peak and its own spare: {' + '.join(map(str, parts))} = {sum(parts)} at the stated "
        f"rate, {together} in one place",
    )
