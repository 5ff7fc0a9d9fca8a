"""Design it: no misses wanted in one category, and no more reviewers."""

from __future__ import annotations

from random import Random

from exercises.model import Criterion, Exercise, Kind, Params


def draw(random: Random) -> dict[str, object]:
    return {
        "category": random.choice(["threats of violence", "the sale of weapons", "calls to self-harm"]),
        "per_day": random.choice([300, 800, 2_000]),
        "posts_per_day": random.choice([200_000_000, 600_000_000, 1_400_000_000]),
        "reviewers": random.choice([120, 170, 250]),
        "seconds": random.choice([30, 45]),
    }


def prompt(p: Params) -> str:
    return f"""Legal wants that of one category, {p["category"]}, nothing is missed any more: about {p["per_day"]:,}
such posts a day among {p["posts_per_day"]:,}. The product team adds that the {p["reviewers"]} people who review at any
moment, {p["seconds"]} seconds a post, are all there will be. In at most 200 words: what do you offer instead of
"nothing is missed", with which numbers, who pays for it, and how would you notice that it does not hold?"""


EXERCISE = Exercise(
    id="q4-no-misses",
    kind=Kind.DESIGN,
    title="Nothing may be missed",
    section="7",
    difficulty=3,
    minutes=12,
    points=8,
    draw=draw,
    prompt=prompt,
    hints=(
        "How many posts can these people see in a day, and which share of all posts is that?",
        "What would have to be shown to claim a miss rate of zero, and what can be shown with the violating posts of a "
        "month?",
        "A threshold for one category may be lower than for another: whose posts then wait?",
    ),
    rubric=(
        Criterion(
            "what the people can see", 2,
            "Computes the posts a day that the reviewers can see, relates them to all posts, and says how much of it "
            "goes to this category.",
            "Says that people are scarce, with one number or none.",
            "the posts a day and their share",
        ),
        Criterion(
            "zero cannot be shown", 2,
            "Replaces zero by a bound with its confidence and the labelled violating posts that it takes (three over "
            "the rate, without a miss), and says where these come from.",
            "Says that zero is impossible, without what can be claimed instead.",
            "the bound and the number of posts",
        ),
        Criterion(
            "an offer with its price", 2,
            "Offers a concrete change for this category (a lower threshold, ranking by score, holding posts back, "
            "hashes of known ones) and names who pays: another category that waits, posts held back, more wrong "
            "removals and appeals.",
            "An offer without its price.",
            "the change and who pays",
        ),
        Criterion(
            "how a failure shows", 2,
            "Names a measurement that does not depend on the filter itself: random samples below the threshold, user "
            "reports, appeals, overturned decisions; with a value that raises an alarm.",
            "A dashboard without a value, or only what the filter flags.",
            "the sample and the value",
        ),
    ),
)  # fmt: skip
