"""Question 1, model serving: what fits into two A100s, how fast it is, and how many instances that makes."""

from __future__ import annotations

import dataclasses

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, enough, not_above, over_choices, over_range, reaches
from reference.sizing.decoding import break_even_batch, draft_cost, speculative_speedup, verify_cost
from reference.sizing.memory import Infeasible, fit, kv_bytes_per_token, weights_bytes, without_gqa
from reference.sizing.roofline import compute_roof, prefill_time, weights_read_time
from reference.sizing.shapes import shape, shape_keys
from reference.sizing.units import Q, Quantity, count, magnitude, show

from .assumptions import Q1Assumptions
from .design import cached_capacity, instances_needed


def _lengths(a: Q1Assumptions) -> str:
    return f"requests of {count(a.prompt, 'token/request')} tokens in and {count(a.output, 'token/request')} out"


@claim(
    "q1.weights-fp16",
    question=1,
    statement="A 70B model in 16 bits needs about 140 GB for its weights.",
    stated=Q(140, "GB"),
)
def weights(a: Q1Assumptions, stated: Quantity) -> Outcome:
    computed = weights_bytes(a.shape, "bf16")
    return close_to(stated, computed, f"{a.shape.total_parameters / 1e9:.2f}e9 parameters x 2 bytes = {show(computed)}")


@claim(
    "q1.two-gpus-hold-it",
    question=1,
    statement="Two A100-80GB hold one instance.",
    stated=Q(2, "gpu"),
)
def two_gpus(a: Q1Assumptions, stated: Quantity) -> Outcome:
    needed = None
    for gpus in (1, 2, 4, 8):
        try:
            fit(a.shape, a.device, gpus, gpu_memory_utilization=a.gpu_memory_utilization)
        except Infeasible:
            continue
        needed = gpus
        break
    if needed is None:
        return enough(Q(a.gpus_per_instance, "gpu"), Q(16, "gpu"), f"not even 8 x {a.device.name} hold {a.model}")
    return enough(
        Q(a.gpus_per_instance, "gpu"),
        Q(needed, "gpu"),
        f"weights of {show(weights_bytes(a.shape, 'bf16'))} with one short sequence fit on {needed} x {a.device.name}",
    )


@claim(
    "q1.left-for-kv",
    question=1,
    statement="Two 80 GB cards minus 140 GB of weights leave 20 GB for the KV cache.",
    stated=Q(20, "GB"),
    implied=True,
)
def left_for_kv(a: Q1Assumptions, stated: Quantity) -> Outcome:
    plan = fit(a.shape, a.device, a.gpus_per_instance, gpu_memory_utilization=a.gpu_memory_utilization)
    return close_to(
        stated,
        plan.kv_pool,
        f"at utilisation {a.gpu_memory_utilization:g} the engine gets {show(plan.budget)} of {show(plan.memory)}; "
        f"weights take {show(plan.weights)}, activations {show(plan.overhead)}, which leaves {show(plan.kv_pool)}",
        0.25,
    )


@claim(
    "q1.context-8k-sequences",
    question=1,
    statement="Requests may use 8K of context at the stated 500 requests a minute per instance.",
    stated=Q(500, "rpm"),
)
def eight_k(a: Q1Assumptions, stated: Quantity) -> Outcome:
    held = a.memory_plan.sequences()
    per_token = kv_bytes_per_token(a.shape, "bf16", a.gpus_per_instance)
    each = (per_token * a.max_context * Q(1, "request")).to("GB")
    grouped = magnitude(kv_bytes_per_token(without_gqa(a.shape), "bf16", a.gpus_per_instance) / per_token, "")
    # Little's law with the least time a request can take: each of its tokens reads all weights once.
    fastest = Q(magnitude(a.output, "token/request") * magnitude(weights_read_time(a.instance), "s"), "s")
    rate = (Q(held, "request") / fastest).to("rpm")
    return reaches(
        Q(magnitude(a.stated_rate, "rpm/replica"), "rpm"),
        rate,
        f"an 8K sequence holds {show(each)} of KV ({show(per_token)}, {grouped:.0f} times less than without "
        f"grouped-query attention), so {held} fit at once; each takes at least {show(fastest)} for "
        f"{count(a.output, 'token/request')} tokens, which makes at most {show(rate)}",
    )


