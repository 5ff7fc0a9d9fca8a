"""Size it: what each tier has to see, and the LLM instances for the last of them."""

from __future__ import annotations

from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.sizing.moderation_funnel import Funnel


def draw(random: Random) -> dict[str, object]:
    """Again until float noise cannot make one instance more."""
    while True:
        p = _draw(random)
        instances = float(answers(p)["instances"])
        if abs(instances - round(instances)) > 1e-6:
            return p


def _draw(random: Random) -> dict[str, object]:
    rules = random.choice([0.5, 0.55, 0.6, 0.65])
    judge = random.choice([0.04, 0.05, 0.06, 0.08])
    return {
        "posts_per_minute": random.choice([400_000, 600_000, 1_000_000, 1_500_000]),
        "rules_share": rules,
        "models_share": round(1 - rules - judge, 6),
        "judge_share": judge,
        "cached": random.choice([0.2, 0.25, 0.3, 0.35]),
        "batch": random.choice([4, 5, 8]),
        "calls_per_s": random.choice([2.0, 2.5, 3.0, 4.0]),
        "ceiling": random.choice([0.65, 0.7, 0.75]),
    }


def prompt(p: Params) -> str:
    return f"""{p["posts_per_minute"]:,} posts a minute go through three tiers. Every post comes to the rules, which
decide {p["rules_share"]:.0%} of all posts for good; the models decide {p["models_share"]:.0%} of all posts, the LLM
the remaining {p["judge_share"]:.0%}. A cache answers {p["cached"]:.0%} of the posts that reach the LLM. The others are
sent in full batches of {p["batch"]}; an LLM instance answers {p["calls_per_s"]:g} such calls per second, and none may
be more than {p["ceiling"]:.0%} used. One instance may fail.

- `models_see`: posts per second that come to the models.
- `calls`: LLM calls per second.
- `instances`: LLM instances (a whole number)."""


def _funnel(p: Params) -> Funnel:
    left = 1 - p["rules_share"]
    return Funnel(
        p["posts_per_minute"] / 60, {"post": 1.0}, {"post": p["rules_share"]}, {"post": p["models_share"] / left}, 1.0
    )


def _instances(p: Params, calls: float) -> float:
    """Before rounding up; `servers_for` in reference.sizing.moderation_funnel gives the same, rounded."""
    return calls / (p["calls_per_s"] * p["ceiling"]) + 1


def answers(p: Params) -> dict[str, float | str]:
    seen = _funnel(p).seen
    calls = seen["judge"] * (1 - p["cached"]) / p["batch"]
    return {
        "models_see": seen["models"],
        "calls": calls,
        "instances": _instances(p, calls),
    }


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    right = answers(p)
    rate = p["posts_per_minute"] / 60
    calls, instances = float(right["calls"]), float(right["instances"])
    of_open = rate * (1 - p["rules_share"]) * p["judge_share"] * (1 - p["cached"]) / p["batch"]
    hit = calls * p["cached"] / (1 - p["cached"])
    unbatched = calls * p["batch"]
    return {
        "models_see": [
            Mistake("decides_for_sees", rate * p["models_share"]),
            Mistake("every_post_again", rate),
        ],
        "calls": [
            Mistake("share_of_the_open", of_open),
            Mistake("hits_for_misses", hit),
            Mistake("forgot_cache", calls / (1 - p["cached"])),
            Mistake("posts_for_calls", unbatched),
        ],
        "instances": [
            Mistake("posts_for_calls", _instances(p, unbatched)),
            Mistake("batched_twice", _instances(p, calls / p["batch"])),
            Mistake("always_busy", calls / p["calls_per_s"] + 1),
            Mistake("forgot_spare", instances - 1),
        ],
    }


EXERCISE = Exercise(
    id="q4-tier-load",
    kind=Kind.SIZE,
    title="Three tiers and a cache",
    section="2.1",
    difficulty=1,
    minutes=7,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "A post that the LLM decides in the end has been through the rules and the models before.",
        "Only what the cache does not know is sent; a call holds a whole batch.",
        "An instance that may not be full does less than its rate; the one that may fail comes on top.",
    ),
    asks=(
        Ask("models_see", "posts/s", "posts per second that come to the models"),
        Ask("calls", "calls/s", "LLM calls per second"),
        Ask("instances", "", "LLM instances", whole="up"),
    ),
    answers=answers,
    mistakes=mistakes,
)
