"""Question 6, money: dollars per call, per change and per month, and where the cap binds."""

from __future__ import annotations

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, enough, over_range
from reference.sizing.review_cost import implied_input_price, tokens_within
from reference.sizing.units import Q, Quantity

from .assumptions import Q6Assumptions


@claim("q6.call-0.003", question=6, statement="One agent's call costs $0.003.", stated=Q(0.003, "USD"))
def call_price(a: Q6Assumptions, stated: Quantity) -> Outcome:
    dollars = a.stated_call
    implied = implied_input_price(dollars, a.tokens_in, a.tokens_out, a.output_ratio)
    return over_range(
        Q(a.middle.call(a.tokens_in, a.tokens_out), "USD"),
        lambda price: a.at(price).call(a.tokens_in, a.tokens_out) <= dollars,
        variable="input price", unit="USD per million tokens", low=a.input_low, high=a.input_high,
        reason=f"{a.tokens_in:,.0f} in and {a.tokens_out:,.0f} out; ${dollars:.3f} is a model of ${implied:.2f} a "
        f"million, one of ${a.middle_input:g} takes ${a.middle.call(a.tokens_in, a.tokens_out):.4f}",
    )  # fmt: skip


@claim("q6.agents-0.015", question=6, statement="Five agents cost $0.015 for one pull request.", stated=Q(0.015, "USD"))
def five_agents(a: Q6Assumptions, stated: Quantity) -> Outcome:
    return close_to(stated, Q(a.agents * a.stated_call, "USD"), f"{a.agents} calls of ${a.stated_call:.3f}")


@claim("q6.aggregator-0.005", question=6, statement="The aggregator costs $0.005.", stated=Q(0.005, "USD"))
def aggregator(a: Q6Assumptions, stated: Quantity) -> Outcome:
    read = a.instructions + a.agents * a.tokens_out
    dollars = a.stated_aggregator
    return over_range(
        Q(a.middle.call(read, a.tokens_out), "USD"), lambda price: a.at(price).call(read, a.tokens_out) <= dollars,
        variable="input price", unit="USD per million tokens", low=a.input_low, high=a.input_high,
        reason=f"it reads the findings of {a.agents} agents, {read:,.0f} tokens with its instructions; without a "
        "language model aggregation costs nothing and cannot be talked into anything",
    )  # fmt: skip


@claim("q6.change-0.02", question=6, statement="A review costs about $0.02 in all.", stated=Q(0.02, "USD"))
def per_change(a: Q6Assumptions, stated: Quantity) -> Outcome:
    total = a.agents * a.stated_call + a.stated_aggregator
    return close_to(stated, Q(total, "USD"), f"{a.agents} times ${a.stated_call:.3f} and ${a.stated_aggregator:.3f}")


@claim("q6.change-0.02-real-tokens", question=6, implied=True, stated=Q(0.02, "USD"),
       statement="$0.02 pays for an average change whose whole diff every agent reads.")  # fmt: skip
def real_tokens(a: Q6Assumptions, stated: Quantity) -> Outcome:
    read = a.instructions + a.lines * a.tokens_per_line
    summary = a.instructions + a.agents * a.tokens_out
    dollars = a.stated_change

    def cost(price: float) -> float:
        model = a.at(price)
        return a.agents * model.call(read, a.tokens_out) + model.call(summary, a.tokens_out)

    middle = a.agents * a.middle.call(read, a.tokens_out) + a.middle.call(summary, a.tokens_out)
    return over_range(
        Q(middle, "USD"), lambda price: cost(price) <= dollars,
        variable="input price", unit="USD per million tokens", low=a.input_low, high=a.input_high,
        reason=f"{a.agents} times {read:,.0f} tokens: at ${a.middle_input:g} a million it is ${middle:.3f}",
    )  # fmt: skip


@claim("q6.month-600", question=6, statement="1,000 pull requests a day cost $600 a month.", stated=Q(600, "USD"))
def month(a: Q6Assumptions, stated: Quantity) -> Outcome:
    total = a.stated_change * a.changes_per_day * a.days
    working = total * 5 / 7
    return close_to(
        stated, Q(total, "USD"),
        f"{a.changes_per_day:,.0f} a day for {a.days:g} days; on working days only ${working:,.0f}",
    )  # fmt: skip


@claim("q6.cap-average", question=6, statement="$0.50 is enough for a pull request.", stated=Q(0.50, "USD"))
def cap_average(a: Q6Assumptions, stated: Quantity) -> Outcome:
    mean = a.sizes.mean
    cost = (a.agents + 1) * a.middle.call(a.instructions + mean, a.tokens_out)
    return enough(stated, Q(cost, "USD"), f"a change of mean size, {mean:,.0f} tokens, read {a.agents + 1} times")


@claim("q6.cap-tail", question=6, implied=True, stated=Q(0.50, "USD"),
       statement="The cap of $0.50 never cuts a review short.")  # fmt: skip
def cap_tail(a: Q6Assumptions, stated: Quantity) -> Outcome:
    large = a.sizes.quantile(0.99)
    cost = (a.agents + 1) * a.middle.call(a.instructions + large, a.tokens_out)
    fits = tokens_within(a.cap, a.agents + 1, a.middle, a.instructions, a.tokens_out)
    return enough(
        stated, Q(cost, "USD"),
        f"one change in a hundred has {large:,.0f} tokens or more; ${a.cap:.2f} pays for {fits:,.0f}, so "
        f"{a.sizes.share_above(fits):.1%} of the changes are cut: say which part is missing",
    )  # fmt: skip
