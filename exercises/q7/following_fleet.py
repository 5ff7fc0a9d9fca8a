"""Size it: workers that clear a backlog, and whether a fleet that follows its queue is worth it."""

from __future__ import annotations

import math
from random import Random
from typing import Any

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.sizing.inference_modes.crossings import scaled_from
from reference.sizing.inference_modes.scaling import wanted_workers

MOST = 10_000


def draw(random: Random) -> dict[str, object]:
    while True:
        drawn: dict[str, Any] = {
            "depth": random.choice([2600, 3700, 5200, 7900, 11_500]),
            "job_s": random.choice([1.6, 2.5, 4.5, 7.5]),
            "slots": random.choice([4, 8, 16]),
            "wait_s": random.choice([90, 120, 240]),
            "peak": random.choice([1.6, 2.4, 3.2, 4.0]),
            "busy_min": random.choice([45, 60, 90]),
            "cold_min": random.choice([4, 6, 9]),
            "linger_min": random.choice([5, 10, 15]),
            "fill_percent": random.choice([75, 80, 85]),
        }
        exact = drawn["depth"] * drawn["job_s"] / (drawn["slots"] * drawn["wait_s"])
        if exact > 5 and 0.05 < exact % 1 < 0.95:
            return drawn


def prompt(p: Params) -> str:
    return f"""{p["depth"]:,} jobs wait; each takes {p["job_s"]:g} s in a slot, a worker has {p["slots"]} slots, and
all that wait shall be done within {p["wait_s"]} s. New ones are not counted here.

Then the bill. All work comes in spells of {p["busy_min"]} minutes at {p["peak"]:g} times the mean load, with nothing
between them. A fleet that is always on holds exactly the slots that a spell fills, all the time. One that follows the
queue is paid for each spell, a cold start of {p["cold_min"]} minutes before it and {p["linger_min"]} idle minutes
after it, and of the slots that it pays for {p["fill_percent"]} % are in use during the spell. A worker costs the same
in both, per hour.

- `workers`: how many workers clear the jobs in time (a whole number).
- `cost_share`: cost of the fleet that follows over that of the one that is always on (0.8 for 80 %)."""


def answers(p: Params) -> dict[str, float | str]:
    return {
        "workers": wanted_workers(p["depth"], p["job_s"], p["slots"], p["wait_s"], 0, MOST),
        "cost_share": scaled_from(
            p["peak"], 60 * p["busy_min"], 60 * p["cold_min"], 60 * p["linger_min"], fill=p["fill_percent"] / 100
        ),
    }


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    busy, cold, linger, fill = p["busy_min"], p["cold_min"], p["linger_min"], p["fill_percent"] / 100
    needed = p["depth"] * p["job_s"] / (p["slots"] * p["wait_s"])
    return {
        "workers": [
            Mistake("slots_missing", needed * p["slots"]),
            Mistake("workers_by_rate", p["depth"] / (p["slots"] * p["wait_s"])),
            Mistake("rounded_down", math.floor(needed)),
        ],
        "cost_share": [
            Mistake("cold_start_missing", (busy + linger) / busy / fill / p["peak"]),
            Mistake("linger_missing", (busy + cold) / busy / fill / p["peak"]),
            Mistake("ignores_fill", (busy + cold + linger) / busy / p["peak"]),
            Mistake("wrong_way_round", p["peak"] * fill * busy / (busy + cold + linger)),
        ],
    }


EXERCISE = Exercise(
    id="q7-following-fleet",
    kind=Kind.SIZE,
    title="A fleet that follows its queue",
    section="5",
    difficulty=2,
    minutes=10,
    points=4,
    draw=draw,
    prompt=prompt,
    hints=(
        "Seconds of work that wait, over seconds of work that one worker does until the limit.",
        "Always on costs the peak; a perfect follower would cost the mean.",
        "Then make it less perfect, one factor at a time: minutes paid over minutes busy, slots paid over slots used.",
    ),
    asks=(
        Ask("workers", "", "workers that clear the backlog", whole="up"),
        Ask("cost_share", "", "following over always on", tolerance=0.01),
    ),
    answers=answers,
    mistakes=mistakes,
)
