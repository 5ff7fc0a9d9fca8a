"""Design it: too few users for a canary; what then, and what stays unknown?"""

from __future__ import annotations

from random import Random

from exercises.model import Criterion, Exercise, Kind, Params


def draw(random: Random) -> dict[str, object]:
    return {
        "users_per_day": random.choice([1_200, 2_000, 3_000]),
        "errors": random.choice([0.005, 0.01, 0.02]),
        "product": random.choice(
            ["answers questions on tax returns", "sorts incoming insurance claims", "writes discharge letters"]
        ),
        "releases": random.choice(["every week", "twice a month"]),
    }


def prompt(p: Params) -> str:
    return f"""A service that {p["product"]} has {p["users_per_day"]:,} users a day, of whom {100 * p["errors"]:g}%
meet an error. A new model version comes {p["releases"]}, and the team has copied "5% for 24 hours, then 25, 50, 100
%". In at most 200 words: what can that canary find here, what do you do instead, in which order, and what do you then
still not know?"""


EXERCISE = Exercise(
    id="q3-few-users",
    kind=Kind.DESIGN,
    title="The release plan of a small service",
    section="2.1",
    difficulty=2,
    minutes=12,
    points=8,
    draw=draw,
    prompt=prompt,
    hints=(
        "How many people are on the candidate in a day, and how many of them meet an error even if it is harmless?",
        "What can be looked at before any user sees the version, and which of it needs no traffic at all?",
        "Which question does nothing of what you propose answer?",
    ),
    rubric=(
        Criterion(
            "the canary in numbers", 2,
            "Computes the users on the candidate and the errors expected among them, and concludes what size of rise "
            "could show at all.",
            "Says that it is too little traffic, with one number or none.",
            "the two numbers and the conclusion",
        ),
        Criterion(
            "what replaces it", 3,
            "Names at least two replacements that need fewer users, says for each what it finds, and puts them in "
            "order: offline gates on many cases against production, shadow traffic, a larger first share or a longer "
            "one, a more frequent measure than errors, people who read a sample.",
            "Names replacements without what each finds, or only one.",
            "each replacement with what it finds",
        ),
        Criterion(
            "a rule for the way back", 1,
            "Says on which observation the version goes back or a person is asked, and that the old version stays "
            "loaded or can be back in a stated time.",
            "Only one of the two.",
            "the observation, and the time",
        ),
        Criterion(
            "what stays unknown", 2,
            "Names a harm that this plan would not find, with its size or rarity, and who accepts that.",
            "Admits a gap in general.",
            "the harm that would be missed",
        ),
    ),
)  # fmt: skip
