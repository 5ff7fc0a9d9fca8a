"""Size it: a semantic cache by threshold alone; what it answers, what it saves, and which wrong answer ruins it."""

from __future__ import annotations

from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.serving.semantic_cache.evaluation import Point, Prices, Rate, Traffic, request_cost, ruinous_wrong_answer

PAIRS = 1_000  # labelled pairs of each sort, of which a rate is a share


def draw(random: Random) -> dict[str, object]:
    call = random.choice([0.004, 0.012, 0.02, 0.048])
    return {
        "repeats": random.choice([0.1, 0.15, 0.2, 0.25]),
        "look_alikes": random.choice([0.06, 0.1, 0.15]),
        "hit_rate": random.choice([0.5, 0.6, 0.7, 0.8]),
        "false_hit_rate": random.choice([0.15, 0.25, 0.4]),
        "call": call,
        "lookup": round(call * random.choice([0.01, 0.02, 0.03]), 6),
    }


def prompt(p: Params) -> str:
    return f"""Of all requests {p["repeats"]:.0%} ask again, in other words, what was answered before; another
{p["look_alikes"]:.0%} only look like an earlier question. At its threshold a semantic cache takes
{p["hit_rate"]:.0%} of the first sort for the same question, as it should, and {p["false_hit_rate"]:.0%} of the second
sort, wrongly. All others reach the model. A call of the model costs {p["call"]:g} dollars; a lookup, which every
request pays, costs {p["lookup"]:g} dollars.

- `answered`: the share of all requests that the cache answers, rightly or wrongly, as a fraction of 1.
- `saved_per_1000`: what the cache saves on 1,000 requests if wrong answers cost nothing, in dollars.
- `ruinous_dollars`: the price of one wrong answer from which on no cache is cheaper than this one, in dollars."""


def _point(p: Params) -> tuple[Point, Traffic]:
    hits, false = (Rate(round(p[name] * PAIRS), PAIRS) for name in ("hit_rate", "false_hit_rate"))
    return Point(0.0, hits, false), Traffic(p["repeats"], p["look_alikes"])


def answers(p: Params) -> dict[str, float | str]:
    point, traffic = _point(p)
    prices = Prices(p["call"], p["lookup"], 0.0)
    only_hits = request_cost(point, traffic, Prices(1.0, 0.0, 0.0))
    return {
        "answered": 1 - only_hits,
        "saved_per_1000": 1_000 * (p["call"] - request_cost(point, traffic, prices)),
        "ruinous_dollars": ruinous_wrong_answer(point, traffic, prices),
    }


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    right, false = p["repeats"] * p["hit_rate"], p["look_alikes"] * p["false_hit_rate"]
    answered = right + false
    saved = answered * p["call"] - p["lookup"]
    return {
        "answered": [
            Mistake("only_right_hits", right),
            Mistake("rates_for_shares", p["hit_rate"] + p["false_hit_rate"]),
            Mistake("all_repeats_hit", p["repeats"]),
        ],
        "saved_per_1000": [
            Mistake("forgot_lookup", 1_000 * answered * p["call"]),
            Mistake("only_right_hits", 1_000 * (right * p["call"] - p["lookup"])),
        ],
        "ruinous_dollars": [
            Mistake("false_rate_of_all_requests", saved / p["false_hit_rate"]),
            Mistake("false_rate_of_hits", saved / (answered * p["false_hit_rate"])),
            Mistake("forgot_lookup", answered * p["call"] / false),
        ],
    }


EXERCISE = Exercise(
    id="q5-false-hits",
    kind=Kind.SIZE,
    title="The wrong answer that ruins a cache",
    section="4.3",
    difficulty=2,
    minutes=8,
    points=5,
    draw=draw,
    prompt=prompt,
    hints=(
        "Both rates are shares of their own sort of request: weigh each with how much of the traffic that sort is.",
        "Who pays for the lookup, and who is spared the call?",
        "At the ruinous price the wrong answers cost exactly what the cache saves.",
    ),
    asks=(
        Ask("answered", "", "share that the cache answers"),
        Ask("saved_per_1000", "USD", "saved on 1,000 requests"),
        Ask("ruinous_dollars", "USD", "ruinous price of a wrong answer"),
    ),
    answers=answers,
    mistakes=mistakes,
)
