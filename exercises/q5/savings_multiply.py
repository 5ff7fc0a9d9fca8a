"""Size it: three savings that meet on one bill; what is left, what was promised twice, and whose share is which."""

from __future__ import annotations

from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.sizing.bill.plan import games

NAMES = ("routing", "caching", "prompts")


def draw(random: Random) -> dict[str, object]:
    return {
        "bill": random.choice([120_000, 250_000, 350_000, 500_000, 800_000]),
        "routing": random.choice([0.4, 0.5, 0.55, 0.6, 0.65]),
        "caching": random.choice([0.2, 0.25, 0.3, 0.35]),
        "prompts": random.choice([0.12, 0.15, 0.2, 0.25]),
    }


def prompt(p: Params) -> str:
    return f"""A bill of {p["bill"]:,} dollars a month. Measured one by one, each alone on the whole bill, routing saves
{p["routing"]:.0%}, caching {p["caching"]:.0%} and shorter prompts {p["prompts"]:.0%}. Each saves its share of whatever
bill reaches it.

- `left`: the bill after all three, in dollars a month.
- `promised_twice`: by how much the three savings, each taken alone and added up, exceed what they save together, in
  dollars a month.
- `caching_shapley`: the part of the common saving that is caching's, as the mean of what it saves over all orders in
  which the three can be built, in dollars a month."""


def _savings(p: Params) -> list[float]:
    """What each set of strategies saves, by its bit mask."""
    found = []
    for mask in range(1 << len(NAMES)):
        kept = 1.0
        for i in games.members(mask, len(NAMES)):
            kept *= 1 - p[NAMES[i]]
        found.append(p["bill"] * (1 - kept))
    return found


def answers(p: Params) -> dict[str, float | str]:
    savings = _savings(p)
    alone = sum(savings[1 << i] for i in range(len(NAMES)))
    return {
        "left": p["bill"] - savings[-1],
        "promised_twice": alone - savings[-1],
        "caching_shapley": games.shapley(savings, len(NAMES))[NAMES.index("caching")],
    }


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    bill, together = p["bill"], _savings(p)[-1]
    alone = bill * (p["routing"] + p["caching"] + p["prompts"])
    last = bill * p["caching"] * (1 - p["routing"]) * (1 - p["prompts"])
    return {
        "left": [
            Mistake("savings_added", bill - alone),
            Mistake("saving_for_bill", together),
        ],
        "promised_twice": [
            Mistake("promise_for_overlap", alone),
            Mistake("saving_for_bill", together),
        ],
        "caching_shapley": [
            Mistake("alone_for_marginal", bill * p["caching"]),
            Mistake("only_as_the_last", last),
            Mistake("only_first_and_last", (bill * p["caching"] + last) / 2),
            Mistake("saving_split_evenly", together / 3),
        ],
    }


EXERCISE = Exercise(
    id="q5-savings-multiply",
    kind=Kind.SIZE,
    title="Three savings, one bill",
    section="2.3",
    difficulty=2,
    minutes=8,
    points=5,
    draw=draw,
    prompt=prompt,
    hints=(
        "What share of the bill does each one let through?",
        "Three strategies have six orders. In how many of them is caching the first? The last?",
        "In the orders where caching is second, what stands before it?",
    ),
    asks=(
        Ask("left", "USD", "the bill after all three"),
        Ask("promised_twice", "USD", "what was promised twice"),
        # Close to the mean of its first and last place, which is not the mean over all orders.
        Ask("caching_shapley", "USD", "caching's part", tolerance=0.004),
    ),
    answers=answers,
    mistakes=mistakes,
)
