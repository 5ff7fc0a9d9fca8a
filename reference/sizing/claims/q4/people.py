"""Question 4, people: cases per minute, reviewers on duty and on the payroll, languages, appeals, labels."""

from __future__ import annotations

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, enough, not_above, over_range
from reference.sizing.error_rates import sample_for_bound, wrong_actions
from reference.sizing.review_staffing import seats_for, split_by_language, staffing, zipf_shares
from reference.sizing.units import Q, Quantity, magnitude

from .assumptions import Q4Assumptions


def _review(a: Q4Assumptions, share: float, stated: Quantity) -> Outcome:
    per_minute = a.posts_per_minute * share
    return close_to(
        stated, Q(per_minute, "post/min"),
        f"{share:.0%} of {a.posts_per_minute:,.0f} a minute; {per_minute / 60:,.0f} is the figure per second",
    )  # fmt: skip


@claim("q4.review-167", question=4, statement="People review at least 167 posts a minute, 1 % of all.",
       stated=Q(167, "post/min"))  # fmt: skip
def review_low(a: Q4Assumptions, stated: Quantity) -> Outcome:
    return _review(a, a.review_low, stated)


@claim("q4.review-334", question=4, statement="People review at most 334 posts a minute, 2 % of all.",
       stated=Q(334, "post/min"))  # fmt: skip
def review_high(a: Q4Assumptions, stated: Quantity) -> Outcome:
    return _review(a, a.review_high, stated)


@claim("q4.review-30-s", question=4, statement="A person reviews a post in 30 seconds on average.", stated=Q(30, "s"))
def review_time(a: Q4Assumptions, stated: Quantity) -> Outcome:
    def seconds(context: float) -> float:
        text = a.post_tokens / a.reading_per_s
        own = {"text": text, "image": a.look_seconds, "video": a.clip_seconds, "link": text}
        mean = sum(share * own[kind] for kind, share in a.kind_shares.items())
        return mean + context * text + a.verdict_seconds

    return over_range(
        Q(seconds(a.context_posts), "s"), lambda context: seconds(context) <= magnitude(stated, "s"),
        variable="posts of context that are read", low=a.context_low, high=a.context_high,
        reason=f"posts in the stated mix, video watched at full length: {seconds(0):.0f} s, "
        f"{a.verdict_seconds:g} of them for the verdict, and {a.post_tokens / a.reading_per_s:.1f} s more for each "
        "post around it",
    )  # fmt: skip


@claim(
    "q4.reviewers-170-own-rate", question=4, implied=True, stated=170,
    statement="For 334 posts a minute at 30 s, 170 reviewers on duty are enough.",
)  # fmt: skip
def own_rate(a: Q4Assumptions, stated: float) -> Outcome:
    rate = a.stated_review_per_minute / 60
    load = rate * a.review_seconds
    seats = seats_for(rate, a.review_seconds, a.seat_ceiling)
    return enough(
        a.stated_reviewers, seats,
        f"{load:.0f} are busy at any moment, {load / a.stated_reviewers:.0%} of {a.stated_reviewers}; "
        f"at most {a.seat_ceiling:.0%} takes {seats}, and nobody has had a break yet",
    )  # fmt: skip


@claim("q4.reviewers-on-duty", question=4, statement="100 to 170 reviewers on duty do the human review.", stated=170)
def on_duty(a: Q4Assumptions, stated: float) -> Outcome:
    rate = a.rate * a.review_low
    people = staffing(rate, a.review_seconds, a.shifts, a.seat_ceiling)
    few, most = (n * a.seat_ceiling / a.review_seconds / a.rate for n in (a.stated_reviewers_low, a.stated_reviewers))
    return enough(
        a.stated_reviewers, people.seats,
        f"{a.review_low:.0%} are {rate:,.0f} cases/s of {a.review_seconds:g} s: {people.seats:,} seats, "
        f"{people.on_shift:,} people on shift; {a.stated_reviewers_low} to {a.stated_reviewers} reviewers can see "
        f"{few:.3%} to {most:.3%} of the posts",
    )  # fmt: skip


