"""What moves the monthly cost of question 2's corrected design: one assumption at a time."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

from reference.sizing.roofline import Deployment
from reference.sizing.sensitivity import Tornado, tornado
from reference.sizing.units import Q, Quantity

from .assumptions import Q2Assumptions
from .design import cheapest_llm, plan_q2


def cost_drivers(a: Q2Assumptions | None = None, deployment: Deployment | None = None) -> Tornado:
    """Monthly cost (always on, for the peak) of the whole service, each assumption at a low and a high value.

    deployment: the LLM instance, by default the cheapest of the corrected design; it stays the same while the
    assumptions move. Its latency target is widened to 4 s, for at some ends 2 s cannot be met.
    """
    a = dataclasses.replace(a or Q2Assumptions(), latency_target=Q(4, "s"))
    if deployment is None:
        deployment = cheapest_llm(a)[0]
    chosen = deployment
    ranges: dict[str, tuple[Any, Any]] = {
        "query_rate": (a.query_rate * 0.5, a.query_rate * 2),
        "cache_share": (0.2, 0.6),
        "variations": (0, 5),
        "output": (a.output_low, a.output * 1.5),
        "top_k": (3, 10),
        "chunk_tokens": (256, 1024),
        "candidates": (10, 50),
        "reranker_parameters": (a.reranker_parameters, a.embedder_parameters),
        "embedder_parameters": (a.embedder_low, a.reranker_high),
        "compute_efficiency": (0.35, 0.65),
        "utilisation_ceiling": (0.6, 0.9),
    }
    base = {name: getattr(a, name) for name in ranges if name != "cache_share"} | {"cache_share": 0.4}

    def cost(cache_share: float, compute_efficiency: float, **changes: Any) -> Quantity:
        case = dataclasses.replace(a, compute_efficiency=compute_efficiency, **changes)
        varied = dataclasses.replace(chosen, compute_efficiency=compute_efficiency)
        return plan_q2(case, varied, "varied", cache_share).monthly

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tornado(cost, base, ranges)
