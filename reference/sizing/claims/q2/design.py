"""Question 2 redesigned: instances and monthly cost of every stage, with fan-out, N+1, and what a cache changes."""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass
from typing import Any

from reference.sizing.bands import what_if
from reference.sizing.cost import api_cost, monthly_cost, token_price
from reference.sizing.hardware import NoPrice, StalePrice, accelerator, accelerator_keys
from reference.sizing.memory import Infeasible
from reference.sizing.roofline import Deployment
from reference.sizing.throughput import MAX_NUM_SEQS, Unreachable, closed_loop
from reference.sizing.units import Q, magnitude, show

from .assumptions import Q2Assumptions
from .plans import Design, Plan, StagePlan
from .stages import by_littles_law, dense_rate, embed_rate, instances, rerank_rate, stage_times

GPUS_PER_INSTANCE = (1, 2, 4, 8)


@dataclass(frozen=True)
class LlmLoad:
    """One LLM instance at its limit: requests in flight, mean seconds of an answer and of writing the variations."""

    in_flight: float
    answer_s: float
    expansion_s: float

    @property
    def each(self) -> float:
        """Queries/s of the instance, each an answer and, if there are any, its variations: X = L / W."""
        return self.in_flight / (self.answer_s + self.expansion_s)


def llm_load(a: Q2Assumptions, deployment: Deployment) -> LlmLoad:
    """The most requests in flight at which the mean query, all stages together, stays within the latency target.

    Both calls of a query run on the same instance and get what the other stages leave of the target. The instructions
    open every prompt, so their KV is found in the prefix cache. Raises Infeasible if the model does not fit and
    Unreachable if even a lone query is too slow.
    """
    others = sum(mean for name, (mean, _) in stage_times(a).items() if name not in ("expand", "generate"))
    limit = magnitude(a.latency_target, "s") - others
    calls = [(a.prompt, a.output)] + ([(a.expansion_prompt, a.expansion_output)] if a.variations else [])
    held = [
        Q(min(a.instruction_tokens, magnitude(prompt, "token/request") / 2), "token/request") for prompt, _ in calls
    ]
    most = int(min(deployment.memory_plan(a.prompt + a.output).sequences(), MAX_NUM_SEQS))

    def seconds(batch: int) -> list[float]:
        return [
            magnitude(closed_loop(deployment, batch, prompt, output, cached).e2e, "s")
            for (prompt, output), cached in zip(calls, held, strict=True)
        ]

    if sum(seconds(1)) > limit:
        raise Unreachable(
            f"{deployment.name} takes {show(Q(sum(seconds(1)), 's'))} for the LLM calls of a lone query, the other "
            f"stages leave {show(Q(limit, 's'))}"
        )
    low, high = 1, most + 1  # invariant: low is within the limit, high is not or is beyond what memory holds
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if sum(seconds(middle)) <= limit else (low, middle)
    times = seconds(low)
    return LlmLoad(low, times[0], times[1] if a.variations else 0.0)


def _gpu_price(gpu: str) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StalePrice)  # the price's date stands in the record
        return magnitude(accelerator(gpu).price().usd_per_gpu_hour, "USD/gpu/h")


def _plan(a: Q2Assumptions, stage: str, machine: str, rate: float, each: float, count: int, hourly: float,
          gpus: int = 0) -> StagePlan:  # fmt: skip
    return StagePlan(stage, machine, rate, each, count, monthly_cost(Q(count * hourly, "USD/h"), a.hours_per_month),
                     gpus * count)  # fmt: skip


def _encoder(a: Q2Assumptions, stage: str, rate: float, speed: Any) -> StagePlan:
    """The cheapest card for an encoder stage; `speed(gpu)` is the rate of one."""
    found = []
    for gpu in accelerator_keys():
        try:
            price = _gpu_price(gpu)
        except NoPrice:
            continue
        count = instances(a, rate, speed(gpu))
        found.append(_plan(a, stage, accelerator(gpu).name, rate, speed(gpu), count, price, 1))
    return min(found, key=lambda plan: magnitude(plan.monthly, "USD"))


def plan_q2(a: Q2Assumptions, deployment: Deployment, name: str, cache_share: float = 0.0) -> Plan:
    """All stages with `deployment` as the LLM instance. A semantic-cache hit costs one embedding and nothing else.

    Raises Infeasible, Unreachable or NoPrice where the LLM cannot be had.
    """
    misses = a.rate * (1 - cache_share)
    searches = misses * a.searches_per_query
    node, hourly = f"{a.node_cores}-core node", magnitude(a.node_price, "USD/h")
    each = llm_load(a, deployment).each
    price = _gpu_price(deployment.hardware.key) * deployment.gpus
    dense, lexical = dense_rate(a), a.lexical_rate * a.node_cores
    with what_if():
        stages = (
            _encoder(a, "embed", a.rate + misses * a.variations, lambda gpu: embed_rate(a, gpu)),
            _plan(a, "dense", node, searches, dense, instances(a, searches, dense), hourly),
            _plan(a, "lexical", node, searches, lexical, instances(a, searches, lexical), hourly),
            _encoder(a, "rerank", misses, lambda gpu: rerank_rate(a, gpu=gpu)),
            _plan(a, "llm", deployment.name, misses, each, instances(a, misses, each), price, deployment.gpus),
        )
    return Plan(name, stages, cache_share, instances(a, a.rate, each))