@claim(
    "q4.reviewers-around-the-clock", question=4, implied=True, stated=170,
    statement="170 reviewers are the staff that keeps 170 on duty, day and night.",
)  # fmt: skip
def around_the_clock(a: Q4Assumptions, stated: float) -> Outcome:
    each = a.shifts.people_per_seat
    full = staffing(a.rate * a.review_low, a.review_seconds, a.shifts, a.seat_ceiling)
    return enough(
        a.stated_reviewers, a.stated_reviewers * each,
        f"168 hours a week at {a.contract_hours:g} paid, {a.present_share:.0%} present and "
        f"{a.shifts.review_share:.0%} of a shift with harmful content: {each:.1f} people per seat; for "
        f"{a.review_low:.0%} of the posts a payroll of {full.payroll:,}",
    )  # fmt: skip


@claim(
    "q4.reviewers-languages", question=4, implied=True, stated=170,
    statement="170 reviewers cover 334 posts a minute in 50 languages.",
)  # fmt: skip
def languages(a: Q4Assumptions, stated: float) -> Outcome:
    rate = a.stated_review_per_minute / 60
    shares = zipf_shares(a.languages, a.language_exponent)
    wait = magnitude(a.language_wait, "s")
    seats = split_by_language(shares, rate, a.review_seconds, a.seat_ceiling, wait)
    return enough(
        a.stated_reviewers, sum(seats),
        f"each language has its own line: {max(seats)} for the largest, {min(seats)} for the smallest of "
        f"{a.languages}, {sum(seats)} in all, {seats_for(rate, a.review_seconds, a.seat_ceiling)} if everybody spoke "
        "every language",
    )  # fmt: skip


@claim(
    "q4.appeals", question=4, implied=True, stated=170,
    statement="The reviewers on duty could also decide the appeals.",
)  # fmt: skip
def appeals(a: Q4Assumptions, stated: float) -> Outcome:
    actions = wrong_actions(a.rate, a.prevalence, a.fpr, a.fnr)

    def seats(share: float) -> int:
        return seats_for(actions.removed * share, a.appeal_seconds, a.seat_ceiling)

    return over_range(
        float(seats(a.appeal_share)), lambda share: seats(share) <= a.stated_reviewers,
        variable="share of removals that are appealed", low=a.appeal_low, high=a.appeal_high,
        reason=f"{actions.removed:,.0f} removals/s at {a.prevalence:.0%} violating; with {a.appeal_share:.0%} "
        f"appealed and {a.appeal_seconds:g} s each, {seats(a.appeal_share)} seats, of people who saw none of the "
        "cases before",
    )  # fmt: skip


@claim(
    "q4.weekly-labels", question=4, statement="The classifiers are retrained every week with new labels.",
    stated=Q(7, "day"),
)  # fmt: skip
def weekly_labels(a: Q4Assumptions, stated: Quantity) -> Outcome:
    clean, violating = sample_for_bound(a.fpr), sample_for_bound(a.fnr)
    # A random sample holds one violating post in 1/prevalence; it brings the clean ones along.
    posts = a.languages * max(violating / a.prevalence, clean / (1 - a.prevalence))
    hours = 2 * posts * a.review_seconds / 3600

    def days(share: float) -> float:
        return hours / (a.stated_reviewers * a.shifts.review_share * share) / 24

    return over_range(
        Q(days(a.label_share), "day"), lambda share: days(share) <= magnitude(stated, "day"),
        variable="share of the reviewers' time", low=a.label_low, high=a.label_high,
        reason=f"to prove the promised rates again in {a.languages} languages takes {violating} violating posts each, "
        f"{posts:,.0f} random posts at {a.prevalence:.0%}, judged twice: {hours:,.0f} hours",
    )  # fmt: skip


@claim(
    "q4.wrong-removals-seen", question=4, implied=True, stated=Q(334, "post/min"),
    statement="The stated review could look at every wrong removal.",
)  # fmt: skip
def wrong_removals(a: Q4Assumptions, stated: Quantity) -> Outcome:
    actions = wrong_actions(a.posts_per_minute, a.prevalence, a.fpr, a.fnr)
    return not_above(
        Q(a.stated_review_per_minute, "post/min"), Q(actions.removed_wrongly, "post/min"),
        f"at exactly the promised rates {actions.removed_wrongly:,.0f} posts a minute are removed wrongly and "
        f"{actions.missed:,.0f} violating ones stay, at {a.prevalence:.0%} violating",
    )  # fmt: skip
