"""Question 2, models: embedding, reranking and generation, in instances. Concurrency is not throughput."""

from __future__ import annotations

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, enough, over_choices, over_range
from reference.sizing.hardware import accelerator
from reference.sizing.memory import Infeasible
from reference.sizing.throughput import closed_loop
from reference.sizing.units import Q, Quantity, count, magnitude, show

from .assumptions import Q2Assumptions
from .stages import by_littles_law, embed_rate, encoder_time, instances, pair_tokens, rerank_rate, rerank_time


@claim(
    "q2.embedding-20",
    question=2,
    statement="At 20 ms a query and 50 concurrent on a GPU, 1,000 queries a second need 20 embedding instances.",
    stated=Q(20, "replica"),
)
def embedders(a: Q2Assumptions, stated: Quantity) -> Outcome:
    each = by_littles_law(a.embed_concurrency, magnitude(a.embed_time, "s"))
    needed = instances(a, a.search_rate, each)
    return close_to(
        stated,
        Q(needed, "replica"),
        f"{a.embed_concurrency} in flight for {show(a.embed_time)} are {each:,.0f}/s on one GPU, not "
        f"{a.embed_concurrency}; {a.searches_per_query} wordings of {a.rate:,.0f} queries/s, below "
        f"{a.utilisation_ceiling:.0%} and with {a.spare} spare, take {needed}",
        0.25,
    )


@claim(
    "q2.embedding-rate",
    question=2,
    statement="One GPU holds 50 queries in flight and embeds each in 20 ms.",
    stated=2500,
    implied=True,
)
def embedding_rate(a: Q2Assumptions, stated: float) -> Outcome:
    each = by_littles_law(a.embed_concurrency, magnitude(a.embed_time, "s"))
    return over_range(
        embed_rate(a),
        lambda millions: 1 / encoder_time(a, millions * 1e6, a.query_tokens) >= each,
        variable="model size without its token table",
        low=a.embedder_low / 1e6,
        high=a.embedder_high / 1e6,
        unit="million parameters",
        search=(0.1, 1e5),
        reason=f"that is {each:,.0f}/s; {accelerator(a.encoder_gpu).name} does {embed_rate(a):,.0f}/s with a BERT-base "
        f"and queries of {a.query_tokens:g} tokens",
    )


@claim(
    "q2.reranker-50",
    question=2,
    statement="At 50 ms a query and 20 concurrent on a GPU, 1,000 queries a second need 50 reranker instances.",
    stated=Q(50, "replica"),
)
def rerankers(a: Q2Assumptions, stated: Quantity) -> Outcome:
    each = by_littles_law(a.rerank_concurrency, magnitude(a.rerank_time, "s"))
    needed = instances(a, a.rate, each)
    return close_to(
        stated,
        Q(needed, "replica"),
        f"{a.rerank_concurrency} in flight for {show(a.rerank_time)} are {each:,.0f}/s, not {a.rerank_concurrency}: "
        f"{a.rate / each:.2g} instances busy all the time, {needed} below {a.utilisation_ceiling:.0%} and with "
        f"{a.spare} spare",
        0.25,
    )


@claim(
    "q2.reranker-rate",
    question=2,
    statement="One GPU reranks 20 queries of 20 candidates each within 50 ms.",
    stated=400,
    implied=True,
)
def reranker_rate(a: Q2Assumptions, stated: float) -> Outcome:
    wanted = by_littles_law(a.rerank_concurrency, magnitude(a.rerank_time, "s"))
    real = rerank_rate(a)
    return over_range(
        real,
        lambda millions: rerank_rate(a, millions * 1e6) >= wanted,
        variable="cross-encoder size without its token table",
        low=a.reranker_parameters / 1e6,
        high=a.reranker_high / 1e6,
        unit="million parameters",
        search=(0.1, 1e5),
        reason=f"{wanted:,.0f} queries/s are {wanted * a.candidates:,.0f} pairs/s of {pair_tokens(a):g} tokens; one "
        f"{accelerator(a.encoder_gpu).name} does {real:,.0f} queries/s with a MiniLM-L6 and "
        f"{rerank_rate(a, a.reranker_high):,.1f} with a BERT-large, so {instances(a, a.rate, real)} to "
        f"{instances(a, a.rate, rerank_rate(a, a.reranker_high)):,} instances",
    )


@claim(
    "q2.reranker-bottleneck",
    question=2,
    statement="The reranker is the bottleneck: it needs the most instances.",
    stated=Q(50, "replica"),
)
def bottleneck(a: Q2Assumptions, stated: Quantity) -> Outcome:
    rerank = instances(a, a.rate, rerank_rate(a))
    llm = llm_instances(a, a.rate)
    return enough(
        Q(rerank, "replica"),
        Q(llm, "replica"),
        f"a MiniLM-L6 cross-encoder needs {rerank} GPUs, generation {llm} instances at the stated rate; the answer's "
        f"own figures are {a.stated_rerankers} and {a.stated_llms}",
    )


