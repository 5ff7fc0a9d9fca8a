"""Question 5, the bill: which rows follow from their counts, and at what tokens or model they come true."""

from __future__ import annotations

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, over_range
from reference.sizing.units import Q, Quantity

from .assumptions import Q5Assumptions


def _share(stated: float, row: float, a: Q5Assumptions) -> Outcome:
    return close_to(stated, row / a.total, f"${row:,.0f} of ${a.total:,.0f}", 0.005)


@claim("q5.gpt4-350k", question=5, stated=Q(350_000, "USD"),
       statement="50 million GPT-4 requests of 800 tokens in and 400 out cost $350K a month.")  # fmt: skip
def gpt4(a: Q5Assumptions, stated: Quantity) -> Outcome:
    cost = a.gpt4_requests * a.gpt4_request()
    factor = a.gpt4_row / cost
    return close_to(
        stated, Q(cost, "USD"),
        f"${a.gpt4_request():.3f} a request at ${a.gpt4_input:g} and ${a.gpt4_output:g} a million; the row is that of "
        f"{a.tokens_in * factor:.0f} and {a.tokens_out * factor:.0f} tokens (deprecated since 2026-10-23)",
    )  # fmt: skip


@claim("q5.gpt4-70-percent", question=5, stated=0.70, statement="GPT-4 is 70 % of the bill.")
def gpt4_share(a: Q5Assumptions, stated: float) -> Outcome:
    return _share(stated, a.gpt4_row, a)


@claim("q5.gpt35-80k", question=5, stated=Q(80_000, "USD"),
       statement="200 million GPT-3.5 requests, without token counts, cost no more than $80K.")  # fmt: skip
def gpt35(a: Q5Assumptions, stated: Quantity) -> Outcome:
    fits = a.gpt35_row / a.gpt35_requests / a.gpt35_token()
    middle = a.gpt35_requests * (a.tokens_in + a.tokens_out) * a.gpt35_token()
    return over_range(
        Q(middle, "USD"), lambda tokens: a.gpt35_requests * tokens * a.gpt35_token() <= a.gpt35_row,
        variable="tokens of a request", low=a.gpt35_tokens_low, high=a.gpt35_tokens_high,
        reason=f"${a.gpt35_row / a.gpt35_requests:.4f} a request are {fits:.0f} tokens, {a.gpt35_output_share:.0%} of "
        f"them out; with the tokens of the GPT-4 row it is ${middle:,.0f}",
    )  # fmt: skip


@claim("q5.gpt35-16-percent", question=5, stated=0.16, statement="GPT-3.5 is 16 % of the bill.")
def gpt35_share(a: Q5Assumptions, stated: float) -> Outcome:
    return _share(stated, a.gpt35_row, a)


@claim("q5.embeddings-50k", question=5, stated=Q(50_000, "USD"),
       statement="500 million embeddings cost $50K at the provider.")  # fmt: skip
def embedding_row(a: Q5Assumptions, stated: Quantity) -> Outcome:
    def cost(tokens: float) -> float:
        return a.embeddings * tokens * a.ada_input / 1e6

    return over_range(
        Q(cost(a.text_tokens), "USD"), lambda tokens: cost(tokens) >= 0.95 * a.embedding_row,
        variable="tokens of a text", low=a.text_low, high=a.text_high, search=(1.0, 100_000.0),
        reason=f"texts of {a.text_tokens:.0f} tokens at ${a.ada_input:g} a million (ada-002, the dearer old model) "
        f"cost ${cost(a.text_tokens):,.0f}",
    )  # fmt: skip


@claim("q5.embeddings-10-percent", question=5, stated=0.10, statement="Embeddings are 10 % of the bill.")
def embedding_share(a: Q5Assumptions, stated: float) -> Outcome:
    return _share(stated, a.embedding_row, a)


@claim("q5.infrastructure-4-percent", question=5, stated=0.04, statement="Infrastructure is $20K, 4 % of the bill.")
def infrastructure_share(a: Q5Assumptions, stated: float) -> Outcome:
    return _share(stated, a.infrastructure, a)


@claim("q5.bill-500k", question=5, stated=Q(500_000, "USD"), statement="The four rows make $500K a month.")
def whole(a: Q5Assumptions, stated: Quantity) -> Outcome:
    rows = a.gpt4_row + a.gpt35_row + a.embedding_row + a.infrastructure
    return close_to(stated, Q(rows, "USD"), f"the sum of the stated rows is ${rows:,.0f}", 0.001)


@claim("q5.bill-500k-at-list", question=5, implied=True, stated=Q(500_000, "USD"),
       statement="The stated counts cost $500K a month at list prices.")  # fmt: skip
def at_list(a: Q5Assumptions, stated: Quantity) -> Outcome:
    chat = a.gpt4_requests * a.gpt4_request() + a.gpt35_requests * (a.tokens_in + a.tokens_out) * a.gpt35_token()
    total = chat + a.embeddings * a.text_tokens * a.ada_input / 1e6 + a.infrastructure
    return close_to(
        stated, Q(total, "USD"),
        f"GPT-4 alone ${a.gpt4_requests * a.gpt4_request():,.0f}; GPT-3.5 with the same tokens, texts of "
        f"{a.text_tokens:.0f}: ${total:,.0f}",
    )  # fmt: skip
