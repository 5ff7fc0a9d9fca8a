"""Question 5, strategies A to D: routing, caching, shorter prompts, batches. What each saves of the stated bill."""

from __future__ import annotations

import math

from reference.sizing.caches import zipf_hit_rate
from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, enough, over_range, reaches
from reference.sizing.units import Q, Quantity, magnitude

from .assumptions import Q5Assumptions


def _step(stated: Quantity, before: float, saving: float) -> Outcome:
    left = before - saving
    return close_to(stated, Q(left, "USD"), f"${before:,.0f} less ${saving:,.0f} is ${left:,.0f}", 0.001)


# -- A routing


@claim("q5.routing-250k", question=5, stated=Q(250_000, "USD"),
       statement="Routing 70 % of the GPT-4 requests to GPT-4o-mini saves $250K.")  # fmt: skip
def routing(a: Q5Assumptions, stated: Quantity) -> Outcome:
    each = a.gpt4_row / a.gpt4_requests - a.mini_request()
    saved = a.gpt4_requests * a.route_share * each
    needed = a.routing_saving / (a.gpt4_requests * each)
    return reaches(
        stated, Q(saved, "USD"),
        f"a moved request saves ${each:.5f} of the stated ${a.gpt4_row / a.gpt4_requests:.5f}; $250K need {needed:.1%} "
        f"moved, or the list price of GPT-4, at which it is "
        f"${a.gpt4_requests * a.route_share * (a.gpt4_request() - a.mini_request()):,.0f}",
    )  # fmt: skip


@claim("q5.routing-100k", question=5, stated=Q(100_000, "USD"), statement="Routing takes GPT-4 from $350K to $100K.")
def routing_step(a: Q5Assumptions, stated: Quantity) -> Outcome:
    return _step(stated, a.gpt4_row, a.routing_saving)


@claim("q5.routing-10-percent", question=5, stated=0.10,
       statement="Only 10 % of the requests need GPT-4, and 70 % are routed away.")  # fmt: skip
def needed(a: Q5Assumptions, stated: float) -> Outcome:
    left = 1 - a.route_share
    return close_to(
        stated, left,
        f"{left:.0%} stay at GPT-4, {left - a.need_share:.0%} without a need; they cost "
        f"${(left - a.need_share) * a.gpt4_row:,.0f} a month",
    )  # fmt: skip


@claim("q5.routing-quality", question=5, implied=True, stated=0.70,
       statement="70 % can be sent to a weaker model and the quality stays (95 % of it, sent at random).")  # fmt: skip
def routing_quality(a: Q5Assumptions, stated: float) -> Outcome:
    random = (1 - a.quality_floor) / (1 - a.weak_low)
    return over_range(
        random, lambda weak: 1 - stated * (1 - weak) >= a.quality_floor,
        variable="weak model's share of the strong one's right answers", low=a.weak_low, high=a.weak_high,
        reason=f"a weak model with {a.weak_low:.1%} of the right answers may get {random:.0%} at random; what a router "
        "adds to that has to be measured on held-out questions",
    )  # fmt: skip


# -- B caching


@claim("q5.cache-exact-20", question=5, stated=0.20, statement="An exact cache answers 20 % of the requests.")
def exact(a: Q5Assumptions, stated: float) -> Outcome:
    def hits(wordings: float) -> float:
        return magnitude(zipf_hit_rate(int(wordings), a.zipf_exponent, a.requests_per_ttl), "")

    middle = math.sqrt(a.wordings_low * a.wordings_high)
    return over_range(
        hits(middle), lambda wordings: hits(wordings) >= stated,
        variable="different wordings", low=a.wordings_low, high=a.wordings_high,
        reason=f"{a.requests_per_ttl:,.0f} requests while an answer is kept, popularity of rank to the power "
        f"-{a.zipf_exponent:g}: {hits(middle):.1%} with {middle:,.0f} wordings",
    )  # fmt: skip


