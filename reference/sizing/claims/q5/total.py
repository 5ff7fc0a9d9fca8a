"""Question 5, the whole: sums, order, and whether savings add up."""

from __future__ import annotations

import dataclasses

from reference.sizing.bill.lines import Line
from reference.sizing.bill.plan import NAMES, Assumed, PlanAssumptions, source_bill
from reference.sizing.bill.plan.subsets import Figures, bill_of
from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, over_range
from reference.sizing.units import Q, Quantity, magnitude

from .assumptions import Q5Assumptions


def _savings(a: Q5Assumptions) -> dict[str, float]:
    """The stated savings, in the order of the source."""
    return {
        "routing": a.routing_saving, "caching": a.caching_saving, "prompts": a.prompts_saving,
        "batching": a.batch_saving, "embeddings": a.embedding_saving, "small model": a.small_saving,
    }  # fmt: skip


def _bill(a: Q5Assumptions) -> tuple[Line, ...]:
    """The stated bill as lines, with the tokens at which each row costs what is stated."""
    bill = source_bill()
    stated = {"GPT-4": a.gpt4_row, "GPT-3.5": a.gpt35_row, "embeddings": a.embedding_row}
    return tuple(row.line(stated[row.name] / row.list_cost) for row in bill.rows)


def _figures(a: Q5Assumptions, route_share: float) -> Figures:
    """The plan's figures with those that the source states."""

    def one(value: float) -> Assumed:
        return Assumed(value, value, value, "the source")

    plan = dataclasses.replace(
        PlanAssumptions(), route_share=one(route_share), exact_hit_rate=one(a.exact_rate),
        semantic_hit_rate=one(a.semantic_rate), system_share=one(a.system_before / a.tokens_in),
        system_factor=one(a.system_after / a.system_before), example_factor=one(a.examples_after / a.examples_before),
        embed_rate=one(a.embed_rate), small_rate=one(a.small_rate), hours=one(a.hours),
    )  # fmt: skip
    return Figures.expected(plan)


def _saved(a: Q5Assumptions, names: tuple[str, ...], route_share: float) -> float:
    lines, f = _bill(a), _figures(a, route_share)
    return float(bill_of((), lines, f) - bill_of(names, lines, f))


@claim("q5.total-360k", question=5, stated=Q(360_000, "USD"), statement="The six savings are $360K together.")
def total(a: Q5Assumptions, stated: Quantity) -> Outcome:
    found = _savings(a)
    parts = " + ".join(f"{value / 1000:g}" for value in found.values())
    return close_to(stated, Q(sum(found.values()), "USD"), f"{parts} thousand", 0.001)


@claim("q5.total-72-percent", question=5, stated=0.72, statement="That is 72 % of the bill.")
def percent(a: Q5Assumptions, stated: float) -> Outcome:
    return close_to(stated, a.total_saving / a.total, f"${a.total_saving:,.0f} of ${a.total:,.0f}", 0.001)


@claim("q5.new-140k", question=5, stated=Q(140_000, "USD"), statement="The new bill is about $140K a month.")
def new_cost(a: Q5Assumptions, stated: Quantity) -> Outcome:
    left = a.total - a.total_saving
    return close_to(stated, Q(left, "USD"), f"${a.total:,.0f} less ${a.total_saving:,.0f}", 0.001)


@claim("q5.rows-140k", question=5, implied=True, stated=Q(140_000, "USD"),
       statement="The rows that the steps leave make $140K.")  # fmt: skip
def rows(a: Q5Assumptions, stated: Quantity) -> Outcome:
    left = a.after_small + a.gpt35_row + a.embedding_cost + a.infrastructure
    return close_to(
        stated, Q(left, "USD"),
        f"GPT-4 ${a.after_small:,.0f}, embeddings ${a.embedding_cost:,.0f}, GPT-3.5 ${a.gpt35_row:,.0f} and "
        f"infrastructure ${a.infrastructure:,.0f} as before: steps B, C, D and F all come off the rest of GPT-4",
        0.001,
    )  # fmt: skip


@claim("q5.plan-360k", question=5, implied=True, stated=Q(360_000, "USD"),
       statement="All six on the same bill, with what they cost themselves, save $360K.")  # fmt: skip
def plan(a: Q5Assumptions, stated: Quantity) -> Outcome:
    dollars = magnitude(stated, "USD")
    found = _saved(a, NAMES, a.route_share)
    return over_range(
        Q(found, "USD"), lambda share: _saved(a, NAMES, share) >= 0.95 * dollars,
        variable="share that a cheaper model answers well enough", low=a.route_low, high=a.route_high,
        reason=f"GPUs, gateway and false answers counted, ${found:,.0f} with {a.route_share:.0%} routed (95 % of the "
        "stated asked for)",
    )  # fmt: skip


@claim("q5.savings-add-up", question=5, implied=True, stated=1.0,
       statement="Savings of the six strategies, each taken alone, add up to what they save together.")  # fmt: skip
