"""Question 2, what a design consists of: stages, whole plans, and the plans side by side; each with a JSON form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from reference.sizing.bands import checked_fields
from reference.sizing.kinds import Cost
from reference.sizing.roofline import Deployment
from reference.sizing.units import Q, Quantity, magnitude, money


@checked_fields
@dataclass(frozen=True)
class StagePlan:
    """One stage: `rate` per second to carry, `each` per second and instance, what an instance is, and the month's cost.

    `left_when_one_fails`: capacity over load with one instance down; below 1 the queue grows.
    """

    stage: str
    machine: str
    rate: float
    each: float
    instances: int
    monthly: Cost
    gpus: int = 0

    @property
    def utilisation(self) -> float:
        return self.rate / (self.each * self.instances)

    @property
    def left_when_one_fails(self) -> float:
        return self.each * (self.instances - 1) / self.rate

    def to_dict(self) -> dict[str, Any]:
        return {
            "stage": self.stage,
            "machine": self.machine,
            "rate": self.rate,
            "each": self.each,
            "instances": self.instances,
            "gpus": self.gpus,
            "utilisation": self.utilisation,
            "left_when_one_fails": self.left_when_one_fails,
            "monthly_usd": magnitude(self.monthly, "USD"),
        }


@checked_fields
@dataclass(frozen=True)
class Plan:
    """A whole service. `empty_cache_llms`: LLM instances that the load takes while the cache is empty."""

    name: str
    stages: tuple[StagePlan, ...]
    cache_share: Annotated[float, "fraction"] = 0.0
    empty_cache_llms: int = 0

    @property
    def monthly(self) -> Quantity:
        return Q(sum(magnitude(stage.monthly, "USD") for stage in self.stages), "USD")

    @property
    def gpus(self) -> int:
        return sum(stage.gpus for stage in self.stages)

    def stage(self, name: str) -> StagePlan:
        """The stage called `name`. Raises KeyError that lists the known ones."""
        for stage in self.stages:
            if stage.stage == name:
                return stage
        raise KeyError(f"no stage {name!r}; known: {', '.join(stage.stage for stage in self.stages)}")

    def __str__(self) -> str:
        parts = ", ".join(f"{stage.stage} {stage.instances}" for stage in self.stages)
        return f"{self.name}: {parts}; {self.gpus} GPUs, {money(self.monthly)} a month"

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "stages": [stage.to_dict() for stage in self.stages],
            "gpus": self.gpus,
            "monthly_usd": magnitude(self.monthly, "USD"),
            "cache_share": self.cache_share,
            "empty_cache_llms": self.empty_cache_llms,
        }


@dataclass(frozen=True)
class Design:
    """The corrected answer: `plans` from the source's own counts to the leanest, the LLM hardware that was chosen,
    what an API would charge for the same tokens, and what was tried and why it is out."""

    plans: tuple[Plan, ...]
    deployment: Deployment
    in_flight_per_llm: float
    api: dict[str, Quantity]
    rejected: tuple[tuple[str, str], ...]

    def plan(self, name: str) -> Plan:
        """The plan called `name`. Raises KeyError that lists the known ones."""
        for plan in self.plans:
            if plan.name == name:
                return plan
        raise KeyError(f"no plan {name!r}; known: {', '.join(plan.name for plan in self.plans)}")

    def to_dict(self) -> dict[str, Any]:
        return {
            "plans": [plan.to_dict() for plan in self.plans],
            "llm": self.deployment.name,
            "in_flight_per_llm": self.in_flight_per_llm,
            "api_usd": {name: magnitude(cost, "USD") for name, cost in self.api.items()},
            "rejected": [{"option": name, "why": why} for name, why in self.rejected],
        }
