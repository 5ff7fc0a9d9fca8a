"""Size it: a cap per review meets sizes without a typical value; whom does it cut?"""

from __future__ import annotations

import math
from random import Random
from statistics import NormalDist
from typing import Any

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.agents.llm import Prices
from reference.sizing.review_cost import CallPrice, SizeDistribution, tokens_within

MODELS = ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5")


def draw(random: Random) -> dict[str, object]:
    """Numbers with which the cap cuts between one change in a hundred and one in five."""
    while True:
        model = random.choice(MODELS)
        price = Prices.of(model)
        p50 = random.choice([1_200, 2_000, 3_000, 4_000])
        p: dict[str, Any] = {
            "model": model,
            "price_in": price.input_per_million,
            "price_out": price.output_per_million,
            "p50": p50,
            "p90": round(p50 * random.choice([4, 5, 6, 8])),
            "cap": random.choice([0.1, 0.2, 0.3, 0.5]),
            "calls": random.choice([4, 5, 6]),
            "instructions": random.choice([700, 1_000, 1_500]),
            "tokens_out": random.choice([500, 800, 1_000]),
        }
        empty = _price(p).call(p["instructions"], p["tokens_out"])
        if p["cap"] / p["calls"] > 1.3 * empty and 0.01 <= float(answers(p)["share_cut"]) <= 0.2:
            return p


def _price(p: Params) -> CallPrice:
    return CallPrice(p["price_in"], p["price_out"])


def prompt(p: Params) -> str:
    return f"""Half of your changes have a diff of at most {p["p50"]:,} tokens, nine in ten of at most {p["p90"]:,}.
Take sizes as log-normal: their logarithms are normally distributed. A review is {p["calls"]} calls of `{p["model"]}`
({p["price_in"]:g} dollars per million tokens in, {p["price_out"]:g} out); each reads {p["instructions"]:,} tokens of
instructions and the whole diff and writes {p["tokens_out"]:,} tokens. A review may cost {p["cap"]:.2f} dollars at most.

- `mean_tokens`: the mean size of a diff, in tokens.
- `tokens_at_cap`: the largest diff whose review stays within the cap, in tokens.
- `share_cut`: the share of changes with a larger diff, as a fraction of 1."""


def answers(p: Params) -> dict[str, float | str]:
    sizes = SizeDistribution.of_quantiles(p["p50"], p["p90"])
    fits = tokens_within(p["cap"], p["calls"], _price(p), p["instructions"], p["tokens_out"])
    return {"mean_tokens": sizes.mean, "tokens_at_cap": fits, "share_cut": sizes.share_above(fits)}


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    fits = float(answers(p)["tokens_at_cap"])
    unit, z90 = NormalDist(), NormalDist().inv_cdf(0.9)
    spread = math.log(p["p90"] / p["p50"])
    return {
        "mean_tokens": [
            Mistake("median_for_mean", p["p50"]),
            Mistake("mean_of_quantiles", (p["p50"] + p["p90"]) / 2),
            Mistake("quantile_for_sigma", p["p50"] * math.exp(spread**2 / 2)),
        ],
        "tokens_at_cap": [
            Mistake("forgot_fixed_part", p["cap"] / p["calls"] * 1e6 / p["price_in"]),
            Mistake("one_copy_for_all", tokens_within(p["cap"], 1, _price(p), p["instructions"], p["tokens_out"])),
        ],
        "share_cut": [
            Mistake("normal_for_lognormal", 1 - unit.cdf((fits - p["p50"]) / ((p["p90"] - p["p50"]) / z90))),
            Mistake("quantile_for_sigma", 1 - unit.cdf(math.log(fits / p["p50"]) / spread)),
        ],
    }


EXERCISE = Exercise(
    id="q6-cap-tail",
    kind=Kind.SIZE,
    title="Whom does the cap cut?",
    section="2.3",
    difficulty=3,
    minutes=12,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "Which multiple of its standard deviation lies at the 90th percentile of a normal distribution? "
        "`statistics.NormalDist().inv_cdf` knows.",
        "The mean of a log-normal is above its median: median times exp(sigma² / 2).",
        "From a call's share of the cap first take what it costs with an empty diff.",
        "Ask for the share above on the logarithmic scale.",
    ),
    asks=(
        Ask("mean_tokens", "token", "mean diff"),
        Ask("tokens_at_cap", "token", "largest diff within the cap"),
        Ask("share_cut", "", "share of changes above it"),
    ),
    answers=answers,
    mistakes=mistakes,
)
