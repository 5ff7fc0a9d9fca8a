"""Design it: the budget is halved; which requirement goes first, and how would you know?"""

from __future__ import annotations

from random import Random

from exercises.model import Criterion, Exercise, Kind, Params


def draw(random: Random) -> dict[str, object]:
    budget = random.choice([40_000, 50_000, 60_000, 80_000])
    return {
        "budget": budget,
        "needed": round(budget * random.choice([3.6, 3.9, 4.2])),
        "model": random.choice(["70B", "72B"]),
    }


def prompt(p: Params) -> str:
    return f"""Your design for a million users costs {p["needed"]:,} dollars a month with a {p["model"]} model. The
budget is {p["budget"]:,}. In at most 200 words: which requirement do you give up first, which never, what do you
measure before you decide, and what does the user notice?"""


EXERCISE = Exercise(
    id="q1-budget-cut",
    kind=Kind.DESIGN,
    title="A quarter of the money",
    section="5",
    difficulty=2,
    minutes=10,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "Which lever changes the bill by a factor, and which by a few per cent?",
        "A cascade serves some users with a smaller model: what must be known before it may?",
    ),
    rubric=(
        Criterion(
            "the lever is named with its size", 2,
            "Names one lever and estimates by what factor it moves this bill, from stated numbers.",
            "Names a lever, without a size.",
            "the sentence with the factor and where it comes from",
        ),
        Criterion(
            "a measurement decides", 2,
            "Says which quantity is measured, on which traffic, and which value would make them say no.",
            "Wants to measure, without a value that decides.",
            "the threshold",
        ),
        Criterion(
            "what is never given up", 1,
            "Names a requirement that stays (safety, privacy, a latency bound) and says why.",
            "Names it without a reason.",
            "the requirement and the reason",
        ),
        Criterion(
            "what the user notices", 1,
            "Describes the change that a user meets, and how it would show in a metric.",
            "Only one of the two.",
            "what changes on the screen",
        ),
    ),
)  # fmt: skip