@claim("q5.cache-semantic-15", question=5, stated=0.15, statement="A semantic cache answers 15 % more.")
def semantic(a: Q5Assumptions, stated: float) -> Outcome:
    middle = (a.paraphrases_low + a.paraphrases_high) / 2
    needed = stated / a.paraphrase_recall
    asked = f"15 % need {needed:.0%} of the requests to be one" if needed <= 1 else "no share of them makes 15 %"
    return over_range(
        middle * a.paraphrase_recall, lambda share: share * a.paraphrase_recall >= stated,
        variable="share of requests that reword an earlier one", low=a.paraphrases_low, high=a.paraphrases_high,
        search=(0.0, 1.0),
        reason=f"guards that keep look-alikes apart (negations, numbers, who does what) let {a.paraphrase_recall:.1%} "
        f"of the paraphrases through: {asked}",
    )  # fmt: skip


@claim("q5.caching-30k", question=5, stated=Q(30_000, "USD"),
       statement="Hits of 20 % and 15 % save $30K of the $100K that are left.")  # fmt: skip
def caching(a: Q5Assumptions, stated: Quantity) -> Outcome:
    gross = a.after_routing * (a.exact_rate + a.semantic_rate)
    false = a.gpt4_requests * a.semantic_rate * a.false_hits
    dollars = magnitude(stated, "USD")
    return over_range(
        Q(gross, "USD"), lambda each: gross - false * each >= dollars,
        variable="dollars of a false answer", low=a.false_cost_low, high=a.false_cost_high,
        reason=f"{a.exact_rate + a.semantic_rate:.0%} of ${a.after_routing:,.0f} are ${gross:,.0f}, less what "
        f"{false:,.0f} false answers a month cost ({a.false_hits:.1%} of the semantic hits)",
    )  # fmt: skip


@claim("q5.caching-70k", question=5, stated=Q(70_000, "USD"), statement="Caching takes $100K to $70K.")
def caching_step(a: Q5Assumptions, stated: Quantity) -> Outcome:
    return _step(stated, a.after_routing, a.caching_saving)


@claim("q5.kv-prefix", question=5, implied=True, stated=800.0,
       statement="A KV-prefix cache makes the system prompts of 800-token requests cheaper.")  # fmt: skip
def kv_prefix(a: Q5Assumptions, stated: float) -> Outcome:
    return enough(
        stated, a.prompt_cache_minimum,
        f"the provider's prompt cache starts at {a.prompt_cache_minimum:,.0f} tokens, prompts here have {stated:g}, "
        "and GPT-4 has no cached price; on engines of one's own it saves time instead",
    )  # fmt: skip


# -- C shorter prompts


def _prompt_saving(a: Q5Assumptions, tokens: float) -> float:
    """Dollars of so many input tokens less per request, of the $70K that are left."""
    return a.after_caching * a.input_share() * min(tokens / a.tokens_in, 1.0)


@claim("q5.prompts-system", question=5, implied=True, stated=Q(15_000, "USD"),
       statement="Compressing the system prompt from 200 to 50 tokens brings the $15K.")  # fmt: skip
def system_prompt(a: Q5Assumptions, stated: Quantity) -> Outcome:
    cut = a.system_before - a.system_after
    saved = _prompt_saving(a, cut)
    return reaches(
        stated, Q(saved, "USD"),
        f"{cut:.0f} of {a.tokens_in:.0f} input tokens, and input is {a.input_share():.0%} of the price: "
        f"{saved / a.after_caching:.1%} of ${a.after_caching:,.0f}",
    )  # fmt: skip


@claim("q5.prompts-examples", question=5, stated=3.0,
       statement="Going from 5 to 2 examples takes out at least as much as the shorter system prompt.")  # fmt: skip
def examples(a: Q5Assumptions, stated: float) -> Outcome:
    cut = a.system_before - a.system_after
    fewer = a.examples_before - a.examples_after
    return over_range(
        fewer, lambda tokens: stated * tokens >= cut,
        variable="tokens of an example", low=a.example_low, high=a.example_high,
        reason=f"{fewer:g} examples less against {cut:.0f} tokens of system prompt",
    )  # fmt: skip


