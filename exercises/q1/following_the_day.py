"""Size it: a fleet for the peak all month, and one that follows the day."""

from __future__ import annotations

import math
from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.sizing import Q, magnitude, replicas_for
from reference.sizing.cost import HOURS_PER_MONTH, fleet_cost_rate, monthly_cost


def draw(random: Random) -> dict[str, object]:
    """Never a fleet within a hair of a whole number: float noise would decide it."""
    while True:
        drawn = _draw(random)
        if all(0.03 < float(answers(drawn)[name]) % 1 < 0.97 for name in ("replicas_busy", "replicas_quiet")):
            return drawn


def _draw(random: Random) -> dict[str, object]:
    gpus, per_replica = random.choice([(2, 7.0), (2, 9.5), (2, 12.0), (4, 16.0), (4, 21.0)])
    return {
        "peak": random.choice([240, 310, 350, 420, 480]),
        "quiet": random.choice([45, 60, 75, 90]),
        "busy_hours": random.choice([8, 10, 12]),
        "per_replica": per_replica,
        "gpus": gpus,
        "ceiling": random.choice([0.7, 0.75, 0.8]),
        "price": random.choice([1.8, 2.4, 2.9, 3.5]),
    }


def prompt(p: Params) -> str:
    return f"""In the {p["busy_hours"]} busy hours up to {p["peak"]} requests per second arrive, in the rest of the day
never more than {p["quiet"]}. A replica of {p["gpus"]} GPUs serves {p["per_replica"]:g} per second and may be
{p["ceiling"]:.0%} used. One replica more than that is always up, for one may fail. A GPU costs {p["price"]:.2f} dollars
an hour; a month has 730 hours.

- `replicas_busy`: replicas in the busy hours (a whole number).
- `replicas_quiet`: replicas in the other hours (a whole number).
- `month_always_on`: dollars a month if the fleet of the busy hours is always up.
- `month_following`: dollars a month if the fleet has the right size in both parts of the day; scaling takes no time."""


def _replicas(p: Params, rate: float) -> int:
    each = Q(p["per_replica"], "request/s/replica")
    fleet = replicas_for(Q(rate, "request/s"), each, utilisation_ceiling=p["ceiling"], spare=1)
    return round(magnitude(fleet.total, "replica"))


def _month(p: Params, replicas: float) -> float:
    gpus = Q(replicas * p["gpus"], "gpu")
    return magnitude(monthly_cost(fleet_cost_rate(gpus, Q(p["price"], "USD/gpu/h")), HOURS_PER_MONTH), "USD")


def answers(p: Params) -> dict[str, float | str]:
    busy, quiet = _replicas(p, p["peak"]), _replicas(p, p["quiet"])
    part = p["busy_hours"] / 24
    return {
        # Unrounded, so that a slip of a factor can be recognised; the spare is whole.
        "replicas_busy": p["peak"] / (p["per_replica"] * p["ceiling"]) + 1,
        "replicas_quiet": p["quiet"] / (p["per_replica"] * p["ceiling"]) + 1,
        "month_always_on": _month(p, busy),
        "month_following": part * _month(p, busy) + (1 - part) * _month(p, quiet),
    }


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    right = answers(p)
    part = p["busy_hours"] / 24
    mean = part * p["peak"] + (1 - part) * p["quiet"]
    each = p["per_replica"] * p["ceiling"]
    busy, quiet = _replicas(p, p["peak"]), _replicas(p, p["quiet"])
    hour = p["gpus"] * p["price"] * HOURS_PER_MONTH  # of one replica, for a month

    def fleet(rate: float) -> list[Mistake]:
        return [
            Mistake("forgot_spare", rate / each),
            Mistake("full_utilisation", rate / p["per_replica"] + 1),
            Mistake("ceiling_for_headroom", rate / p["per_replica"] * p["ceiling"] + 1),
        ]

    following = float(right["month_following"])
    return {
        "replicas_busy": [*fleet(p["peak"]), Mistake("average_for_peak", mean / each + 1)],
        "replicas_quiet": fleet(p["quiet"]),
        "month_always_on": [
            Mistake("one_gpu_per_replica", float(right["month_always_on"]) / p["gpus"]),
            Mistake("forgot_spare", (busy - 1) * hour),
            Mistake("average_for_peak", (math.ceil(mean / each) + 1) * hour),
        ],
        "month_following": [
            Mistake("one_gpu_per_replica", following / p["gpus"]),
            Mistake("forgot_spare", (part * (busy - 1) + (1 - part) * (quiet - 1)) * hour),
            Mistake("quiet_hours_free", part * busy * hour),
        ],
    }


EXERCISE = Exercise(
    id="q1-following-the-day",
    kind=Kind.SIZE,
    title="What it is worth to follow the day",
    section="2.5",
    difficulty=2,
    minutes=8,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "How much of a replica's rate may be used at all?",
        "Round up before you add the spare, and before you multiply by money.",
        "A day has two parts: pay each for its hours.",
    ),
    asks=(
        Ask("replicas_busy", "", "replicas in the busy hours", whole="up"),
        Ask("replicas_quiet", "", "replicas in the other hours", whole="up"),
        Ask("month_always_on", "USD", "a month of the fleet for the busy hours", tolerance=0.005),
        Ask("month_following", "USD", "a month of a fleet that follows the day", tolerance=0.005),
    ),
    answers=answers,
    mistakes=mistakes,
)
