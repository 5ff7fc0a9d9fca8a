"""Size it: analysers side by side on few cores; how long one change takes, and how many a day's work is."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.sizing.claims.q6 import Q6Assumptions
from reference.sizing.claims.q6.latency import per_day
from reference.sizing.review_cost import wall_over_slowest
from reference.sizing.units import Q, magnitude


def draw(random: Random) -> dict[str, object]:
    while True:
        p: dict[str, object] = {
            "agents": random.choice([5, 6, 7, 8]),
            "cores": random.choice([2, 3, 4]),
            "work_s": random.choice([4.0, 6.0, 9.0, 12.0]),
            "cpu_share": random.choice([0.6, 0.7, 0.8, 0.9]),
            "utilisation": random.choice([0.6, 0.7, 0.75]),
            "hours": random.choice([8, 9, 10]),
        }
        day = float(answers(p)["changes_per_day"])
        if abs(day - round(day)) > 1e-3:  # a whole number but for float noise would be rounded either way
            return p


def prompt(p: Params) -> str:
    return f"""{p["agents"]} specialists with analysers run side by side on a machine of {p["cores"]} cores. Alone on
the machine each takes {p["work_s"]:g} s, of which {p["cpu_share"]:.0%} is processor time of one core and the rest is
waiting (disk, starting programs). Waiting overlaps without limit; take it that no core idles while there is work.

- `wall_s`: how long the review of one change takes at least, in seconds.
- `changes_per_day`: how many changes the machine reviews in the {p["hours"]} hours in which they arrive, if its cores
  may be {p["utilisation"]:.0%} busy (a whole number)."""


def answers(p: Params) -> dict[str, float | str]:
    wall = p["work_s"] * wall_over_slowest(p["work_s"], p["cpu_share"], p["agents"], p["cores"])
    machine = replace(
        Q6Assumptions(), cores=p["cores"], utilisation=p["utilisation"], office_hours=p["hours"],
        review_cpu_seconds=p["agents"] * p["work_s"] * p["cpu_share"],
    )  # fmt: skip
    able = per_day(machine, Q(1, "request/day")).computed
    return {"wall_s": wall, "changes_per_day": magnitude(able, "request/day")}


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    work, busy = p["work_s"], p["agents"] * p["work_s"] * p["cpu_share"]
    day = p["cores"] * p["hours"] * 3600
    return {
        "wall_s": [
            Mistake("slowest_for_wall", work),
            Mistake("sum_for_wall", p["agents"] * work),
            Mistake("waiting_for_work", p["agents"] * work / p["cores"]),
        ],
        "changes_per_day": [
            Mistake("planned_at_full_load", day / busy),
            Mistake("one_agent_for_all", day * p["utilisation"] / (work * p["cpu_share"])),
            Mistake("waiting_for_work", day * p["utilisation"] / (p["agents"] * work)),
            Mistake("slowest_for_wall", p["hours"] * 3600 * p["utilisation"] / work),
        ],
    }


EXERCISE = Exercise(
    id="q6-side-by-side",
    kind=Kind.SIZE,
    title="Many agents, few cores",
    section="4.2",
    difficulty=2,
    minutes=7,
    points=4,
    draw=draw,
    prompt=prompt,
    hints=(
        "Add up the processor time of all specialists: how fast can the cores work it off?",
        "Two things bound the wall time from below: which of them is larger here?",
        "For a day's work only processor time counts; how much of it do the cores offer?",
    ),
    asks=(
        Ask("wall_s", "s", "time of one review"),
        Ask("changes_per_day", "", "changes a day", whole="down"),
    ),
    answers=answers,
    mistakes=mistakes,
)
