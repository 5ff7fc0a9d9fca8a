"""Question 4, traffic and tier 1: posts per second, kinds of content, and what the rules have to see."""

from __future__ import annotations

from reference.sizing.claims.ledger import claim
from reference.sizing.claims.verdicts import Outcome, close_to, enough, over_choices, over_range, reaches
from reference.sizing.moderation_funnel import servers_for
from reference.sizing.units import Q, Quantity, magnitude, show

from .assumptions import Q4Assumptions


def _rate(posts: float) -> Quantity:
    return Q(posts, "post/s")


@claim(
    "q4.posts-per-second", question=4, statement="A million posts a minute are about 16,700 a second.",
    stated=Q(16_700, "post/s"),
)  # fmt: skip
def posts_per_second(a: Q4Assumptions, stated: Quantity) -> Outcome:
    return close_to(stated, _rate(a.rate), f"{a.posts_per_minute:,.0f} / 60 = {a.rate:,.0f}")


@claim("q4.shares-add-up", question=4, statement="Text, images, video and links are all there is.", stated=1.0)
def shares_add_up(a: Q4Assumptions, stated: float) -> Outcome:
    shares = a.kind_shares
    listed = " + ".join(f"{share:.0%}" for share in shares.values())
    return close_to(stated, sum(shares.values()), f"{listed} = {sum(shares.values()):.0%}", 0.001)


@claim("q4.text-rate", question=4, statement="Text is about 12,000 posts a second.", stated=Q(12_000, "post/s"))
def text_rate(a: Q4Assumptions, stated: Quantity) -> Outcome:
    return close_to(stated, _rate(a.rate * a.text_share), f"{a.text_share:.0%} of {a.rate:,.0f}/s")


@claim("q4.image-rate", question=4, statement="Images are about 3,300 posts a second.", stated=Q(3300, "post/s"))
def image_rate(a: Q4Assumptions, stated: Quantity) -> Outcome:
    return close_to(stated, _rate(a.rate * a.image_share), f"{a.image_share:.0%} of {a.rate:,.0f}/s")


@claim("q4.video-rate", question=4, statement="Videos are about 830 posts a second.", stated=Q(830, "post/s"))
def video_rate(a: Q4Assumptions, stated: Quantity) -> Outcome:
    return close_to(stated, _rate(a.rate * a.video_share), f"{a.video_share:.0%} of {a.rate:,.0f}/s")


@claim("q4.link-rate", question=4, statement="Links are about 500 posts a second.", stated=Q(500, "post/s"))
def link_rate(a: Q4Assumptions, stated: Quantity) -> Outcome:
    return close_to(stated, _rate(a.rate * a.link_share), f"{a.link_share:.0%} of {a.rate:,.0f}/s")


@claim(
    "q4.tiers-add-up", question=4, implied=True, stated=1.0,
    statement="60 % rules, 35 % models, 5 % LLM and 1 to 2 % people are all posts.",
)  # fmt: skip
def tiers_add_up(a: Q4Assumptions, stated: float) -> Outcome:
    three = a.rules_share + a.models_share + a.judge_share
    four = three + a.review_high
    return over_choices(
        four,
        {
            f"people inside the LLM's share ({three:.0%})": abs(three - 1) < 0.001,
            f"people as a share of their own ({three + a.review_low:.0%} to {four:.0%})": abs(four - 1) < 0.001,
        },
        variable="whose posts people review",
        reason="the three tiers alone are the whole, so the LLM decides less than its share",
    )


@claim(
    "q4.rules-10000", question=4, statement="Tier 1 handles 60 % of the posts, 10,000 a second.",
    stated=Q(10_000, "post/s"),
)  # fmt: skip
def rules_decide(a: Q4Assumptions, stated: Quantity) -> Outcome:
    return close_to(stated, _rate(a.rate * a.rules_share), f"{a.rules_share:.0%} of {a.rate:,.0f}/s is what it decides")


@claim(
    "q4.rules-see-10000", question=4, implied=True, stated=Q(10_000, "post/s"),
    statement="10,000 posts a second is the throughput that tier 1 needs.",
)  # fmt: skip
def rules_see(a: Q4Assumptions, stated: Quantity) -> Outcome:
    return enough(
        stated, _rate(a.rate),
        f"every post comes to tier 1, also the {1 - a.rules_share:.0%} that it passes on: {a.rate:,.0f}/s",
    )  # fmt: skip


@claim(
    "q4.rules-2000-per-instance", question=4, statement="One CPU instance applies the rules to 2,000 posts a second.",
    stated=2000,
)  # fmt: skip
def rules_instance(a: Q4Assumptions, stated: float) -> Outcome:
    times = a.tier1_posts_per_core_second / a.rules_instance_rate
    return reaches(
        a.rules_instance_rate, a.tier1_posts_per_core_second,
        f"text on one core: {times:.0f} times as much; an image to be hashed is another matter, "
        f"{a.tier1_images_per_core_second:.0f}/s with {a.hashes_per_image} hashes each",
    )  # fmt: skip


@claim(
    "q4.rules-5-instances", question=4, statement="Five CPU instances are enough for tier 1.", stated=Q(5, "replica")
)
def rules_instances(a: Q4Assumptions, stated: Quantity) -> Outcome:
    needed = servers_for(a.rate, a.rules_instance_rate, a.utilisation_ceiling, a.spare)
    busy = a.rate * a.rules_share / (a.rules_instance_rate * a.stated_rules_instances)
    return enough(
        Q(a.stated_rules_instances, "replica"), Q(needed, "replica"),
        f"at the stated rate the {a.stated_rules_instances} are {busy:.0%} busy with what they decide alone; "
        f"{a.rate:,.0f}/s below {a.utilisation_ceiling:.0%} and with {a.spare} spare take {needed}",
    )  # fmt: skip


@claim(
    "q4.rules-500-usd", question=4, statement="Tier 1's five instances cost less than $500 a month.",
    stated=Q(500, "USD"),
)  # fmt: skip
def rules_bill(a: Q4Assumptions, stated: Quantity) -> Outcome:
    per_core = a.stated_rules_instances * magnitude(a.core_price, "USD/h") * a.hours_per_month
    limit = magnitude(stated, "USD")
    return over_range(
        Q(per_core * 2, "USD"),
        lambda cores: per_core * cores < limit,
        variable="vCPUs of an instance", low=a.cores_low, high=a.cores_high,
        reason=f"{a.stated_rules_instances} instances of 2 vCPUs at {show(a.core_price.to('USD/h'))} a vCPU "
        f"cost {show(Q(per_core * 2, 'USD'))}",
    )  # fmt: skip
