"""What moves the monthly cost of question 1's corrected design: one assumption at a time."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

from reference.sizing.roofline import Deployment
from reference.sizing.sensitivity import Tornado, tornado
from reference.sizing.units import Q, Quantity

from .assumptions import Q1Assumptions
from .design import corrected_design_q1, option


def cost_drivers(a: Q1Assumptions | None = None, deployment: Deployment | None = None) -> Tornado:
    """Monthly cost (autoscaled) of serving everything with `deployment`, each assumption at a low and a high value.

    deployment: the cheapest large-model deployment of the corrected design by default; it stays the same while the
    assumptions move, and its TTFT target is waived, for at some ends it cannot be met. Ends of token counts and bursts
    are the median and the high values of the cited traces; the others are plausible halves and doubles.
    """
    a = a or Q1Assumptions()
    if deployment is None:
        best = corrected_design_q1(a).best_large
        if best is None:
            raise ValueError("no large-model deployment meets the targets: name one to vary")
        deployment = best.deployment
    base: dict[str, Any] = {"gpu_price": deployment.hardware.price().usd_per_gpu_hour}
    names = ("daily_users", "messages_per_user", "prompt", "output", "burst", "busy_share", "compute_efficiency",
             "utilisation_ceiling", "shared_prefix")  # fmt: skip
    base |= {name: getattr(a, name) for name in names}
    ranges: dict[str, tuple[Any, Any]] = {
        "gpu_price": (base["gpu_price"] * 0.6, base["gpu_price"] * 1.5),
        "daily_users": (a.daily_users * 0.5, a.daily_users * 2),
        "messages_per_user": (a.messages_per_user * 0.5, a.messages_per_user * 2),
        "prompt": (a.prompt_low, a.prompt * 2),
        "output": (a.output_low, a.output * 2),
        "burst": (1.2, a.burst_high),
        "busy_share": (0.6, 0.9),
        "compute_efficiency": (0.35, 0.65),
        "utilisation_ceiling": (0.6, 0.9),
        "shared_prefix": (Q(16, "token/request"), a.shared_prefix * 1.8),
    }

    def cost(gpu_price: Quantity, compute_efficiency: float, **changes: Any) -> Quantity:
        case = dataclasses.replace(a, compute_efficiency=compute_efficiency, **changes)
        hardware = deployment.hardware
        priced = hardware.with_price(
            gpu_price, provider="varied", source="sensitivity", as_of=hardware.price().as_of
        )  # fmt: skip
        varied = dataclasses.replace(deployment, hardware=priced, compute_efficiency=compute_efficiency)
        return option(case, varied, ttft=False).autoscaled

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tornado(cost, base, ranges)