def _as_stated(a: Q2Assumptions, deployment: Deployment) -> Plan:
    """The source's counts, priced as the same machines; `each` is what its text says one instance does."""
    node, hourly = f"{a.node_cores}-core node", magnitude(a.node_price, "USD/h")
    card, card_price = accelerator(a.encoder_gpu).name, _gpu_price(a.encoder_gpu)
    llm_price = _gpu_price(deployment.hardware.key) * deployment.gpus
    lexical = a.lexical_rate * a.node_cores
    stages = (
        _plan(a, "embed", card, a.rate, float(a.embed_concurrency), a.stated_embedders, card_price, 1),
        _plan(a, "dense", node, a.rate, a.stated_replica_rate, a.stated_replicas, hourly),
        _plan(a, "lexical", node, a.rate, lexical, a.stated_lexical_nodes, hourly),
        _plan(a, "rerank", card, a.rate, float(a.rerank_concurrency), a.stated_rerankers, card_price, 1),
        _plan(a, "llm", deployment.name, a.rate, a.llm_concurrency / magnitude(a.llm_time, "s"), a.stated_llms,
              llm_price, deployment.gpus),
    )  # fmt: skip
    return Plan("stated", stages)


def _own_times(a: Q2Assumptions, deployment: Deployment) -> Plan:
    """The source's own times and concurrencies put through Little's law, with fan-out, ceiling and spares."""
    node, hourly = f"{a.node_cores}-core node", magnitude(a.node_price, "USD/h")
    card, card_price = accelerator(a.encoder_gpu).name, _gpu_price(a.encoder_gpu)
    llm_price = _gpu_price(deployment.hardware.key) * deployment.gpus

    def plan(stage: str, machine: str, rate: float, each: float, price: float, gpus: int = 0) -> StagePlan:
        return _plan(a, stage, machine, rate, each, instances(a, rate, each), price, gpus)

    embed = by_littles_law(a.embed_concurrency, magnitude(a.embed_time, "s"))
    rerank = by_littles_law(a.rerank_concurrency, magnitude(a.rerank_time, "s"))
    llm = by_littles_law(a.llm_concurrency, magnitude(a.llm_time, "s") + a.expansion_time)
    stages = (
        plan("embed", card, a.search_rate, embed, card_price, 1),
        plan("dense", node, a.search_rate, a.stated_replica_rate, hourly),
        plan("lexical", node, a.search_rate, a.lexical_rate * a.node_cores, hourly),
        plan("rerank", card, a.rate, rerank, card_price, 1),
        plan("llm", deployment.name, a.rate, llm, llm_price, deployment.gpus),
    )
    return Plan("own-times", stages, 0.0, stages[-1].instances)


def cheapest_llm(a: Q2Assumptions) -> tuple[Deployment, list[tuple[str, str]]]:
    """The hardware that answers for the least money within the latency target, and what was rejected and why.

    Raises Unreachable if nothing in the table does.
    """
    best: tuple[float, Deployment] | None = None
    rejected: list[tuple[str, str]] = []
    for gpu in accelerator_keys():
        for gpus in GPUS_PER_INSTANCE:
            for dtype in ("bf16", "fp8"):
                name = f"{a.llm_model} {dtype} on {gpus} x {accelerator(gpu).name}"
                try:
                    deployment = a.deployment(a.llm_model, gpu, gpus, dtype)
                    each = llm_load(a, deployment).each
                    cost = instances(a, a.rate, each) * _gpu_price(gpu) * gpus
                except (Infeasible, Unreachable, NoPrice, ValueError) as error:
                    rejected.append((name, str(error)))
                    continue
                if best is None or cost < best[0]:
                    best = cost, deployment
    if best is None:
        raise Unreachable(
            f"no hardware in the table answers within {show(a.latency_target)}: allow more time, a shorter output or "
            f"fewer passages. Tried: {'; '.join(name for name, _ in rejected)}"
        )
    return best[1], rejected


def corrected_design_q2(
    a: Q2Assumptions | None = None, api_models: tuple[str, ...] = ("gpt-4o-mini", "gpt-4o")
) -> Design:
    """Question 2 sized for its peak.

    Plans: "stated" (the source's counts), "own-times" (its times and concurrencies through Little's law), "corrected"
    (what the hardware does, fan-out, N+1), "cached" (plus the stated hit share), "lean" (plus no query expansion).

    Everything in it is computed from the assumptions, the hardware table and the price lists. `api`: a month at the
    mean rate. Raises Unreachable if no hardware in the table meets the latency target on the mean.
    """
    a = a or Q2Assumptions()
    with what_if():
        deployment, rejected = cheapest_llm(a)
        plain = dataclasses.replace(a, variations=0)
        plans = (
            _as_stated(a, deployment),
            _own_times(a, deployment),
            plan_q2(a, deployment, "corrected"),
            plan_q2(a, deployment, "cached", a.stated_cache_share),
            plan_q2(plain, deployment, "lean", a.stated_cache_share),
        )
        mean = a.query_rate * a.average_share
        api = {}
        for model in api_models:
            price = token_price(model)
            api[model] = api_cost(price, mean, a.prompt, a.output, a.hours_per_month)
            if a.variations:
                more = api_cost(price, mean, a.expansion_prompt, a.expansion_output, a.hours_per_month)
                api[model] = Q(magnitude(api[model], "USD") + magnitude(more, "USD"), "USD")
        return Design(plans, deployment, llm_load(a, deployment).in_flight, api, tuple(rejected))
