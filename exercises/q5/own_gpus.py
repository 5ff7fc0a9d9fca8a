"""Size it: embeddings on GPUs of one's own against an API, and the price of a GPU-hour at which it is a draw."""

from __future__ import annotations

from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.sizing.self_hosting import Hosting, breakeven_gpu_price


def draw(random: Random) -> dict[str, object]:
    return {
        "texts": random.choice([300, 500, 800, 1_200]) * 1_000_000,
        "tokens_each": random.choice([180, 256, 380, 512]),
        "tokens_per_s": random.choice([18_000, 26_000, 38_000]),
        "utilisation": random.choice([0.4, 0.5, 0.6]),
        "gpu_hour": random.choice([0.8, 1.0, 1.3]),
        "ops": random.choice([1_600, 2_400, 3_200]),
        "api_price": random.choice([0.08, 0.1, 0.13]),
    }


def prompt(p: Params) -> str:
    return f"""An embedding API is billed for {p["texts"]:,} texts of {p["tokens_each"]} tokens a month, at
{p["api_price"]:g} dollars per million tokens. A rented GPU embeds {p["tokens_per_s"]:,} tokens per second at full load;
you plan with {p["utilisation"]:.0%} of that, for load varies, and with two GPUs at least. A GPU costs
{p["gpu_hour"]:.2f} dollars an hour, all 730 hours of the month; the people who run the service cost {p["ops"]:,}
dollars a month, however many GPUs there are.

- `gpus`: how many GPUs it takes (a whole number).
- `hosted_dollars`: what your own service costs, in dollars a month.
- `gpu_hour_at_par`: the price of a GPU-hour at which your service costs as much as the API, in dollars."""


def _hosting(p: Params) -> Hosting:
    return Hosting(p["tokens_per_s"], p["gpu_hour"], p["utilisation"], 2, p["ops"])


def _tokens(p: Params) -> float:
    return float(p["texts"] * p["tokens_each"])


def answers(p: Params) -> dict[str, float | str]:
    hosting, tokens = _hosting(p), _tokens(p)
    return {
        # Before rounding, so that a slip of a factor still shows; never below the two that are kept.
        "gpus": max(tokens / hosting.tokens_per_gpu, float(hosting.replicas)),
        "hosted_dollars": hosting.cost(tokens),
        "gpu_hour_at_par": breakeven_gpu_price(hosting, p["api_price"], tokens),
    }


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    hosting, tokens = _hosting(p), _tokens(p)
    gpus, api = hosting.gpus(tokens), tokens * p["api_price"] / 1e6
    full = tokens / (p["tokens_per_s"] * 730 * 3600)
    part = tokens / hosting.tokens_per_gpu
    return {
        "gpus": [
            Mistake("planned_at_full_load", max(full, 2.0)),
            Mistake("utilisation_multiplied", max(full * p["utilisation"], 2.0)),
        ],
        "hosted_dollars": [
            Mistake("forgot_people", gpus * hosting.gpu_month),
            Mistake("paid_by_use", part * hosting.gpu_month + p["ops"]),
            Mistake("people_per_gpu", gpus * (hosting.gpu_month + p["ops"])),
        ],
        "gpu_hour_at_par": [
            Mistake("forgot_people", api / (gpus * 730)),
            Mistake("paid_by_use", (api - p["ops"]) / (part * 730)),
        ],
    }


def draw_at_par(random: Random) -> dict[str, object]:
    """A draw with more than the two GPUs that are kept, and in which the API costs more than the people alone."""
    while True:
        p = draw(random)
        gpus, two = float(answers(p)["gpus"]), mistakes(p)["gpus"]
        whole = abs(gpus - round(gpus)) < 1e-6  # but for float noise, which would be rounded either way
        if gpus > 2 and not whole and float(answers(p)["gpu_hour_at_par"]) > 0.1 and two[0].value != two[1].value:
            return p


EXERCISE = Exercise(
    id="q5-own-gpus",
    kind=Kind.SIZE,
    title="At which GPU price is it a draw?",
    section="2.4",
    difficulty=2,
    minutes=8,
    points=5,
    draw=draw_at_par,
    prompt=prompt,
    hints=(
        "How many tokens does one GPU carry in a month, with the load that you plan for?",
        "An API is paid per token. What is a GPU paid by, busy or idle?",
        "At par the GPUs cost what the API costs less the people.",
    ),
    asks=(
        Ask("gpus", "", "GPUs", whole="up"),
        Ask("hosted_dollars", "USD", "your own service"),
        Ask("gpu_hour_at_par", "USD", "price of a GPU-hour at par"),
    ),
    answers=answers,
    mistakes=mistakes,
)
