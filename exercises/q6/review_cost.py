"""Size it: what several readers of one diff cost, for a change and for a month."""

from __future__ import annotations

from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.agents.llm import Prices
from reference.sizing.review_cost import CallPrice

MODELS = ("gpt-5-mini", "claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5")
WORKING_DAYS = 21


def draw(random: Random) -> dict[str, object]:
    model = random.choice(MODELS)
    price = Prices.of(model)
    return {
        "model": model,
        "price_in": price.input_per_million,
        "price_out": price.output_per_million,
        "lines": random.choice([120, 200, 350, 600]),
        "tokens_per_line": random.choice([15, 20, 25, 30]),
        "instructions": random.choice([500, 700, 900]),
        "tokens_out": random.choice([300, 400, 500]),
        "agents": random.choice([4, 5, 6]),
        "changes": random.choice([150, 400, 1_000, 2_500]),
    }


def prompt(p: Params) -> str:
    return f"""{p["agents"]} specialists review a change side by side. Each gets {p["instructions"]} tokens of
instructions of its own and the whole diff: {p["lines"]} changed lines, {p["tokens_per_line"]} tokens each with their
context; each writes {p["tokens_out"]} tokens. Then one more call writes the summary: it reads {p["instructions"]}
tokens of instructions and everything that the specialists wrote, not the diff, and writes {p["tokens_out"]} tokens too.
All calls go to `{p["model"]}` at {p["price_in"]:g} dollars per million tokens in and {p["price_out"]:g} per million
tokens out.

- `tokens_in`: what one specialist reads, in tokens.
- `dollars_per_change`: what the review of one change costs, summary included, in dollars.
- `dollars_per_month`: what {p["changes"]:,} changes a day cost on the {WORKING_DAYS} working days of a month, in
  dollars."""


def _answers(p: Params, price: CallPrice) -> dict[str, float]:
    read = p["instructions"] + p["lines"] * p["tokens_per_line"]
    summary = p["instructions"] + p["agents"] * p["tokens_out"]
    change = p["agents"] * price.call(read, p["tokens_out"]) + price.call(summary, p["tokens_out"])
    return {
        "tokens_in": read,
        "dollars_per_change": change,
        "dollars_per_month": change * p["changes"] * WORKING_DAYS,
    }


def answers(p: Params) -> dict[str, float | str]:
    return dict(_answers(p, CallPrice(p["price_in"], p["price_out"])))


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    price = CallPrice(p["price_in"], p["price_out"])
    right = _answers(p, price)
    read, n, out = right["tokens_in"], p["agents"], p["tokens_out"]
    summary = price.call(p["instructions"] + n * out, out)
    changes = {
        "one_copy_for_all": price.call(read, n * out) + summary,
        "output_at_input_price": _answers(p, CallPrice(p["price_in"], p["price_in"]))["dollars_per_change"],
        "forgot_summary": right["dollars_per_change"] - summary,
    }
    month = [Mistake(slip, dollars * p["changes"] * WORKING_DAYS) for slip, dollars in changes.items()]
    return {
        "tokens_in": [
            Mistake("forgot_instructions", read - p["instructions"]),
            Mistake("all_agents_together", n * read),
            Mistake("diff_shared_out", p["instructions"] + p["lines"] * p["tokens_per_line"] / n),
        ],
        "dollars_per_change": [Mistake(slip, dollars) for slip, dollars in changes.items()],
        "dollars_per_month": [
            Mistake("calendar_for_working_days", right["dollars_per_change"] * p["changes"] * 30),
            *month,
        ],
    }


EXERCISE = Exercise(
    id="q6-review-cost",
    kind=Kind.SIZE,
    title="Every specialist reads the diff",
    section="2.3",
    difficulty=1,
    minutes=6,
    points=4,
    draw=draw,
    prompt=prompt,
    hints=(
        "Does the second specialist get the diff for nothing?",
        "Price tokens in and tokens out apart, then count the calls.",
        "What does the summary read, if not the diff?",
    ),
    asks=(
        Ask("tokens_in", "token", "what one specialist reads"),
        Ask("dollars_per_change", "USD", "review of one change"),
        Ask("dollars_per_month", "USD", "reviews of a month"),
    ),
    answers=answers,
    mistakes=mistakes,
)
