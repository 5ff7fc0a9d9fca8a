"""Find the mistake: an LLM tier sized in four steps, one of which is wrong."""

from __future__ import annotations

import math
from random import Random
from typing import Any

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from exercises.steps import first_wrong, other_steps
from reference.sizing.moderation_funnel import servers_for

STEPS = ("1", "2", "3", "4")


def draw(random: Random) -> dict[str, object]:
    """Again until float noise cannot make one instance more."""
    while True:
        p = _draw(random)
        used = p["calls_per_s"] * p["ceiling"]
        if all(abs(n - round(n)) > 1e-6 for n in (float(answers(p)["instances"]), p["said"][2] / used)):
            return p


def _draw(random: Random) -> dict[str, Any]:
    given = {
        "posts_per_minute": random.choice([500_000, 800_000, 1_000_000, 1_600_000]),
        "share": random.choice([0.03, 0.05, 0.08]),
        "rules_share": random.choice([0.5, 0.6, 0.7]),
        "cached": random.choice([0.2, 0.25, 0.3, 0.4]),
        "batch": random.choice([4, 5, 8]),
        "calls_per_s": random.choice([3, 6, 10]),
        "ceiling": random.choice([0.7, 0.75, 0.8]),
    }
    return {**given, **_said(given, broken=random.choice(STEPS))}


def _said(p: Params, broken: str) -> dict[str, object]:
    """What is said, with one step broken: the lines, and the number that ends each."""
    left = 1 - p["rules_share"] if broken == "1" else 1
    posts = p["posts_per_minute"] / 60 * left * p["share"]
    asked = posts * (p["cached"] if broken == "2" else 1 - p["cached"])
    calls = asked / p["batch"] / (p["calls_per_s"] if broken == "3" else 1)
    full = broken == "4"
    fleet = math.ceil(calls / p["calls_per_s"] - 1e-9) if full else servers_for(calls, p["calls_per_s"], p["ceiling"])
    come = f"of the {left:.0%} that the rules leave open" if broken == "1" else "of all posts"
    cache = f"The cache knows {p['cached']:.0%}, which leaves {asked:,.1f} posts per second to ask about."
    each = f", {p['calls_per_s']} calls per second each" if broken == "3" else ""
    used = "and one more would be idle" if full else f"at most {p['ceiling']:.0%} used, and one spare"
    return {
        "lines": [
            f"The LLM gets {p['share']:.0%} {come}: {posts:,.1f} posts per second.",
            cache,
            f"In batches of {p['batch']}{each}, that makes {calls:,.2f} calls per second.",
            f"An instance answers {p['calls_per_s']} calls per second, {used}: {fleet:,} instances.",
        ],
        "said": [posts, asked, calls, fleet],
    }


def prompt(p: Params) -> str:
    steps = "\n".join(f"{number}. {line}" for number, line in enumerate(p["lines"], 1))
    return f"""A candidate sizes the LLM tier of a moderation system: {p["posts_per_minute"]:,} posts a minute, of
which the rules decide {p["rules_share"]:.0%}; {p["share"]:.0%} of all posts come to the LLM, a cache answers
{p["cached"]:.0%} of these. The others are sent in full batches of {p["batch"]}; an instance answers {p["calls_per_s"]}
such calls per second. None may be more than {p["ceiling"]:.0%} used, and one may fail.

{steps}

`said` holds the number that ends each line, unrounded. One step is wrong; those after it only carry it on.

- `wrong_step`: `"1"`, `"2"`, `"3"` or `"4"`.
- `calls`: LLM calls per second.
- `instances`: how many instances it takes (a whole number)."""


def _redone(p: Params, posts: float, asked: float, calls: float) -> list[float]:
    """Each step from the number above it; the last one before rounding, with its spare."""
    return [
        p["posts_per_minute"] / 60 * p["share"],
        posts * (1 - p["cached"]),
        asked / p["batch"],
        calls / (p["calls_per_s"] * p["ceiling"]) + 1,
    ]


def answers(p: Params) -> dict[str, float | str]:
    found = _redone(p, *p["said"][:3])
    found[3] = servers_for(p["said"][2], p["calls_per_s"], p["ceiling"])
    wrong = first_wrong(STEPS, found, p["said"])
    posts = asked = calls = fleet = 0.0
    for _ in STEPS:  # the right numbers, one more with each round
        posts, asked, calls, fleet = _redone(p, posts, asked, calls)
    return {"wrong_step": wrong, "calls": calls, "instances": fleet}


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    right = answers(p)
    step, calls, instances = right["wrong_step"], float(right["calls"]), float(right["instances"])
    more = [Mistake("posts_for_calls", calls * p["batch"])]
    if step != "4":
        more.append(Mistake("carried_mistake", p["said"][2]))
    return {
        "wrong_step": other_steps(STEPS, step),
        "calls": more,
        "instances": [
            Mistake("carried_mistake", p["said"][3]),
            Mistake("posts_for_calls", calls * p["batch"] / (p["calls_per_s"] * p["ceiling"]) + 1),
            Mistake("forgot_spare", instances - 1),
        ],
    }


EXERCISE = Exercise(
    id="q4-judge-review",
    kind=Kind.FIND,
    title="One step of this LLM tier is wrong",
    section="2.2",
    difficulty=2,
    minutes=7,
    points=5,
    draw=draw,
    prompt=prompt,
    hints=(
        "Write the unit behind every number: posts per second, calls per second, instances.",
        "Redo each step from the line above it only.",
        "Which given number is used twice, and which one not at all?",
    ),
    asks=(
        Ask("wrong_step", "", "the wrong step", choices=STEPS),
        Ask("calls", "calls/s", "LLM calls per second"),
        Ask("instances", "", "LLM instances with one spare", whole="up"),
    ),
    answers=answers,
    mistakes=mistakes,
)
