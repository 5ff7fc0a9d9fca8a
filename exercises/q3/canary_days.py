"""Size it: how long a canary takes to show that errors rise, and who meets it until then."""

from __future__ import annotations

from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.sizing.ab_tests import users_for_rate


def draw(random: Random) -> dict[str, object]:
    """Again until it takes at least a few hours."""
    while True:
        p = _draw(random)
        if float(answers(p)["days"]) > 0.25:
            return p


def _draw(random: Random) -> dict[str, object]:
    before = random.choice([0.005, 0.008, 0.01, 0.015, 0.02])
    return {
        "users_per_day": random.choice([3_000, 8_000, 20_000, 45_000, 120_000]),
        "share": random.choice([0.02, 0.05, 0.1]),
        "before": before,
        "after": round(before * random.choice([1.5, 2, 3]), 6),
    }


def prompt(p: Params) -> str:
    return f"""{p["users_per_day"]:,} different users come every day; {p["share"]:.0%} of them get the candidate. A
rise of the share of users who meet an error from {100 * p["before"]:g}% to {100 * p["after"]:g}% must be found with
a power of 80%, tested once, one-sided, at a level of 5%.

With a share s of the users on the candidate it takes (z_level + z_power)² / (h² s (1 - s)) users on both sides
together, where h = 2 asin(sqrt(after)) - 2 asin(sqrt(before)) and each z is a quantile of the normal distribution.

- `users_needed`: users on both sides together.
- `days`: days until so many have come.
- `met`: users who meet the candidate in that time."""


def _found(p: Params, needed: float) -> dict[str, float]:
    return {"users_needed": needed, "days": needed / p["users_per_day"], "met": needed * p["share"]}


def answers(p: Params) -> dict[str, float | str]:
    return {**_found(p, users_for_rate(p["before"], p["after"], p["share"], sides=1))}


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    right = users_for_rate(p["before"], p["after"], p["share"], sides=1)
    carried = {
        "two_sided_level": _found(p, users_for_rate(p["before"], p["after"], p["share"], sides=2)),
        "balanced_split": _found(p, users_for_rate(p["before"], p["after"], 0.5, sides=1)),
        "forgot_power": _found(p, users_for_rate(p["before"], p["after"], p["share"], power=0.5, sides=1)),
    }
    own = {
        "users_needed": ("one_arm_for_both", right * p["share"]),
        "days": ("one_arm_for_both", right / (p["users_per_day"] * p["share"])),
        "met": ("forgot_share", float(right)),
    }
    return {name: [Mistake(slip, made[name]) for slip, made in carried.items()] + [Mistake(*own[name])] for name in own}


EXERCISE = Exercise(
    id="q3-canary-days",
    kind=Kind.SIZE,
    title="How long the canary must sing",
    section="2.1",
    difficulty=2,
    minutes=8,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "`statistics.NormalDist().inv_cdf(q)` gives a quantile; a one-sided level of 5% leaves 5% above it.",
        "A power of 80% needs a quantile of its own: the true rise must be found by four canaries of five.",
        "The formula counts the users of both sides. Which of them come in a day, and which meet the candidate?",
    ),
    asks=(
        Ask("users_needed", "users", "users on both sides"),
        Ask("days", "days", "days until the canary can tell"),
        Ask("met", "users", "users who meet the candidate until then"),
    ),
    answers=answers,
    mistakes=mistakes,
)
