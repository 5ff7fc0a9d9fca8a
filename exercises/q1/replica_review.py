"""Find the mistake: a fleet sized in four steps, one of which is wrong."""

from __future__ import annotations

import math
from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from exercises.steps import first_wrong, other_steps
from reference.sizing import Q, magnitude
from reference.sizing.traffic import average_rate, messages_per_day, peak_rate, replicas_for

STEPS = ("1", "2", "3", "4")


def draw(random: Random) -> dict[str, object]:
    given = {
        "users": random.choice([400_000, 750_000, 1_200_000, 2_000_000]),
        "messages": random.choice([6, 8, 12]),
        "peak_factor": random.choice([2.5, 3.0, 3.5]),
        "per_replica": random.choice([7.0, 9.0, 11.0, 13.0]),
        "ceiling": random.choice([0.7, 0.75, 0.8]),
    }
    return {**given, **_said(given, broken=random.choice(STEPS))}


def _said(p: Params, broken: str) -> dict[str, object]:
    """What the candidate says, with one step broken: the lines, and the number that ends each."""
    seconds = 1440 if broken == "1" else 86_400
    mean = p["users"] * p["messages"] / seconds
    peak = mean * (1 if broken == "2" else p["peak_factor"])
    needed = peak / (p["per_replica"] * (1 if broken == "3" else p["ceiling"]))
    fleet = math.ceil(needed) + (0 if broken == "4" else 1)
    day = "1,440 minutes" if broken == "1" else "86,400 seconds"
    busiest = (
        "Busy and quiet minutes even out, so plan with"
        if broken == "2"
        else f"The busiest minute has {p['peak_factor']:g} times that,"
    )
    used = "fully used" if broken == "3" else f"at most {p['ceiling']:.0%} used"
    spare = "the fraction left over is the spare" if broken == "4" else "and one spare"
    return {
        "lines": [
            f"The day's messages, spread over its {day}, are a mean of {mean:,.1f} requests per second.",
            f"{busiest} {peak:,.1f} requests per second.",
            f"A replica serves {p['per_replica']:g} per second, {used}: {needed:,.2f} replicas.",
            f"Rounded up, {spare}: {fleet:,} replicas.",
        ],
        "said": [mean, peak, needed, fleet],
    }


def prompt(p: Params) -> str:
    steps = "\n".join(f"{number}. {line}" for number, line in enumerate(p["lines"], 1))
    return f"""A candidate sizes a chatbot: {p["users"]:,} users a day, {p["messages"]} messages each, the busiest
minute {p["peak_factor"]:g} times the mean. A replica serves {p["per_replica"]:g} requests per second, none may be more
than {p["ceiling"]:.0%} used, and one may fail.

{steps}

One step is wrong; those after it only carry it on.

- `wrong_step`: `"1"`, `"2"`, `"3"` or `"4"`.
- `replicas`: how many replicas it takes (a whole number)."""


def answers(p: Params) -> dict[str, float | str]:
    day = messages_per_day(Q(p["users"], "user"), Q(p["messages"], "message/user/day"))
    mean = average_rate(day, Q(1, "request/message"))
    peak = peak_rate(mean, p["peak_factor"], 1.0)
    per_replica = Q(p["per_replica"], "request/s/replica")
    fleet = replicas_for(peak, per_replica, utilisation_ceiling=p["ceiling"], spare=1)
    # A step is wrong if it does not follow from what the line above it says.
    mean_said, peak_said, needed_said, _ = p["said"]
    redone = (
        magnitude(mean, "request/s"),
        magnitude(peak_rate(Q(mean_said, "request/s"), p["peak_factor"], 1.0), "request/s"),
        peak_said / (p["per_replica"] * p["ceiling"]),
        math.ceil(needed_said) + 1,
    )
    wrong = first_wrong(STEPS, redone, p["said"])
    return {"wrong_step": wrong, "replicas": magnitude(fleet.total, "replica")}


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    right = answers(p)
    found: list[Mistake] = [Mistake("carried_mistake", p["said"][3])]
    # A mistake that is the task's own is listed once, as carried on.
    mean = p["users"] * p["messages"] / 86_400
    peak = mean * p["peak_factor"]
    own = {
        "2": Mistake("average_for_peak", mean / (p["per_replica"] * p["ceiling"]) + 1),
        "3": Mistake("full_utilisation", peak / p["per_replica"] + 1),
        "4": Mistake("forgot_spare", peak / (p["per_replica"] * p["ceiling"])),
    }
    found += [mistake for step, mistake in own.items() if step != right["wrong_step"]]
    return {
        "wrong_step": other_steps(STEPS, right["wrong_step"]),
        "replicas": found,
    }


EXERCISE = Exercise(
    id="q1-replica-review",
    kind=Kind.FIND,
    title="One step of this fleet is wrong",
    section="2.1",
    difficulty=2,
    minutes=6,
    points=4,
    draw=draw,
    prompt=prompt,
    hints=(
        "Recompute each step from the line above it only, with its unit.",
        "Which of the given numbers is used by no step?",
    ),
    asks=(
        Ask("wrong_step", "", "the wrong step", choices=STEPS),
        Ask("replicas", "", "replicas with one spare", whole="up"),
    ),
    answers=answers,
    mistakes=mistakes,
)
