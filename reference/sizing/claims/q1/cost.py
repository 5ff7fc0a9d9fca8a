"""Question 1, money: the arithmetic of the estimate, the price in it, and what the traffic costs at sourced prices."""

from __future__ import annotations

import math

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, enough, not_above, over_choices, over_range
from reference.sizing.cost import HOURS_PER_30_DAYS, discounted, fleet_cost_rate, monthly_cost
from reference.sizing.hardware import accelerator
from reference.sizing.roofline import compute_roof
from reference.sizing.throughput import Unreachable
from reference.sizing.units import Q, Quantity, count, magnitude, money, show

from .assumptions import Q1Assumptions
from .design import Option, option


def _stated_hourly(a: Q1Assumptions) -> Quantity:
    return fleet_cost_rate(Q(a.stated_instances * a.gpus_per_instance, "gpu"), a.stated_price)


@claim(
    "q1.hourly-cost",
    question=1,
    statement="15 instances of two A100s at 3.50 dollars an hour cost 105 dollars an hour.",
    stated=Q(105, "USD/h"),
)
def hourly(a: Q1Assumptions, stated: Quantity) -> Outcome:
    computed = _stated_hourly(a)
    sum_ = f"{a.stated_instances} x {a.gpus_per_instance} x {money(a.stated_price)} = {money(computed)}"
    return close_to(stated, computed, sum_, 0.001)


@claim(
    "q1.monthly-cost",
    question=1,
    statement="That is 75,600 dollars a month.",
    stated=Q(75_600, "USD"),
)
def monthly(a: Q1Assumptions, stated: Quantity) -> Outcome:
    computed = monthly_cost(_stated_hourly(a), a.hours_per_month)
    short = monthly_cost(_stated_hourly(a), HOURS_PER_30_DAYS)
    text = f"{a.hours_per_month:g} h make {money(computed)}, {HOURS_PER_30_DAYS} h make {money(short)}"
    return close_to(stated, computed, text, 0.02)


@claim(
    "q1.price-per-gpu-hour",
    question=1,
    statement="An A100-80GB costs 3.50 dollars an hour.",
    stated=Q(3.50, "USD/gpu/h"),
)
def gpu_price(a: Q1Assumptions, stated: Quantity) -> Outcome:
    cheapest = a.device.price().usd_per_gpu_hour
    dated = sorted(
        (price for price in a.device.prices if price.as_of is not None), key=lambda price: price.usd_per_gpu_hour
    )
    choices = {
        f"{price.provider} {price.item} {money(price.usd_per_gpu_hour)} ({price.as_of})": abs(
            magnitude(price.usd_per_gpu_hour / a.stated_price, "") - 1
        )
        <= a.price_tolerance
        for price in dated
    }
    return over_choices(
        cheapest,
        choices,
        variable="provider",
        reason=f"on-demand list prices start at {money(cheapest)}; within {a.price_tolerance:.0%} of the stated",
    )


@claim(
    "q1.discounted-cost",
    question=1,
    statement="Spot or reserved capacity brings it to about 50,000 dollars.",
    stated=Q(50_000, "USD"),
)
def discounted_cost(a: Q1Assumptions, stated: Quantity) -> Outcome:
    full = monthly_cost(_stated_hourly(a), HOURS_PER_30_DAYS)  # the month that the stated figure counts
    implied = 1 - magnitude(a.stated_discounted_cost / full, "")
    middle = (a.discount_low + a.discount_high) / 2
    return over_range(
        discounted(full, middle),
        lambda discount: discounted(full, discount) <= a.stated_discounted_cost,
        variable="discount",
        low=a.discount_low,
        high=a.discount_high,
        search=(0.0, 1.0),
        reason=f"it implies {implied:.0%} off {money(full)}; {middle:.0%} off makes {money(discounted(full, middle))}, "
        "and spot machines vanish at short notice while a cold start takes minutes",
    )


@claim(
    "q1.infrastructure",
    question=1,
    statement="Redis, Qdrant and networking add about 10,000 dollars a month.",
    stated=Q(10_000, "USD"),
)
def infrastructure(a: Q1Assumptions, stated: Quantity) -> Outcome:
    card = accelerator(a.embedding_gpu)
    flops = magnitude(a.peak, "request/s") * a.query_tokens * 2 * a.embedding_parameters
    cards = math.ceil(flops / (magnitude(card.bf16_flops, "FLOP/s") * a.compute_efficiency * a.utilisation_ceiling))
    cards += a.spare
    embedding = monthly_cost(fleet_cost_rate(Q(cards, "gpu"), card.price().usd_per_gpu_hour), a.hours_per_month)
    requests = magnitude(a.average, "request/hour") * a.hours_per_month
    streamed = Q(requests * magnitude(a.output, "token/request") * a.bytes_per_streamed_token / 1e9, "GB")
    network = (streamed * a.egress_price).to("USD")
    total = embedding + network + a.redis_cost + a.qdrant_cost
    return not_above(
        a.stated_infrastructure,
        total,
        f"{cards} {card.name} for embeddings {money(embedding)}, {show(streamed.to('TB'))} streamed {money(network)}, "
        f"Redis {money(a.redis_cost)}, Qdrant {money(a.qdrant_cost)}: {money(total)}",
    )


@claim(
    "q1.total-cost",
    question=1,
    statement="The total is about 60,000 dollars a month.",
    stated=Q(60_000, "USD"),
)
def total(a: Q1Assumptions, stated: Quantity) -> Outcome:
    computed = a.stated_discounted_cost + a.stated_infrastructure
    parts = f"{money(a.stated_discounted_cost)} + {money(a.stated_infrastructure)} = {money(computed)}"
    return close_to(stated, computed, f"{parts}, if the parts were right", 0.02)


def _as_stated(a: Q1Assumptions) -> Option:
    try:
        return option(a, a.instance)
    except Unreachable:
        return option(a, a.instance, ttft=False)


@claim(
    "q1.within-budget",
    question=1,
    statement="The design stays within 100,000 dollars a month.",
    stated=Q(100_000, "USD"),
)
def within_budget(a: Q1Assumptions, stated: Quantity) -> Outcome:
    found = _as_stated(a)
    computed = found.autoscaled + a.stated_infrastructure
    return not_above(
        a.budget,
        computed,
        f"the stated hardware needs {count(found.gpus, 'gpu')} GPUs at the peak; autoscaled over the day at "
        f"{money(found.price)} that is {money(found.autoscaled)}, with infrastructure {money(computed)}",
    )


@claim(
    "q1.cost-per-message",
    question=1,
    statement="60,000 dollars a month pay for every message: 0.0002 dollars each.",
    stated=Q(0.0002, "USD/request"),
    implied=True,
)
def per_message(a: Q1Assumptions, stated: Quantity) -> Outcome:
    requests = a.average * Q(a.hours_per_month, "h")
    paid = ((a.stated_discounted_cost + a.stated_infrastructure) / requests).to("USD/request")
    hourly_ = fleet_cost_rate(Q(a.gpus_per_instance, "gpu"), a.stated_price)
    computed_in = max(1.0, magnitude(a.prompt, "token/request") - magnitude(a.shared_prefix, "token/request"))
    floor = (hourly_ / compute_roof(a.instance, Q(computed_in, "token/request"), a.output)).to("USD/request")
    return enough(
        paid,
        floor,
        f"at the stated {money(a.stated_price)}, {a.gpus_per_instance} GPUs doing nothing but arithmetic at 100 % of "
        f"their peak all month, system prompt cached, would cost {money(floor)}; the stated total pays {money(paid)}",
    )
