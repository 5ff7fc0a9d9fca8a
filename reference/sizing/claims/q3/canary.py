"""Question 3, the canary: what 5 % of the traffic for 24 hours can and cannot show."""

from __future__ import annotations

from reference.sizing import ab_tests
from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, enough, over_choices, over_range

from .assumptions import Q3Assumptions


@claim("q3.share", question=3, stated=0.10, statement="The canary gets 10 % of the traffic (picture).")  # fmt: skip
def share(a: Q3Assumptions, stated: float) -> Outcome:
    del stated
    return close_to(a.picture_share, a.share, f"the workflow of the same answer starts at {a.share:.0%}")


@claim("q3.rest-90", question=3, stated=0.90, statement="Production keeps 90 % of the traffic (picture).")  # fmt: skip
def rest(a: Q3Assumptions, stated: float) -> Outcome:
    return close_to(stated, 1 - a.share, f"with the {a.share:.0%} canary of the workflow it keeps {1 - a.share:.0%}")


@claim("q3.errors-24h", question=3, stated=24.0,
       statement="5 % of the traffic for 24 hours shows doubled errors.")  # fmt: skip
def errors(a: Q3Assumptions, stated: float) -> Outcome:
    del stated
    needed = ab_tests.users_for_rate(a.error_rate, 2 * a.error_rate, a.share, sides=1) * 24 / a.hours
    return over_range(
        needed, lambda per_day: per_day >= needed,
        variable="users a day", low=a.users_low, high=a.users_high,
        reason=f"from {needed:,.0f} users a day on (errors {a.error_rate:.1%}, one look at the end, power 80 %)",
    )  # fmt: skip


@claim("q3.latency-24h", question=3, stated=0.10,
       statement="5 % of the traffic for 24 hours shows a latency that is 10 % higher.")  # fmt: skip
def latency(a: Q3Assumptions, stated: float) -> Outcome:
    needed = ab_tests.users_for_latency(1 + stated, a.log_sd, a.share, sides=1) * 24 / a.hours
    return over_range(
        needed, lambda per_day: per_day >= needed,
        variable="users a day", low=a.users_low, high=a.users_high,
        reason=f"from {needed:,.0f} users a day on, by mean log latencies with a spread of {a.log_sd:g}",
    )  # fmt: skip


@claim("q3.feedback-24h", question=3, stated=24.0,
       statement="5 % of the traffic for 24 hours shows that user feedback does not fall.")  # fmt: skip
def feedback(a: Q3Assumptions, stated: float) -> Outcome:
    del stated
    ratings = ab_tests.users_for_rate(1 - a.like_rate, 1 - a.like_rate + a.like_drop, a.share, sides=1)
    needed = ratings / a.rating_share * 24 / a.hours
    return over_range(
        needed, lambda per_day: per_day >= needed,
        variable="users a day", low=a.users_low, high=a.users_high,
        reason=f"{ratings:,} ratings find a fall by {100 * a.like_drop:.0f} points; with {a.rating_share:.0%} of the "
        f"users rating, {needed:,.0f} users a day",
    )  # fmt: skip


@claim("q3.business-24h", question=3, stated=24.0,
       statement="5 % of the traffic for 24 hours shows that conversion does not fall.")  # fmt: skip
def business(a: Q3Assumptions, stated: float) -> Outcome:
    lower = a.goal_rate * (1 - a.goal_drop)
    needed = ab_tests.users_for_rate(a.goal_rate, lower, a.share, sides=1)
    return enough(
        stated, needed / a.users * 24,
        f"a fall of {a.goal_drop:.0%} of {a.goal_rate:.0%} needs {needed:,} users in all, {needed / a.users:.1f} days "
        f"at {a.users:,.0f} a day",
    )  # fmt: skip


@claim("q3.later-steps", question=3, implied=True, stated=24.0,
       statement="At 25 %, 50 % and 100 %, 24 hours each show the fall of conversion that 5 % could not.")  # fmt: skip
def later_steps(a: Q3Assumptions, stated: float) -> Outcome:
    lower = a.goal_rate * (1 - a.goal_drop)
    needed = {
        share: ab_tests.users_for_rate(a.goal_rate, lower, share, sides=1) / a.users * 24
        for share in a.later_shares if share < 1
    }  # fmt: skip
    shown = {f"{share:.0%} ({hours:.1f} h)": hours <= stated for share, hours in needed.items()}
    # Nobody is left on the old version at 100 %: there is nothing to compare with.
    shown |= {f"{share:.0%} (no control left)": False for share in a.later_shares if share >= 1}
    return over_choices(
        max(needed.values()), shown, variable="step",
        reason=f"a fall of {a.goal_drop:.0%} of {a.goal_rate:.0%} at {a.users:,.0f} users a day, one look at the end "
        "of each step",
    )  # fmt: skip


@claim("q3.no-increase", question=3, stated=0.05,
       statement="A harmless release passes the four checks (no metric may get worse at all).")  # fmt: skip
def no_increase(a: Q3Assumptions, stated: float) -> Outcome:
    # Without a difference each metric is worse by chance half of the time; latency alone has a margin of 10 %.
    stopped = 1 - 0.5 ** (a.metrics - 1)
    return Outcome(
        stopped, "holds" if stopped <= stated else "does-not-hold",
        f"{a.metrics - 1} metrics that may not fall at all stop {stopped:.0%} of harmless releases; a test with a "
        f"level of {stated:.0%} stops that many",
    )  # fmt: skip