@claim("q5.prompts-zero-shot", question=5, implied=True, stated=Q(15_000, "USD"),
       statement="Going from 5 examples to none brings the $15K alone.")  # fmt: skip
def zero_shot(a: Q5Assumptions, stated: Quantity) -> Outcome:
    fewer = a.examples_before - a.examples_none
    middle = (a.example_low + a.example_high) / 2
    return over_range(
        Q(_prompt_saving(a, fewer * middle), "USD"),
        lambda tokens: _prompt_saving(a, fewer * tokens) >= magnitude(stated, "USD"),
        variable="tokens of an example", low=a.example_low, high=a.example_high,
        reason=f"{fewer:g} examples of {middle:.0f} tokens are {fewer * middle:.0f} of {a.tokens_in:.0f} input tokens; "
        "what the answers lose without them is not counted",
    )  # fmt: skip


@claim("q5.prompts-15k", question=5, stated=Q(15_000, "USD"),
       statement="Shorter system prompts and fewer examples save $15K of $70K.")  # fmt: skip
def prompts(a: Q5Assumptions, stated: Quantity) -> Outcome:
    cut, fewer = a.system_before - a.system_after, a.examples_before - a.examples_after
    middle = (a.example_low + a.example_high) / 2
    dollars = magnitude(stated, "USD")
    return over_range(
        Q(_prompt_saving(a, cut + fewer * middle), "USD"),
        lambda tokens: _prompt_saving(a, cut + fewer * tokens) >= dollars,
        variable="tokens of an example", low=a.example_low, high=a.example_high,
        reason=f"{dollars / a.after_caching:.1%} of the cost, input being {a.input_share():.0%} of it; shorter answers "
        "would come on top, lost quality is not counted",
    )  # fmt: skip


@claim("q5.prompts-55k", question=5, stated=Q(55_000, "USD"), statement="Shorter prompts take $70K to $55K.")
def prompts_step(a: Q5Assumptions, stated: Quantity) -> Outcome:
    return _step(stated, a.after_caching, a.prompts_saving)


# -- D batches


@claim("q5.batch-50-percent", question=5, stated=0.50, statement="OpenAI's Batch API costs 50 % less.")
def batch_discount(a: Q5Assumptions, stated: float) -> Outcome:
    return close_to(stated, 1 - a.batch_price, f"batches are charged at {a.batch_price:.0%} of the list price", 0.001)


@claim("q5.batch-10k", question=5, stated=Q(10_000, "USD"), statement="Batches save $10K of $55K.")
def batch(a: Q5Assumptions, stated: Quantity) -> Outcome:
    most = a.after_prompts * (1 - a.batch_price)
    dollars = magnitude(stated, "USD")
    middle = (a.waits_low + a.waits_high) / 2
    return over_range(
        Q(most * middle, "USD"), lambda waits: most * waits >= dollars,
        variable="share of the spending that may wait a day", low=a.waits_low, high=a.waits_high, search=(0.0, 1.0),
        reason=f"if all of it could wait it were ${most:,.0f}; ${dollars:,.0f} need {dollars / most:.0%}",
    )  # fmt: skip


@claim("q5.batch-45k", question=5, stated=Q(45_000, "USD"), statement="Batches take $55K to $45K.")
def batch_step(a: Q5Assumptions, stated: Quantity) -> Outcome:
    return _step(stated, a.after_prompts, a.batch_saving)


@claim("q5.batch-embeddings", question=5, implied=True, stated=Q(1, "USD"),
       statement="Batching embedding requests saves something beside self-hosted embeddings.")  # fmt: skip
def batch_embeddings(a: Q5Assumptions, stated: Quantity) -> Outcome:
    left = a.embedding_row * (1 - a.embedding_moved) * (1 - a.batch_price)
    alone = a.embedding_row * (1 - a.batch_price)
    return reaches(
        stated, Q(left, "USD"),
        f"alone it saves up to ${alone:,.0f}; with {a.embedding_moved:.0%} self-hosted ${left:,.0f} are left to save",
    )  # fmt: skip