@claim(
    "q1.kv-for-500-rpm",
    question=1,
    statement="The KV cache of one instance holds the requests in flight at 500 requests a minute.",
    stated=Q(500, "rpm"),
    implied=True,
)
def kv_for_stated_rate(a: Q1Assumptions, stated: Quantity) -> Outcome:
    point = cached_capacity(a)
    rate = point.limits["KV memory"].to("rpm")
    plan = a.memory_plan
    return reaches(
        Q(magnitude(a.stated_rate, "rpm/replica"), "rpm"),
        rate,
        f"the KV pool of {show(plan.kv_pool)} holds {plan.kv_tokens():,} tokens, which with the system prompt held "
        f"once serves {show(rate)} of {_lengths(a)}",
    )


@claim(
    "q1.throughput-500-rpm",
    question=1,
    statement="One instance serves about 500 requests a minute.",
    stated=Q(500, "rpm"),
)
def throughput(a: Q1Assumptions, stated: Quantity) -> Outcome:
    cached = min(magnitude(a.shared_prefix, "token/request"), magnitude(a.prompt, "token/request") - 1)
    computed_in = magnitude(a.prompt, "token/request") - cached
    here = computed_in + magnitude(a.output, "token/request")
    share_in = computed_in / here
    wanted = magnitude(a.stated_rate, "request/s/replica")

    def roof(tokens: float) -> float:
        split = Q(tokens * share_in, "token/request"), Q(max(1.0, tokens * (1 - share_in)), "token/request")
        return magnitude(compute_roof(a.instance, *split), "request/s")

    point = cached_capacity(a)
    return over_range(
        point.request_rate.to("rpm"),
        lambda tokens: roof(tokens) >= wanted,
        variable="tokens computed per request",
        low=magnitude(a.prompt_low, "token/request") - cached + magnitude(a.output_low, "token/request"),
        high=magnitude(a.prompt_high, "token/request") - cached + magnitude(a.output, "token/request"),
        unit="tokens",
        search=(8.0, 1e5),
        reason=f"for {_lengths(a)}, {cached:,.0f} tokens of it cached, the dense peak of {a.gpus_per_instance} GPUs "
        f"allows {show(Q(roof(here) * 60, 'rpm'))} at 100 % efficiency, and {point.binding} stops it at "
        f"{show(point.request_rate.to('rpm'))}",
    )


@claim(
    "q1.ttft-500-ms",
    question=1,
    statement="The first token comes within 500 ms from a 70B model on two A100s.",
    stated=Q(500, "ms"),
)
def ttft(a: Q1Assumptions, stated: Quantity) -> Outcome:
    alone = prefill_time(a.instance, a.prompt).to("ms")
    return over_range(
        alone,
        lambda tokens: prefill_time(a.instance, Q(tokens, "token/request")) <= a.ttft_target,
        variable="prompt length",
        low=magnitude(a.prompt_low, "token/request"),
        high=magnitude(a.max_context, "token/request"),
        unit="tokens",
        search=(16.0, 131072.0),
        reason=f"reading a mean prompt of {count(a.prompt, 'token/request')} tokens takes {show(alone)} on an idle "
        f"instance at {a.compute_efficiency:.0%} of the dense peak, before any queue or network",
    )


@claim(
    "q1.ttft-with-8k",
    question=1,
    statement="The 500 ms hold together with the 8K context.",
    stated=Q(500, "ms"),
    implied=True,
)
def ttft_with_full_context(a: Q1Assumptions, stated: Quantity) -> Outcome:
    perfect = dataclasses.replace(a.instance, compute_efficiency=1.0)
    computed = prefill_time(a.instance, a.max_context).to("ms")
    least = prefill_time(perfect, a.max_context).to("ms")
    return not_above(
        a.ttft_target,
        computed,
        f"reading {count(a.max_context, 'token/request')} tokens takes {show(computed)}, and {show(least)} even at "
        "100 % of the peak; only a prefix-cache hit on most of them helps",
    )


@claim(
    "q1.model-has-8k",
    question=1,
    statement="A 70B model with an 8K context and a 7B draft model of its own family exists.",
    stated=Q(8192, "token/request"),
    implied=True,
)
def model_has_context(a: Q1Assumptions, stated: Quantity) -> Outcome:
    wanted = magnitude(a.max_context, "token/request")
    large = [shape(key) for key in shape_keys() if 60e9 <= shape(key).total_parameters <= 80e9]
    small = [shape(key) for key in shape_keys() if 6e9 <= shape(key).total_parameters <= 9e9]
    # A draft proposes token ids of the target, so their vocabularies must be of one size.
    choices = {
        model.key: model.max_context >= wanted and any(draft.vocab == model.vocab for draft in small) for model in large
    }
    return over_choices(
        Q(a.shape.max_context, "token/request"),
        choices,
        variable="model",
        reason=f"{a.model} was made for {a.shape.max_context:,} tokens",
    )


