"""Design it: a bill, three engineers and six weeks; what is built, what is refused, and who says that quality held."""

from __future__ import annotations

from random import Random

from exercises.model import Criterion, Exercise, Kind, Params

PRODUCTS = ("a support assistant", "a tool that drafts contracts", "a search page with written answers")


def draw(random: Random) -> dict[str, object]:
    return {
        "product": random.choice(PRODUCTS),
        "bill": random.choice([180_000, 320_000, 500_000]),
        "target": random.choice([30, 40, 50]),
        "engineers": random.choice([2, 3]),
        "tenants": random.choice([40, 200, 900]),
    }


def prompt(p: Params) -> str:
    return f"""The language models behind {p["product"]} cost {p["bill"]:,} dollars a month, for {p["tenants"]} business
customers. Finance wants {p["target"]}% less within six weeks; you have {p["engineers"]} engineers and no labelled
requests yet. In at most 200 words: what do you build, in which order, and which usual saving do you refuse? How do you
know that answers did not get worse, and which number would make you turn a saving off again?"""


EXERCISE = Exercise(
    id="q5-first-six-weeks",
    kind=Kind.DESIGN,
    title="Six weeks to cut a bill",
    section="5",
    difficulty=2,
    minutes=12,
    points=8,
    draw=draw,
    prompt=prompt,
    hints=(
        "Which savings are a switch, and which are a system that somebody must run?",
        "Order by dollars per engineer-week, and take each saving of the bill that the earlier ones leave.",
        "Whatever may change an answer needs a sample that somebody judged: who, how many, when?",
    ),
    rubric=(
        Criterion(
            "an order that the numbers give", 2,
            "At least two savings in an order, each with an estimate in dollars or per cent *of the bill that the "
            "earlier ones leave*, and with the weeks it takes.",
            "An order with sizes, but each taken of the whole bill, or without the weeks.",
            "the two estimates and what each is a share of",
        ),
        Criterion(
            "usage is seen first", 1,
            "Before anything is built, usage is split by feature, model and customer (tokens in and out), and "
            "something in the plan depends on what is found.",
            "Wants to look at usage, but nothing depends on it.",
            "what is looked at, and what it would change",
        ),
        Criterion(
            "quality has a bound that decides", 2,
            "Names the sample (how many requests, judged by whom), a loss that is still allowed, and what is switched "
            "off when the loss, with its uncertainty, passes it.",
            "A sample or a bound, but not what happens.",
            "the bound and the consequence",
        ),
        Criterion(
            "one saving is refused for a reason of this case", 2,
            "Refuses a usual saving (semantic cache, own GPUs, routing without labels ...) with a reason from the "
            "numbers or the product: a wrong answer's price, the volume, the weeks.",
            "Refuses one with a reason that would fit any product.",
            "the refused saving and the reason",
        ),
        Criterion(
            "customers stay apart", 1,
            "Says that nothing cached or learned crosses from one business customer to another, and where that is "
            "enforced (the key, not a filter).",
            "Mentions privacy without a mechanism.",
            "where the customer enters the key",
        ),
    ),
)  # fmt: skip
