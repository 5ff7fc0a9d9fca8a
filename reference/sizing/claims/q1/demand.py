"""Question 1, demand: messages a day, the average, the peak, and what the stated fleet covers of it."""

from __future__ import annotations

import math

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, enough, over_range
from reference.sizing.traffic import messages_per_day
from reference.sizing.units import Q, Quantity, count, magnitude, show

from .assumptions import Q1Assumptions


@claim(
    "q1.messages-per-day",
    question=1,
    statement="A million daily users with ten messages each make ten million messages a day.",
    stated=Q(10e6, "message/day"),
)
def daily_messages(a: Q1Assumptions, stated: Quantity) -> Outcome:
    computed = messages_per_day(a.daily_users, a.messages_per_user)
    users, each = count(a.daily_users, "user"), count(a.messages_per_user, "message/user/day")
    return close_to(stated, computed, f"{users} users x {each} = {count(computed, 'message/day')} messages a day", 0.01)


@claim(
    "q1.fleet-covers-average",
    question=1,
    statement="Fifteen instances at 500 requests a minute carry the average load.",
    stated=Q(7500, "rpm"),
    implied=True,
)
def covers_average(a: Q1Assumptions, stated: Quantity) -> Outcome:
    average = a.average.to("rpm")
    busy = magnitude(average / a.stated_capacity, "")
    return enough(
        a.stated_capacity,
        average,
        f"the day's average is {show(average)} against {show(a.stated_capacity)}, {busy:.0%} busy before any peak",
    )


@claim(
    "q1.fleet-covers-peak",
    question=1,
    statement="Fifteen instances are enough for the peak.",
    stated=Q(7500, "rpm"),
)
def covers_peak(a: Q1Assumptions, stated: Quantity) -> Outcome:
    factor = a.diurnal * a.burst
    return over_range(
        a.peak.to("rpm"),
        lambda peak_factor: a.average * peak_factor <= a.stated_capacity,
        variable="peak over average",
        low=a.burst,
        high=a.diurnal * a.burst_high,
        search=(1.0, 20.0),
        reason=f"the busiest minute is {show(factor)} times the average, {show(a.peak.to('rpm'))}, "
        f"against {show(a.stated_capacity)}",
    )


@claim(
    "q1.survives-a-failure",
    question=1,
    statement="Fifteen instances leave room to lose one and stay below the utilisation where queues explode.",
    stated=15,
    implied=True,
)
def survives_a_failure(a: Q1Assumptions, stated: float) -> Outcome:
    each = magnitude(a.stated_rate, "request/s/replica")
    needed = math.ceil(magnitude(a.average, "request/s") / (each * a.utilisation_ceiling)) + a.spare
    left = magnitude(a.average, "request/s") / (each * (a.stated_instances - a.spare))
    return enough(
        a.stated_instances,
        needed,
        f"with {a.spare} down the rest run at {left:.0%} on average load alone; "
        f"{a.utilisation_ceiling:.0%} with {a.spare} spare takes {needed}",
    )
