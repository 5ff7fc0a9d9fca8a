"""Question 5, strategies E and F: own GPUs for embeddings and for simple tasks."""

from __future__ import annotations

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, over_range, reaches
from reference.sizing.units import Q, Quantity, magnitude

from .assumptions import Q5Assumptions


@claim("q5.embeddings-5-a10g", question=5, stated=5,
       statement="5 A10G embed 500 million texts a month with a model such as e5-large.")  # fmt: skip
def embedding_gpus(a: Q5Assumptions, stated: float) -> Outcome:
    fleet, best = a.embedding_fleet(a.embed_rate), a.embedding_fleet(a.embed_rate_high)
    tokens = a.embeddings * a.text_tokens
    return over_range(
        fleet.gpus(tokens), lambda text: fleet.gpus(a.embeddings * text) <= stated,
        variable="tokens of a text", low=a.text_low, high=a.text_high, search=(1.0, 10_000.0),
        reason=f"{a.text_tokens:.0f} tokens a text at {a.embed_rate:,.0f} tokens/s (roofline bound from an H100, "
        f"no A10G was measured), {a.utilisation:.0%} used: {fleet.gpus(tokens)}, at the upper roof {best.gpus(tokens)}",
    )  # fmt: skip


@claim("q5.embeddings-5k", question=5, stated=Q(5_000, "USD"), statement="They cost about $5K a month.")
def embedding_cost(a: Q5Assumptions, stated: Quantity) -> Outcome:
    gpus = a.embedding_gpus * a.a10g_price * a.hours
    return over_range(
        Q(gpus, "USD"), lambda days: gpus + days * a.day_cost <= 1.05 * a.embedding_cost,
        variable="engineer-days a month", low=0.0, high=a.ops_days_high,
        reason=f"{a.embedding_gpus} GPUs at ${a.a10g_price:g} an hour are ${gpus:,.0f}; people of ${a.day_cost:,.0f} a "
        "day come on top",
    )  # fmt: skip


@claim("q5.embeddings-45k", question=5, stated=Q(45_000, "USD"), statement="$50K to $5K saves $45K.")
def embedding_step(a: Q5Assumptions, stated: Quantity) -> Outcome:
    saved = a.embedding_row - a.embedding_cost
    return close_to(stated, Q(saved, "USD"), f"${a.embedding_row:,.0f} less ${a.embedding_cost:,.0f}", 0.001)


@claim("q5.embeddings-45k-at-list", question=5, implied=True, stated=Q(45_000, "USD"),
       statement="Self-hosting 500 million embeddings saves $45K of what they cost at list price.")  # fmt: skip
def embedding_saving(a: Q5Assumptions, stated: Quantity) -> Outcome:
    dollars = magnitude(stated, "USD")

    def saved(text: float) -> float:
        return a.embeddings * text * a.ada_input / 1e6 - a.embedding_cost

    return over_range(
        Q(saved(a.text_tokens), "USD"), lambda text: saved(text) >= dollars,
        variable="tokens of a text", low=a.text_low, high=a.text_high, search=(1.0, 10_000.0),
        reason=f"at ${a.ada_input:g} a million the API costs ${saved(a.text_tokens) + a.embedding_cost:,.0f} for texts "
        f"of {a.text_tokens:.0f} tokens",
    )  # fmt: skip


@claim("q5.small-10k", question=5, stated=Q(10_000, "USD"),
       statement="An own Llama 3 8B for the simple GPT-3.5 calls saves $10K.")  # fmt: skip
def small(a: Q5Assumptions, stated: Quantity) -> Outcome:
    dollars = magnitude(stated, "USD")
    fleet = a.small_fleet(a.ops_days_high * a.day_cost)
    tokens = a.gpt35_row / a.gpt35_token()

    def saved(share: float) -> float:
        return a.gpt35_row * share - fleet.cost(tokens * share)

    middle = (a.simple_low + a.simple_high) / 2
    return over_range(
        Q(saved(middle), "USD"), lambda share: saved(share) >= dollars,
        variable="share of simple calls", low=a.simple_low, high=a.simple_high, search=(0.0, 1.0),
        reason=f"{a.replicas} H100 at least and {a.ops_days_high:g} days of people cost "
        f"${fleet.cost(tokens * a.simple_low):,.0f} at {a.simple_low:.0%} of the calls "
        f"({a.small_rate:,.0f} tokens/s measured on one)",
    )  # fmt: skip


@claim(
    "q5.small-35k", question=5, stated=Q(35_000, "USD"), statement="Self-hosting for simple tasks takes $45K to $35K."
)
def small_step(a: Q5Assumptions, stated: Quantity) -> Outcome:
    left = a.after_batch - a.small_saving
    return close_to(stated, Q(left, "USD"), f"${a.after_batch:,.0f} less ${a.small_saving:,.0f} is ${left:,.0f}", 0.001)


@claim("q5.small-row", question=5, implied=True, stated=Q(10_000, "USD"),
       statement="The row that is lowered, the rest of GPT-4, holds $10K of simple calls.")  # fmt: skip
def small_row(a: Q5Assumptions, stated: Quantity) -> Outcome:
    cheap = a.route_share * a.mini_request() * a.gpt4_requests
    left = cheap * a.after_batch / a.after_routing
    return reaches(
        stated, Q(left, "USD"),
        f"those calls are in the GPT-3.5 row of ${a.gpt35_row:,.0f}, untouched by any step; what routing moved "
        f"to GPT-4o-mini costs ${cheap:,.0f}, ${left:,.0f} after steps B to D",
    )  # fmt: skip
