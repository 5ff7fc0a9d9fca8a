"""Question 6, time: what running agents side by side buys, and whether a small machine keeps up."""

from __future__ import annotations

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, over_range, reaches
from reference.sizing.review_cost import slowest_over_mean, wall_over_slowest
from reference.sizing.units import Q, Quantity

from .assumptions import Q6Assumptions


@claim("q6.latency-max", question=6, statement="In parallel the latency is that of the slowest agent, not the sum.",
       stated=1.0)  # fmt: skip
def slowest(a: Q6Assumptions, stated: float) -> Outcome:
    busy = wall_over_slowest(1.0, a.cpu_share_high, a.agents, a.cores)
    return over_range(
        busy, lambda share: wall_over_slowest(1.0, share, a.agents, a.cores) <= stated * a.near_slowest,
        variable="share of an agent's time that is processor time", low=a.cpu_share_low, high=a.cpu_share_high,
        reason=f"waiting overlaps, computing does not: {a.agents} analysers on {a.cores} cores take {busy:.1f} times "
        "the slowest",
    )  # fmt: skip


@claim("q6.latency-one", question=6, implied=True, stated=1.0,
       statement="Five agents in parallel take as long as one agent takes on average.")  # fmt: skip
def as_one(a: Q6Assumptions, stated: float) -> Outcome:
    ratio = slowest_over_mean(a.agents, a.variation)
    return close_to(
        stated, ratio,
        f"the slowest of {a.agents} with a variation of {a.variation:g} takes {ratio:.2f} times the mean; "
        "time-outs bound it",
    )  # fmt: skip


@claim("q6.changes-1000-a-day", question=6, statement="The system reviews 1,000 pull requests a day.",
       stated=Q(1000, "request/day"))  # fmt: skip
def per_day(a: Q6Assumptions, stated: Quantity) -> Outcome:
    able = a.cores * a.utilisation * a.office_hours * 3600 / a.review_cpu_seconds
    busy = a.changes_per_day * a.review_cpu_seconds / (a.office_hours * 3600) / a.cores
    return reaches(
        stated, Q(able, "request/day"),
        f"{a.cores} cores at {a.utilisation:.0%} do {able:,.0f} in {a.office_hours:g} hours at "
        f"{a.review_cpu_seconds:g} s of processor each; {a.changes_per_day:,.0f} keep them {busy:.0%} busy",
    )  # fmt: skip
