"""Question 2 as a pipeline to simulate: the source's stage times with its own instances, or with those they need.

A server is a slot: an instance that works on 10 requests at once is 10 servers.
"""

from __future__ import annotations

import dataclasses
import math

from reference.sizing.pipeline import Pipeline, ServiceTime, Stage, servers_needed
from reference.sizing.units import magnitude

from .assumptions import Q2Assumptions
from .stages import stage_times


def stated_pipeline(a: Q2Assumptions | None = None) -> Pipeline:
    """The answer as it is sized: one search per query, no call for the variations, the stated instances.

    `analyse` refuses it: 100 instances with 10 slots of one second are busy all of the time at 1,000 queries/s.
    """
    a = a or Q2Assumptions()
    times = stage_times(dataclasses.replace(a, variations=0))
    service = {name: ServiceTime.lognormal(mean, spread) for name, (mean, spread) in times.items()}
    # One slot is one search at a time; the replica's stated rate says how many it has.
    slots = math.ceil(a.stated_replica_rate * magnitude(a.dense_time, "s"))
    return Pipeline.of(
        Stage("embed", service["embed"], a.stated_embedders * a.embed_concurrency),
        Stage("search", service["search"], a.stated_replicas * slots),
        Stage("rerank", service["rerank"], a.stated_rerankers * a.rerank_concurrency),
        Stage("generate", service["generate"], a.stated_llms * a.llm_concurrency),
    )


def sized_pipeline(a: Q2Assumptions | None = None, cache_share: float = 0.0, skip_rerank: float = 0.0) -> Pipeline:
    """Every stage of the answer with the servers that its time needs at the peak: fan-out counted, below the ceiling.

    cache_share: queries that a semantic cache answers after one embedding. skip_rerank: share of the others whose first
    hit is clear. Spares are whole instances and are left out here: this is the fleet after one has failed.
    """
    a = a or Q2Assumptions()
    times = stage_times(a)
    service = {name: ServiceTime.lognormal(mean, spread) for name, (mean, spread) in times.items()}
    fan_out = a.searches_per_query

    def build(servers: dict[str, int]) -> Pipeline:
        def stage(name: str, time: str, **more: float) -> Stage:
            return Stage(name, service[time], servers.get(name, 1), **more)  # type: ignore[arg-type]

        steps: list[Stage | tuple[Stage, ...]] = []
        if cache_share:
            steps.append(stage("cache", "embed", answers=cache_share))
        if a.variations:
            steps.append(stage("expand", "expand"))
        # The cache has looked up the user's own wording by its embedding already.
        left = fan_out - 1 if cache_share else fan_out
        if left:
            steps.append(stage("embed", "embed", fan_out=left))
        steps.append((stage("dense", "search", fan_out=fan_out), stage("lexical", "search", fan_out=fan_out)))
        steps.append(stage("rerank", "rerank", share=1 - skip_rerank))
        steps.append(stage("generate", "generate"))
        return Pipeline.of(*steps)

    return build(servers_needed(build({}), a.rate, a.utilisation_ceiling, spare=0))
