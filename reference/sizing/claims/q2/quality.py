"""Question 2, what is promised: latency as a sum of stages, relevance, the semantic cache, and the price of size."""

from __future__ import annotations

from reference.sizing.caches import zipf_hit_rate
from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, enough, not_above, over_choices, over_range, reaches
from reference.sizing.cost import token_price
from reference.sizing.shapes import shape
from reference.sizing.units import Q, Quantity, magnitude, show

from .assumptions import Q2Assumptions
from .serving import llm_instances
from .stages import by_littles_law, stage_times, sum_percentile


@claim(
    "q2.latency-mean",
    question=2,
    statement="The stages together take less than 2 s, on average.",
    stated=Q(2, "s"),
)
def latency_mean(a: Q2Assumptions, stated: Quantity) -> Outcome:
    parts = stage_times(a)
    total = Q(sum(mean for mean, _ in parts.values()), "s")
    listed = ", ".join(f"{name} {mean * 1000:.0f} ms" for name, (mean, _) in parts.items())
    return not_above(a.latency_target, total, f"{listed}: {show(total)} at the stated times, nobody waiting in a line")


@claim(
    "q2.latency-p95",
    question=2,
    statement="95 of 100 queries are answered within 2 s.",
    stated=Q(2, "s"),
    implied=True,
)
def latency_p95(a: Q2Assumptions, stated: Quantity) -> Outcome:
    parts = stage_times(a)
    mean = parts.pop("generate")[0]

    def p95(spread: float) -> float:
        return sum_percentile([*parts.values(), (mean, spread)])

    return over_range(
        Q(p95(a.generation_spread), "s"),
        lambda spread: p95(spread) <= magnitude(a.latency_target, "s"),
        variable="spread (lognormal sigma) of the generation time",
        low=a.generation_spread_low,
        high=a.generation_spread,
        search=(0.01, 1.5),
        reason=f"the 95th percentile of the sum is {show(Q(p95(a.generation_spread), 's'))} if answers vary in length "
        "as Azure's do, before any queue; until the last word, the first one comes earlier",
    )


@claim(
    "q2.relevance-90",
    question=2,
    statement="The passages answer the question in 90 of 100 cases.",
    stated=0.9,
)
def relevance(a: Q2Assumptions, stated: float) -> Outcome:
    return reaches(
        a.stated_relevance,
        a.hit_at_5,
        f"with the recall given as an assumption, the answer is among the top {a.top_k} in {a.hit_at_5:.1%} of the "
        f"questions and among the candidates in {a.candidate_recall:.1%}, which no reranker can exceed",
    )


@claim(
    "q2.semantic-cache-40",
    question=2,
    statement="A semantic cache answers 40 of 100 queries.",
    stated=0.4,
)
def semantic_cache(a: Q2Assumptions, stated: float) -> Outcome:
    asked = a.rate * a.average_share * magnitude(a.cache_ttl, "s")
    repeated = magnitude(zipf_hit_rate(a.distinct_intents, a.zipf_exponent, asked), "")
    return over_range(
        a.match_share * repeated,
        lambda accepted: accepted * repeated >= a.stated_cache_share,
        variable="share of repeated questions that the cache recognises",
        low=a.match_low,
        high=a.match_high,
        search=(0.0, 1.0),
        reason=f"{repeated:.0%} of the queries ask one of {a.distinct_intents:,} questions again within "
        f"{show(a.cache_ttl)} (popularity rank^-{a.zipf_exponent:g}); with {a.match_share:.0%} of these recognised "
        f"{a.match_share * repeated:.0%} are hits, and a laxer threshold gives wrong answers",
    )


@claim(
    "q2.cached-600",
    question=2,
    statement="A cache that answers 40 % leaves 600 queries a second for the LLM.",
    stated=Q(600, "request/s"),
)
def cached_rate(a: Q2Assumptions, stated: Quantity) -> Outcome:
    left = Q(a.rate * (1 - a.stated_cache_share), "request/s")
    return close_to(stated, left, f"{a.rate:,.0f}/s x {1 - a.stated_cache_share:.0%}, while the cache is warm")


@claim(
    "q2.cached-60",
    question=2,
    statement="With 40 % of the answers from the cache, 600 queries a second need 60 LLM instances.",
    stated=Q(60, "replica"),
)
def cached(a: Q2Assumptions, stated: Quantity) -> Outcome:
    left = a.rate * (1 - a.stated_cache_share)
    each = by_littles_law(a.llm_concurrency, magnitude(a.llm_time, "s"))
    computed = Q(left / each, "replica")
    return close_to(stated, computed, f"{left:,.0f}/s over {each:g}/s of an instance that is busy all the time")


@claim(
    "q2.cached-60-survive",
    question=2,
    statement="60 LLM instances are then enough to run the service.",
    stated=Q(60, "replica"),
    implied=True,
)
def cached_with_room(a: Q2Assumptions, stated: Quantity) -> Outcome:
    warm = llm_instances(a, a.rate * (1 - a.stated_cache_share))
    return enough(
        Q(a.stated_cached_llms, "replica"),
        Q(warm, "replica"),
        f"with expansion of what misses, below {a.utilisation_ceiling:.0%} and with {a.spare} spare: {warm} while the "
        f"cache is warm, {llm_instances(a, a.rate)} for as long as it is empty after a restart or a flush",
    )


@claim(
    "q2.large-model-10x",
    question=2,
    statement="A larger model costs 10 times as much.",
    stated=10,
)
def cost_ratio(a: Q2Assumptions, stated: float) -> Outcome:
    n_in, n_out = a.prompt, a.output

    def price(model: str) -> float:
        listed = token_price(model)
        return magnitude(n_in * listed.input + n_out * listed.output, "USD/request")

    listed = price("gpt-4o") / price("gpt-4o-mini")
    large, small = shape(a.large_model), shape(a.llm_model)
    arithmetic = large.active_parameters / small.active_parameters
    choices = {
        f"list prices of gpt-4o over gpt-4o-mini ({listed:.1f}x)": abs(listed / a.stated_cost_ratio - 1) <= 0.25,
        f"arithmetic of {large.key} over {small.key} ({arithmetic:.1f}x)": abs(arithmetic / a.stated_cost_ratio - 1)
        <= 0.25,
    }
    return over_choices(listed, choices, variable="what is bought", reason="within a quarter of the stated ratio")