def llm_instances(a: Q2Assumptions, rate: float) -> int:
    """LLM instances at the stated rate for answers and the calls that write variations, with room to spare."""
    each = by_littles_law(a.llm_concurrency, magnitude(a.llm_time, "s"))
    expansion = a.expansion_time / magnitude(a.llm_time, "s")
    return instances(a, rate * (1 + expansion), each)


@claim(
    "q2.llm-100",
    question=2,
    statement="At 1 s a generation and 10 concurrent on an instance, 1,000 queries a second need 100 LLM instances.",
    stated=Q(100, "replica"),
)
def llms(a: Q2Assumptions, stated: Quantity) -> Outcome:
    each = by_littles_law(a.llm_concurrency, magnitude(a.llm_time, "s"))
    computed = Q(a.rate / each, "replica")
    return close_to(
        stated, computed, f"{a.llm_concurrency} in flight for {show(a.llm_time)} are {each:g}/s: here concurrency and "
        "throughput agree, because the time is one second"
    )  # fmt: skip


@claim(
    "q2.llm-calls-per-query",
    question=2,
    statement="1,000 queries a second are 1,000 LLM calls a second.",
    stated=Q(1000, "request/s"),
    implied=True,
)
def llm_calls(a: Q2Assumptions, stated: Quantity) -> Outcome:
    calls = a.rate * (2 if a.variations else 1)
    return enough(
        stated,
        Q(calls, "request/s"),
        f"the {a.variations} variations are written by another call for every query, before retrieval can start: "
        f"{a.expansion_time:.2f} s if it is as fast as the stated generation and writes "
        f"{count(a.expansion_output, 'token/request')} tokens",
    )


@claim(
    "q2.llm-100-survive",
    question=2,
    statement="100 LLM instances carry the load with expansion, room for queues and one instance down.",
    stated=Q(100, "replica"),
    implied=True,
)
def llms_with_room(a: Q2Assumptions, stated: Quantity) -> Outcome:
    needed = llm_instances(a, a.rate)
    return enough(
        Q(a.stated_llms, "replica"),
        Q(needed, "replica"),
        f"{a.stated_llms} would be busy all of the time with the answers alone; with expansion, below "
        f"{a.utilisation_ceiling:.0%} and with {a.spare} spare it takes {needed} at the stated rate",
    )


LLM_CHOICES = (
    ("small", "a10g", 1, "bf16"), ("small", "l4", 1, "fp8"), ("small", "a100-80", 1, "bf16"),
    ("small", "h100", 1, "fp8"), ("large", "a100-80", 2, "bf16"), ("large", "h100", 4, "fp8"),
)  # fmt: skip


@claim(
    "q2.llm-1-second",
    question=2,
    statement="An LLM instance answers 10 requests at a time in about 1 s each.",
    stated=Q(1, "s"),
)
def llm_second(a: Q2Assumptions, stated: Quantity) -> Outcome:
    choices, times = {}, []
    for size, gpu, gpus, dtype in LLM_CHOICES:
        deployment = a.deployment(a.llm_model if size == "small" else a.large_model, gpu, gpus, dtype)
        try:
            deployment.memory_plan(a.prompt + a.output, a.llm_concurrency)
        except Infeasible:
            choices[f"{deployment.name} (does not fit)"] = False
            continue
        for length in (a.output_low, a.output):
            took = closed_loop(deployment, a.llm_concurrency, a.prompt, length).e2e
            times.append(took)
            name = f"{deployment.name}, {count(length, 'token/request')} tokens out ({show(took)})"
            choices[name] = magnitude(took / a.llm_time, "") <= 1
    return over_choices(
        min(times),
        choices,
        variable="model, GPU and answer length",
        reason=f"prompts of {count(a.prompt, 'token/request')} tokens ({a.top_k} passages of {a.chunk_tokens}), "
        f"{a.llm_concurrency} at a time; the fastest of these takes {show(min(times))}",
    )


@claim(
    "q2.batching-5",
    question=2,
    statement="Reranking 5 queries together cuts 50 instances to about 15.",
    stated=Q(15, "replica"),
)
def batching(a: Q2Assumptions, stated: Quantity) -> Outcome:
    gain = a.rerank_batch * rerank_time(a) / rerank_time(a, a.rerank_batch)
    needed = a.stated_rerankers / gain
    return close_to(
        stated,
        Q(needed, "replica"),
        f"{a.stated_rerankers} / {a.rerank_batch} would be {a.stated_rerankers / a.rerank_batch:g}, not "
        f"{a.stated_batched_rerankers}, and one query's {a.candidates} pairs of {pair_tokens(a):g} tokens already fill "
        f"the card: a MiniLM-L6 gains {gain:.2f}x, the {show(a.call_overhead)} that a call costs",
        0.25,
    )
