"""Size it: people who review, at any moment, on shift and on the payroll."""

from __future__ import annotations

from random import Random
from typing import Any

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.sizing.review_staffing import HOURS_PER_WEEK, Shifts, staffing


def draw(random: Random) -> dict[str, object]:
    """Again until float noise cannot make one person more."""
    while True:
        p = _draw(random)
        found = answers(p)
        seats = float(found["busy"]) / p["ceiling"]
        if all(abs(n - round(n)) > 1e-6 for n in (seats, float(found["payroll"]))):
            return p


def _draw(random: Random) -> dict[str, Any]:
    return {
        "posts_per_minute": random.choice([300_000, 600_000, 1_000_000, 1_400_000]),
        "review_share": random.choice([0.0005, 0.001, 0.002, 0.004]),
        "seconds": random.choice([20, 30, 45, 60]),
        "ceiling": random.choice([0.8, 0.85, 0.9]),
        "contract_hours": random.choice([35, 37.5, 40]),
        "present": random.choice([0.8, 0.85, 0.88]),
        "at_desk": random.choice([0.75, 0.8, 0.85]),
        "shift_hours": 8,
        "exposure_hours": random.choice([3, 4, 5, 7]),
    }


def prompt(p: Params) -> str:
    return f"""Of {p["posts_per_minute"]:,} posts a minute people see {100 * p["review_share"]:g}%, day and night; a
case takes {p["seconds"]} seconds. At any moment at most {p["ceiling"]:.0%} of the seats may be busy with a case. A
reviewer is paid for {p["contract_hours"]:g} hours a week, of which {p["present"]:.0%} are left after leave, illness
and training. Breaks and meetings leave {p["at_desk"]:.0%} of a shift of {p["shift_hours"]} hours at the desk, and
nobody may look at harmful content for more than {p["exposure_hours"]} hours of a shift.

- `busy`: people who are busy with a case at any moment, on average.
- `on_shift`: people on shift at any moment, so that all the seats are taken (a whole number; the seats, too, are
  whole).
- `payroll`: people employed for that, a week having {HOURS_PER_WEEK} hours (a whole number)."""


def _shifts(p: Params) -> Shifts:
    return Shifts(p["contract_hours"], p["present"], p["at_desk"], p["shift_hours"], p["exposure_hours"])


def answers(p: Params) -> dict[str, float | str]:
    found = staffing(p["posts_per_minute"] / 60 * p["review_share"], p["seconds"], _shifts(p), p["ceiling"])
    return {
        "busy": found.occupancy * found.seats,
        "on_shift": found.seats / _shifts(p).review_share,
        "payroll": found.seats * _shifts(p).people_per_seat,
    }


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    right = answers(p)
    busy, on_shift, payroll = (float(right[name]) for name in ("busy", "on_shift", "payroll"))
    share = _shifts(p).review_share
    seats = on_shift * share
    return {
        "busy": [
            Mistake("per_minute_for_per_second", busy / 60),
            Mistake("rate_for_people", busy / p["seconds"]),
        ],
        "on_shift": [
            Mistake("per_minute_for_per_second", on_shift / 60),
            Mistake("all_seats_busy", busy / share),
            Mistake("seats_for_people", seats),
            Mistake("longer_of_both", seats / max(p["at_desk"], p["exposure_hours"] / p["shift_hours"])),
        ],
        "payroll": [
            Mistake("three_shifts", 3 * on_shift),
            Mistake("nobody_away", payroll * p["present"]),
            Mistake("per_minute_for_per_second", payroll / 60),
            Mistake("seats_for_people", payroll * share),
        ],
    }


EXERCISE = Exercise(
    id="q4-reviewers",
    kind=Kind.SIZE,
    title="From seconds to a payroll",
    section="2.4",
    difficulty=2,
    minutes=8,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "Little's law counts people as well: cases per second times seconds per case.",
        "Of a shift only the shorter counts: the time at the desk, or the time that harmful content is allowed for.",
        "Divide the hours of a week by the hours that one person on the payroll really reviews in it.",
    ),
    asks=(
        Ask("busy", "people", "people busy at any moment"),
        Ask("on_shift", "", "people on shift", whole="up"),
        Ask("payroll", "", "people on the payroll", whole="up"),
    ),
    answers=answers,
    mistakes=mistakes,
)
