"""Design it: a reviewer missed an outage, and the team wants it stricter."""

from __future__ import annotations

from random import Random

from exercises.model import Criterion, Exercise, Kind, Params


def draw(random: Random) -> dict[str, object]:
    return {
        "developers": random.choice([60, 150, 400]),
        "changes": random.choice([80, 200, 500]),
        "accepted": random.choice([35, 45, 55]),
        "cause": random.choice(
            [
                "a comparison that was the wrong way round",
                "a migration that locked the largest table",
                "a retry loop without a limit",
            ]
        ),
    }


def prompt(p: Params) -> str:
    return f"""Your code reviewer reads {p["changes"]} changes a day of {p["developers"]} developers and writes one
comment on every second of them; {p["accepted"]}% of its comments lead to a change of the code. Last week it let
{p["cause"]} through, which took the shop down for two hours. The head of engineering says: "It missed the outage. Make
it stricter." In at most 200 words: what do you measure before you change anything, what do you change, which number
would make you say no, and what do you tell them?"""


EXERCISE = Exercise(
    id="q6-stricter",
    kind=Kind.DESIGN,
    title="It missed the outage: make it stricter",
    section="5",
    difficulty=2,
    minutes=12,
    points=8,
    draw=draw,
    prompt=prompt,
    hints=(
        "Is one missed fault evidence about a rule, about recall, or about what such a tool can see at all?",
        "Who pays for a stricter rule, in what, and when do they stop reading?",
        "A rule can be tried without anybody being interrupted.",
    ),
    rubric=(
        Criterion(
            "one fault is not a rate", 1,
            "Says that one missed fault tells nothing about recall, and asks how many like it there were and how many "
            "were caught, over a stated period or on past changes.",
            "Wants more data, without saying of what.",
            "the count that is asked for",
        ),
        Criterion(
            "what the fault was for a tool to see", 2,
            "Says whether this kind of fault has a shape that a rule or analyser can see, and what would have caught "
            "it instead if not (a test, a canary, a check on migrations).",
            "Names another safeguard, without asking whether the reviewer could have seen it.",
            "the sentence about this cause",
        ),
        Criterion(
            "tried in silence first", 2,
            "Runs the new or stricter rule without posting on past or current changes, and states what it must show: "
            "the precision (or its lower bound) and the comments a day.",
            "Runs it silently, without a figure that it must reach.",
            "the figure",
        ),
        Criterion(
            "the cost of noise in people's time", 2,
            "Estimates from the given numbers how many comments a developer gets, now and then, and says from which "
            "share of accepted comments, or which number of comments, it is a no.",
            "Says that noise is bad, with no number.",
            "the number that makes it a no",
        ),
        Criterion(
            "an answer that a person can take", 1,
            "Tells the head of engineering what will be different by when, and what the reviewer will still not catch.",
            "Only one of the two.",
            "what is promised and what is not",
        ),
    ),
)  # fmt: skip