@claim(
    "q1.draft-model-fits",
    question=1,
    statement="A 7B draft model sits beside the 70B on the same two A100s.",
    stated=Q(2, "gpu"),
)
def draft_fits(a: Q1Assumptions, stated: Quantity) -> Outcome:
    target, draft = shape(a.target_of_draft), shape(a.draft_model)
    context = Q(min(magnitude(a.max_context, "token/request"), target.max_context), "token/request")

    def beside(gpus: int) -> Quantity:
        """What the draft occupies: its weights, and its own KV of the one sequence."""
        kv = kv_bytes_per_token(draft, "bf16", gpus) * context * Q(1, "request")
        return (weights_bytes(draft, "bf16") + kv).to("GB")

    def fits(utilisation: float, gpus: int = a.gpus_per_instance) -> bool:
        try:
            fit(target, a.device, gpus, context=context, gpu_memory_utilization=utilisation, also_resident=beside(gpus))
        except Infeasible:
            return False
        return True

    needed = next((n for n in (1, 2, 4, 8) if fits(a.gpu_memory_utilization, n)), 16)
    both = weights_bytes(target, "bf16") + weights_bytes(draft, "bf16")
    granted = (a.gpus_per_instance * a.device.memory * a.gpu_memory_utilization).to("GB")
    return over_range(
        Q(needed, "gpu"),
        fits,
        variable="gpu_memory_utilization",
        low=a.gpu_memory_utilization,
        high=a.gpu_memory_utilization_high,
        search=(0.5, 1.0),
        reason=f"the weights of both are {show(both)} of the {show(granted)} the engine gets, and activations and the "
        f"KV of one sequence of {count(context, 'token/request')} tokens in both models must fit as well",
    )


@claim(
    "q1.speculative-gain",
    question=1,
    statement="Speculative decoding with a 7B draft makes the busy instance faster.",
    stated=1.0,
)
def speculative(a: Q1Assumptions, stated: float) -> Outcome:
    target = dataclasses.replace(a.instance, shape=shape(a.target_of_draft))
    draft = dataclasses.replace(target, shape=shape(a.draft_model))
    context = a.prompt + a.output / 2

    def speedup(batch: float) -> float:
        return speculative_speedup(
            a.acceptance, a.draft_tokens, draft_cost(target, draft, batch, context),
            verify_cost(target, batch, context, a.draft_tokens),
        )  # fmt: skip

    # In flight at the stated rate, were it possible: Little's law with the mean output at the TPOT target.
    seconds = magnitude(a.output, "token/request") * magnitude(a.tpot_target, "s/token")
    busy = max(2.0, magnitude(a.stated_rate, "request/s/replica") * seconds)
    threshold = break_even_batch(target, draft, context, a.acceptance, a.draft_tokens)
    return over_range(
        speedup(busy),
        lambda batch: speedup(batch) > stated,
        variable="batch",
        low=1,
        high=busy,
        reason=f"with {a.draft_tokens} drafted tokens, each accepted with chance {a.acceptance:g}, it gives "
        f"{speedup(1):.2f}x at batch 1 and {speedup(busy):.2f}x at the {busy:.0f} in flight that 500 requests a minute "
        f"mean; checking drafts is free only while a step waits for memory (break-even at batch {threshold})",
    )


@claim(
    "q1.instances-15-to-20",
    question=1,
    statement="Fifteen to twenty instances serve a million daily users.",
    stated=Q(20, "replica"),
)
def instances(a: Q1Assumptions, stated: Quantity) -> Outcome:
    point = cached_capacity(a)
    needed = instances_needed(a, point.request_rate / Q(1, "replica"))
    generous = instances_needed(a, a.stated_rate)
    return enough(
        stated,
        Q(needed, "replica"),
        f"the peak of {show(a.peak.to('rpm'))} takes {needed} instances of {show(point.request_rate.to('rpm'))} below "
        f"{a.utilisation_ceiling:.0%} with {a.spare} spare, and {generous} even if each did the stated "
        f"{count(a.stated_rate, 'rpm/replica')}",
    )
