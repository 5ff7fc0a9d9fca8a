"""Find the mistake: how many users a bad release costs, in four steps, one of which is wrong."""

from __future__ import annotations

from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from exercises.steps import first_wrong, other_steps
from reference.sizing.ab_tests import users_for_rate

STEPS = ("1", "2", "3", "4")


def draw(random: Random) -> dict[str, object]:
    before = random.choice([0.005, 0.01, 0.015, 0.02])
    given = {
        "users_per_day": random.choice([40_000, 90_000, 150_000, 400_000]),
        "share": random.choice([0.02, 0.05, 0.1]),
        "before": before,
        "after": round(before * random.choice([1.3, 1.4, 1.5, 1.75, 2]), 6),
        "back_s": random.choice([30, 45, 60, 90]),
    }
    return {**given, **_said(given, broken=random.choice(STEPS))}


def _said(p: Params, broken: str) -> dict[str, object]:
    """What is said, with one step broken: the lines, and the number that ends each."""
    users = users_for_rate(p["before"], p["after"], 0.5 if broken == "1" else p["share"], sides=1)
    minutes = users / (p["users_per_day"] * (p["share"] if broken == "2" else 1)) * 24 * 60
    met_for = p["back_s"] / 60 + (0 if broken == "3" else minutes)
    share_hit = p["after"] - (0 if broken == "4" else p["before"])
    failed = met_for / (24 * 60) * p["users_per_day"] * p["share"] * share_hit
    split = "half of the users on either side" if broken == "1" else f"{p['share']:.0%} of the users on the candidate"
    coming = f"on the candidate, {p['share']:.0%} of {p['users_per_day']:,} a day" if broken == "2" else "as they come"
    if broken == "3":
        back = f"The way back takes {p['back_s']} s, so users meet the bad version for {met_for:,.2f} minutes."
    else:
        back = f"The way back adds {p['back_s']} s: users meet the bad version for {met_for:,.2f} minutes."
    return {
        "lines": [
            f"With {split} the rise shows after {users:,} users on both sides together.",
            f"Counted {coming}, these take {minutes:,.0f} minutes.",
            back,
            f"In that time {p['share']:.0%} of those who come meet it, and {100 * share_hit:g}% of these an error "
            f"that production would not have given them: {failed:,.3g} users.",
        ],
        "said": [users, minutes, met_for, failed],
    }


def prompt(p: Params) -> str:
    steps = "\n".join(f"{number}. {line}" for number, line in enumerate(p["lines"], 1))
    return f"""A colleague reckons what a bad release costs: {p["users_per_day"]:,} users a day, {p["share"]:.0%} of
them on the candidate, errors rise from {100 * p["before"]:g}% to {100 * p["after"]:g}% of the users. It goes back as
soon as the rise shows (one look, one-sided level 5%, power 80%); the way back, from the decision to the last answer
of the bad version, takes {p["back_s"]} s.

{steps}

The users of step 1 follow from (z_level + z_power)² / (h² s (1 - s)), where s is the share on the candidate and h = 2
asin(sqrt(after)) - 2 asin(sqrt(before)). `said` holds the number that ends each line, unrounded. One step is wrong;
those after it only carry it on.

- `wrong_step`: `"1"`, `"2"`, `"3"` or `"4"`.
- `met`: users who meet the bad version.
- `failed`: those of them who get an error that production would not have given them."""


def _redone(p: Params, users: float, minutes: float, met_for: float) -> list[float]:
    """Each step from the number above it."""
    return [
        users_for_rate(p["before"], p["after"], p["share"], sides=1),
        users / p["users_per_day"] * 24 * 60,
        minutes + p["back_s"] / 60,
        met_for / (24 * 60) * p["users_per_day"] * p["share"] * (p["after"] - p["before"]),
    ]


def _met(p: Params, minutes: float) -> float:
    return float(minutes / (24 * 60) * p["users_per_day"] * p["share"])


def answers(p: Params) -> dict[str, float | str]:
    found = _redone(p, *p["said"][:3])
    wrong = first_wrong(STEPS, found, p["said"])
    users, minutes, met_for = 0.0, 0.0, 0.0
    for _ in STEPS:  # the right numbers, one more with each round
        users, minutes, met_for, failed = _redone(p, users, minutes, met_for)
    return {"wrong_step": wrong, "met": _met(p, met_for), "failed": failed}


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    right = answers(p)
    step, rise = right["wrong_step"], p["after"] - p["before"]
    # Who counts only the candidate's users in step 2 arrives at all users too.
    met = [] if step == "2" else [Mistake("forgot_share", float(right["met"]) / p["share"])]
    failed = [Mistake("carried_mistake", p["said"][3])]
    if step != "4":
        met.append(Mistake("carried_mistake", _met(p, p["said"][2])))
        failed.append(Mistake("counted_usual_errors", float(right["failed"]) / rise * p["after"]))
    if step != "3":
        met.append(Mistake("switching_only", _met(p, p["back_s"] / 60)))
        failed.append(Mistake("switching_only", _met(p, p["back_s"] / 60) * rise))
    return {
        "wrong_step": other_steps(STEPS, step),
        "met": met,
        "failed": failed,
    }


EXERCISE = Exercise(
    id="q3-rollback-review",
    kind=Kind.FIND,
    title="What a bad release costs before it goes back",
    section="2.2",
    difficulty=2,
    minutes=8,
    points=5,
    draw=draw,
    prompt=prompt,
    hints=(
        "Redo each step from the line above it only.",
        "When does the time begin in which users meet the bad version: with the decision, or before?",
        "Production has errors too: which of them does the candidate add?",
    ),
    asks=(
        Ask("wrong_step", "", "the wrong step", choices=STEPS),
        Ask("met", "users", "users who meet the bad version"),
        Ask("failed", "users", "users with an error too many", tolerance=0.04),
    ),
    answers=answers,
    mistakes=mistakes,
)
