"""Size it: does a row of a bill follow from its requests and tokens?"""

from __future__ import annotations

from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.sizing.bill.lines import Line
from reference.sizing.bill.plan.source import SourceRow
from reference.sizing.bill.prices import cost_of, model_price

MODELS = ("gpt-4", "gpt-4o", "gpt-4o-mini", "gpt-5", "claude-sonnet-4-5", "claude-haiku-4-5")


def draw(random: Random) -> dict[str, object]:
    model = random.choice(MODELS)
    price = model_price(model)
    requests = random.choice([12, 20, 30, 50, 80]) * 1_000_000
    tokens_in, tokens_out = random.choice([(600, 150), (800, 400), (1_200, 250), (2_000, 300), (900, 600)])
    listed = cost_of([Line(model, requests, requests * tokens_in, requests * tokens_out)])
    return {
        "model": model,
        "price_in": price.input,
        "price_out": price.output,
        "requests": requests,
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        # A stated amount has two figures that count, as in a slide.
        "stated": int(float(f"{listed * random.choice([0.15, 0.25, 0.4, 0.6, 1.8]):.2g}")),
        "batch_share": random.choice([0.2, 0.3, 0.4, 0.6]),
    }


def prompt(p: Params) -> str:
    return f"""A row of a bill says: {p["requests"]:,} requests a month to `{p["model"]}`, {p["tokens_in"]:,} tokens in
and {p["tokens_out"]:,} tokens out on the mean, {p["stated"]:,} dollars. The list price is {p["price_in"]:g} dollars per
million tokens in and {p["price_out"]:g} per million tokens out; the batch API charges half of both.

- `dollars`: what the row's requests and tokens cost at list price, in dollars a month.
- `true_tokens_in`: the tokens in per request at which the stated dollars are right, if in and out keep their
  proportion, in tokens.
- `batched_dollars`: what the row costs at list price if {p["batch_share"]:.0%} of the requests go through the batch
  API, in dollars a month."""


def answers(p: Params) -> dict[str, float | str]:
    row = SourceRow("row", p["model"], p["stated"], p["requests"], p["tokens_in"], p["tokens_out"])
    waits = p["batch_share"] * p["requests"]
    lines = [
        Line(p["model"], some, some * p["tokens_in"], some * p["tokens_out"], batch=batch)
        for some, batch in ((p["requests"] - waits, False), (waits, True))
    ]
    return {"dollars": row.list_cost, "true_tokens_in": row.true_at[0], "batched_dollars": cost_of(lines)}


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    def cost(price_in: float, price_out: float) -> float:
        return float(p["requests"] * (p["tokens_in"] * price_in + p["tokens_out"] * price_out) / 1e6)

    listed = cost(p["price_in"], p["price_out"])
    return {
        "dollars": [
            Mistake("output_at_input_price", cost(p["price_in"], p["price_in"])),
            Mistake("prices_swapped", cost(p["price_out"], p["price_in"])),
        ],
        "true_tokens_in": [
            Mistake("factor_upside_down", p["tokens_in"] * listed / p["stated"]),
            Mistake("forgot_output_tokens", p["stated"] * 1e6 / p["requests"] / p["price_in"]),
        ],
        "batched_dollars": [
            Mistake("discount_on_everything", listed / 2),
            Mistake("share_saved_whole", listed * (1 - p["batch_share"])),
            Mistake("discount_on_the_others", listed * (1 + p["batch_share"]) / 2),
        ],
    }


EXERCISE = Exercise(
    id="q5-bill-row",
    kind=Kind.SIZE,
    title="Does this row add up?",
    section="2.1",
    difficulty=1,
    minutes=6,
    points=4,
    draw=draw,
    prompt=prompt,
    hints=(
        "What does one request cost? Tokens in and tokens out have prices of their own.",
        "Tokens in proportion means that a request's price moves by one factor: which one?",
        "Split the requests into those that wait and those that do not, and price each part.",
    ),
    asks=(
        Ask("dollars", "USD", "the row at list price"),
        Ask("true_tokens_in", "token", "tokens in that make the row true"),
        Ask("batched_dollars", "USD", "the row with batches"),
    ),
    answers=answers,
    mistakes=mistakes,
)