def add_up(a: Q5Assumptions, stated: float) -> Outcome:
    alone = sum(_saved(a, (name,), a.route_share) for name in NAMES)
    joint = _saved(a, NAMES, a.route_share)
    return close_to(
        stated, alone / joint,
        f"alone they save ${alone:,.0f}, together ${joint:,.0f}: ${alone - joint:,.0f} are promised twice",
    )  # fmt: skip


# -- ranking and weeks


@claim("q5.ranked-by-impact", question=5, stated=5, statement="Ranked by impact, self-hosted embeddings come fifth.")
def ranked(a: Q5Assumptions, stated: float) -> Outcome:
    found = _savings(a)
    place = 1 + sum(value > found["embeddings"] for value in found.values())
    return close_to(
        stated, place,
        f"by the stated savings they are number {place} (${found['embeddings']:,.0f} against ${found['caching']:,.0f} "
        "of caching)", 0.001,
    )  # fmt: skip


@claim("q5.priority-embeddings", question=5, stated=2,
       statement="Self-hosted embeddings are to be done second, before caching.")  # fmt: skip
def priority(a: Q5Assumptions, stated: float) -> Outcome:
    per_week = {
        "routing": a.routing_saving / a.weeks_routing, "embeddings": a.embedding_saving / a.weeks_embeddings,
        "caching": a.caching_saving / a.weeks_caching, "batching": a.batch_saving / a.weeks_batch,
        "small": a.small_saving / a.weeks_small,
    }  # fmt: skip
    place = 1 + sum(value > per_week["embeddings"] for value in per_week.values())
    return close_to(
        stated, place,
        f"as stated a week brings ${per_week['embeddings']:,.0f} there and ${per_week['caching']:,.0f} with "
        f"caching: number {place}", 0.001,
    )  # fmt: skip


@claim("q5.priority-order", question=5, stated=6,
       statement="The six are in the order in which a week of work brings most.")  # fmt: skip
def priority_order(a: Q5Assumptions, stated: float) -> Outcome:
    saving = _savings(a)
    weeks = {
        "routing": a.weeks_routing, "caching": a.weeks_caching, "batching": a.weeks_batch,
        "embeddings": a.weeks_embeddings, "small model": a.weeks_small,
    }  # fmt: skip
    places = {
        "routing": a.priority_routing, "embeddings": a.priority_embeddings, "caching": a.priority_caching,
        "prompts": a.priority_prompts, "batching": a.priority_batch, "small model": a.priority_small,
    }  # fmt: skip

    def right(prompts_weeks: float) -> int:
        """How many of the six stand where the dollars a week put them."""
        rate = {name: saving[name] / (weeks | {"prompts": prompts_weeks})[name] for name in saving}
        order = sorted(rate, key=lambda name: -rate[name])
        return sum(place == 1 + order.index(name) for name, place in places.items())

    middle = (a.prompts_weeks_low + a.prompts_weeks_high) / 2
    return over_range(
        right(middle), lambda prompts_weeks: right(prompts_weeks) >= stated,
        variable="weeks of work on prompts", low=a.prompts_weeks_low, high=a.prompts_weeks_high,
        reason=f"by the stated savings and weeks (work on prompts, which never ends, taken as {middle:g}) "
        f"{right(middle)} of {stated:g} stand at their place",
    )  # fmt: skip


def _pays_back(a: Q5Assumptions, saving: float, weeks: float) -> Outcome:
    """Whether the first month's saving pays for the work, if the stated weeks are too few by some factor."""
    cost = weeks * 5 * a.day_cost
    return over_range(
        saving / cost, lambda factor: saving >= cost * factor,
        variable="times the stated weeks", low=1.0, high=a.effort_high, search=(0.01, 1000.0),
        reason=f"the stated time costs ${cost:,.0f} ({weeks:g} x 5 days of ${a.day_cost:,.0f}), "
        f"a month saves ${saving:,.0f}",
    )  # fmt: skip


@claim("q5.weeks-routing", question=5, stated=1, statement="Routing takes 1 week, paid for in its first month.")
def weeks_routing(a: Q5Assumptions, stated: float) -> Outcome:
    del stated
    return _pays_back(a, a.routing_saving, a.weeks_routing)


@claim("q5.weeks-embeddings", question=5, stated=2, statement="Own embeddings take 2 weeks, paid for in a month.")
def weeks_embeddings(a: Q5Assumptions, stated: float) -> Outcome:
    del stated
    return _pays_back(a, a.embedding_saving, a.weeks_embeddings)


@claim("q5.weeks-caching", question=5, stated=1, statement="Caching takes 1 week, paid for in its first month.")
def weeks_caching(a: Q5Assumptions, stated: float) -> Outcome:
    del stated
    return _pays_back(a, a.caching_saving, a.weeks_caching)


@claim("q5.weeks-batching", question=5, stated=1, statement="Batching takes 1 week, paid for in its first month.")
def weeks_batch(a: Q5Assumptions, stated: float) -> Outcome:
    del stated
    return _pays_back(a, a.batch_saving, a.weeks_batch)


@claim("q5.weeks-small-model", question=5, stated=2, statement="An own small model takes 2 weeks, paid for in a month.")
def weeks_small(a: Q5Assumptions, stated: float) -> Outcome:
    del stated
    return _pays_back(a, a.small_saving, a.weeks_small)
