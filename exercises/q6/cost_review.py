"""Find the mistake: a month of reviews costed in five steps, one of which is wrong."""

from __future__ import annotations

from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from exercises.steps import first_wrong, other_steps
from reference.agents.llm import Prices
from reference.sizing.review_cost import CallPrice

STEPS = ("1", "2", "3", "4", "5")
MODELS = ("gpt-5-mini", "claude-haiku-4-5", "claude-sonnet-4-5")
WORKING_DAYS = 21


def draw(random: Random) -> dict[str, object]:
    model = random.choice(MODELS)
    price = Prices.of(model)
    given = {
        "model": model,
        "price_in": price.input_per_million,
        "price_out": price.output_per_million,
        "agents": random.choice([4, 5, 6]),
        "lines": random.choice([150, 200, 300]),
        "tokens_per_line": random.choice([20, 25, 30]),
        "instructions": random.choice([700, 900, 1_200]),
        "tokens_out": random.choice([400, 500, 600]),
        "changes": random.choice([300, 600, 1_000]),
    }
    return {**given, **_said(given, broken=random.choice(STEPS))}


def _steps(p: Params, broken: str) -> list[float]:
    """The number that ends each step, every one from the one before it; one of them as the candidate has it."""
    price = CallPrice(p["price_in"], p["price_out"])
    out, agents, instructions = p["tokens_out"], p["agents"], p["instructions"]
    read = p["lines"] * p["tokens_per_line"] + (0 if broken == "1" else instructions)
    call = (read + out) * p["price_in"] / 1e6 if broken == "2" else price.call(read, out)
    # Who takes the diff as shared pays for one call and for the answers of the others.
    specialists = call + (agents - 1) * price.call(0, out) if broken == "3" else agents * call
    review = specialists + price.call(instructions + (1 if broken == "4" else agents) * out, out)
    month = review * p["changes"] * (30 if broken == "5" else WORKING_DAYS)
    return [read, call, specialists, review, month]


def _said(p: Params, broken: str) -> dict[str, object]:
    said = _steps(p, broken)
    diff = f"{p['lines']} changed lines at {p['tokens_per_line']} tokens"
    read = diff if broken == "1" else f"{diff}, and {p['instructions']:,} tokens of instructions"
    paid = (
        f"at {p['price_in']:g} dollars a million"
        if broken == "2"
        else f"at {p['price_in']:g} and {p['price_out']:g} dollars a million"
    )
    shared = (
        f"All {p['agents']} specialists read one diff, so it is paid for once, and only the other answers come on top"
        if broken == "3"
        else f"{p['agents']} specialists make {p['agents']} such calls"
    )
    summary = "the specialist's answer" if broken == "4" else "all their answers"
    days = "30 days" if broken == "5" else f"{WORKING_DAYS} working days"
    return {
        "lines_said": [
            f"A specialist reads {read}: {said[0]:,.0f} tokens.",
            f"With {p['tokens_out']} tokens out, {paid}, its call costs {said[1]:.5f} dollars.",
            f"{shared}: {said[2]:.5f} dollars.",
            f"The summary reads its instructions and {summary} and writes {p['tokens_out']} tokens; with it a review "
            f"costs {said[3]:.5f} dollars.",
            f"{p['changes']:,} changes a day on {days} make {said[4]:,.2f} dollars a month.",
        ],
        "said": said,
    }


def prompt(p: Params) -> str:
    steps = "\n".join(f"{number}. {line}" for number, line in enumerate(p["lines_said"], 1))
    return f"""A candidate works out what {p["agents"]} specialists and a summary cost a month, all calls to
`{p["model"]}` at {p["price_in"]:g} dollars per million tokens in and {p["price_out"]:g} out. Given are: a change of
{p["lines"]} lines at {p["tokens_per_line"]} tokens each, which every specialist reads whole; {p["instructions"]:,}
tokens of instructions and {p["tokens_out"]} tokens out for every call, the summary's too, which reads what the
specialists wrote and not the diff; {p["changes"]:,} changes on each of the month's {WORKING_DAYS} working days.

{steps}

One step is wrong; those after it only carry it on.

- `wrong_step`: `"1"` to `"5"`.
- `month`: what a month of reviews costs, in dollars."""


def answers(p: Params) -> dict[str, float | str]:
    price = CallPrice(p["price_in"], p["price_out"])
    out, said = p["tokens_out"], p["said"]
    # A step is wrong if it does not follow from what the line above it says.
    summary = price.call(p["instructions"] + p["agents"] * out, out)
    redone = [
        p["lines"] * p["tokens_per_line"] + p["instructions"],
        price.call(said[0], out),
        p["agents"] * said[1],
        said[2] + summary,
        said[3] * p["changes"] * WORKING_DAYS,
    ]
    wrong = first_wrong(STEPS, redone, said)
    review = p["agents"] * price.call(redone[0], out) + summary
    return {"wrong_step": wrong, "month": review * p["changes"] * WORKING_DAYS}


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    right = answers(p)
    found = [Mistake("carried_mistake", p["said"][4])]
    if right["wrong_step"] != "5":
        found.append(Mistake("calendar_for_working_days", float(right["month"]) * 30 / WORKING_DAYS))
    return {
        "wrong_step": other_steps(STEPS, right["wrong_step"]),
        "month": found,
    }


EXERCISE = Exercise(
    id="q6-cost-review",
    kind=Kind.FIND,
    title="One step of this estimate is wrong",
    section="2.3",
    difficulty=2,
    minutes=8,
    points=4,
    draw=draw,
    prompt=prompt,
    hints=(
        "Redo each step from the line above it only.",
        "Mark every given number where it is used: is one missing, or used where another belongs?",
        "Which of the calls reads the diff, and how often is it sent?",
    ),
    asks=(
        Ask("wrong_step", "", "the wrong step", choices=STEPS),
        Ask("month", "USD", "reviews of a month", tolerance=0.005),
    ),
    answers=answers,
    mistakes=mistakes,
)
