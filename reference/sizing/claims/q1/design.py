"""Question 1 redesigned: the same traffic and targets, sized honestly, and what the budget can buy instead."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Annotated, Any

from reference.sizing.bands import checked, checked_fields
from reference.sizing.cost import api_cost, fleet_cost_rate, monthly_cost, token_price
from reference.sizing.evidence import plain
from reference.sizing.hardware import NoPrice, StalePrice, accelerator, accelerator_keys
from reference.sizing.kinds import Cost
from reference.sizing.memory import Infeasible
from reference.sizing.roofline import Deployment
from reference.sizing.throughput import Capacity, Unreachable, capacity
from reference.sizing.traffic import Fleet, replicas_for
from reference.sizing.units import Q, Quantity, magnitude, money, show

from .assumptions import Q1Assumptions

GPUS_PER_REPLICA = (1, 2, 4, 8)


@checked_fields
@dataclass(frozen=True)
class Option:
    """One way to serve (a share of) the traffic. `always_on` pays the peak fleet all month, `autoscaled` follows the
    day: busy hours with head-room for bursts, the rest of the day for its own mean."""

    deployment: Deployment
    capacity: Capacity
    fleet: Fleet
    gpus: Annotated[Quantity, "gpus"]
    price: Annotated[Quantity, "price_per_gpu_hour"]
    always_on: Annotated[Quantity, "cost"]
    autoscaled: Annotated[Quantity, "cost"]

    @property
    def name(self) -> str:
        return self.deployment.name

    def __str__(self) -> str:
        return (
            f"{magnitude(self.fleet.total, 'replica'):,.0f} x ({self.name}), {magnitude(self.gpus, 'gpu'):,.0f} GPUs, "
            f"{money(self.always_on)} a month always on, {money(self.autoscaled)} autoscaled; one replica does "
            f"{show(self.capacity.request_rate.to('rpm'))}, limited by {self.capacity.binding}"
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "replicas": magnitude(self.fleet.total, "replica"),
            "gpus": magnitude(self.gpus, "gpu"),
            "price": plain(self.price),
            "requests_per_minute_per_replica": magnitude(self.capacity.request_rate, "rpm"),
            "concurrency": magnitude(self.capacity.concurrency, "request"),
            "binding": self.capacity.binding,
            "ttft_ms": magnitude(self.capacity.ttft, "ms"),
            "tpot_ms": magnitude(self.capacity.tpot, "ms/token"),
            "always_on_usd": magnitude(self.always_on, "USD"),
            "autoscaled_usd": magnitude(self.autoscaled, "USD"),
        }


@checked_fields
@dataclass(frozen=True)
class Design:
    """The corrected answer. `as_stated` drops the TTFT target if the stated instance cannot meet it (`ttft_met`).

    `large_share`: largest share of requests that the large model can answer within the budget, the small one taking
    the rest (autoscaled); None if not even the small model alone fits it. `rejected`: what was tried and why it is out.
    """

    as_stated: Option
    ttft_met: bool
    best_large: Option | None
    best_small: Option | None
    large_share: float | None
    api: dict[str, Quantity]
    budget: Cost
    rejected: tuple[tuple[str, str], ...]

    @property
    def fits_budget(self) -> bool:
        """Whether the large model alone, on the cheapest hardware that meets the targets, stays within the budget."""
        return self.best_large is not None and self.best_large.autoscaled <= self.budget

    def to_dict(self) -> dict[str, Any]:
        return {
            "as_stated": self.as_stated.to_dict(),
            "as_stated_meets_ttft": self.ttft_met,
            "best_large": self.best_large.to_dict() if self.best_large else None,
            "best_small": self.best_small.to_dict() if self.best_small else None,
            "large_share_within_budget": self.large_share,
            "api_usd_per_month": {name: magnitude(cost, "USD") for name, cost in self.api.items()},
            "budget_usd": magnitude(self.budget, "USD"),
            "fits_budget": self.fits_budget,
            "rejected": [{"option": name, "why": why} for name, why in self.rejected],
        }


def option(a: Q1Assumptions, deployment: Deployment, *, ttft: bool = True, cached: bool = True) -> Option:
    """Size and price one deployment for all of the traffic.

    ttft: hold the TTFT target. cached: the shared system prompt is found in the KV-prefix cache, which costs nothing to
    switch on. Raises Infeasible, Unreachable or NoPrice.
    """
    return _priced(a, _capacity(a, deployment, ttft, cached), 1.0)


def _capacity(a: Q1Assumptions, deployment: Deployment, ttft: bool, cached: bool) -> Capacity:
    use_cache = cached and a.shared_prefix < a.prompt
    return capacity(
        deployment,
        a.prompt,
        a.output,
        ttft_target=a.ttft_target if ttft else None,
        tpot_target=a.tpot_target,
        cached=a.shared_prefix if use_cache else None,
        cached_is_shared=use_cache,
    )


def cached_capacity(a: Q1Assumptions) -> Capacity:
    """The stated instance at its best: system prompt cached and held once, TPOT target held, TTFT target waived."""
    return _capacity(a, a.instance, ttft=False, cached=True)


def _priced(a: Q1Assumptions, point: Capacity, share: float) -> Option:
    """Fleet and cost of replicas of this capacity for `share` of the traffic."""
    deployment = point.replica
    per_replica = point.request_rate / Q(1, "replica")

    def fleet(rate: Quantity) -> Fleet:
        return replicas_for(rate * share, per_replica, utilisation_ceiling=a.utilisation_ceiling, spare=a.spare)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StalePrice)  # the price's date stands in the record
        price = deployment.hardware.price().usd_per_gpu_hour

    def hourly(size: Fleet) -> Quantity:
        return fleet_cost_rate(size.total * Q(deployment.gpus, "gpu/replica"), price)

    at_peak = fleet(a.peak)
    follows = (hourly(at_peak) * a.busy_hours + hourly(fleet(a.trough * a.burst)) * (24 - a.busy_hours)) / 24
    return Option(
        deployment=deployment,
        capacity=point,
        fleet=at_peak,
        gpus=(at_peak.total * Q(deployment.gpus, "gpu/replica")).to("gpu"),
        price=price,
        always_on=monthly_cost(hourly(at_peak), a.hours_per_month),
        autoscaled=monthly_cost(follows, a.hours_per_month),
    )


def _cheapest(a: Q1Assumptions, model: str, rejected: list[tuple[str, str]]) -> Option | None:
    best = None
    for key in accelerator_keys():
        for gpus in GPUS_PER_REPLICA:
            for dtype in ("bf16", "fp8"):
                name = f"{model} {dtype} on {gpus} x {accelerator(key).name}"
                try:
                    found = option(a, a.deployment(model, key, gpus, dtype))
                except (Infeasible, Unreachable, NoPrice, ValueError) as error:
                    rejected.append((name, str(error)))
                    continue
                if best is None or found.autoscaled < best.autoscaled:
                    best = found
    return best


def _share_within(a: Q1Assumptions, large: Option, small: Option) -> float | None:
    """Largest share (in whole percent) for the large model such that both fleets together stay within the budget."""

    def cost(percent: int) -> float:
        parts = ((large, percent / 100), (small, 1 - percent / 100))
        return sum(magnitude(_priced(a, part.capacity, share).autoscaled, "USD") for part, share in parts if share > 0)

    # Whole replicas make the cost a staircase, so every step is tried instead of bisecting.
    affordable = [percent for percent in range(101) if cost(percent) <= magnitude(a.budget, "USD")]
    return max(affordable) / 100 if affordable else None


def corrected_design_q1(
    a: Q1Assumptions | None = None, api_models: tuple[str, ...] = ("gpt-4o-mini", "gpt-4o")
) -> Design:
    """Size question 1 for its peak: the stated hardware, the cheapest that meets both targets, and a cascade.

    Everything in the result is computed from the assumptions, the hardware table and the price lists.
    """
    a = a or Q1Assumptions()
    rejected: list[tuple[str, str]] = []
    try:
        as_stated, met = option(a, a.instance), True
    except Unreachable as error:
        rejected.append((a.instance.name, str(error)))
        as_stated, met = option(a, a.instance, ttft=False), False
    large = _cheapest(a, a.model, rejected)
    small = _cheapest(a, a.small_model, rejected)
    share = _share_within(a, large, small) if large is not None and small is not None else None
    api = {name: api_cost(token_price(name), a.average, a.prompt, a.output, a.hours_per_month) for name in api_models}
    return Design(as_stated, met, large, small, share, api, a.budget, tuple(rejected))


@checked
def instances_needed(a: Q1Assumptions, per_instance: Annotated[Quantity, "requests_per_second_per_replica"]) -> int:
    """Instances of this rate (request/s/replica) for the peak, below the utilisation ceiling, with spares."""
    each = magnitude(per_instance, "request/s/replica")
    return math.ceil(magnitude(a.peak, "request/s") / (each * a.utilisation_ceiling) - 1e-9) + a.spare
