"""Find the mistake: a report service planned in five steps, one of which is wrong."""

from __future__ import annotations

import math
from random import Random
from typing import Any

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from exercises.steps import first_wrong, other_steps
from reference.sizing import Q, magnitude
from reference.sizing.inference_modes.crossings import connections_held, polling
from reference.sizing.inference_modes.scaling import wanted_workers
from reference.sizing.traffic import average_rate, peak_rate

STEPS = ("1", "2", "3", "4", "5")


def draw(random: Random) -> dict[str, object]:
    broken = random.choice(STEPS)
    while True:
        given: dict[str, Any] = {
            "reports": random.choice([260_000, 390_000, 520_000, 780_000]),
            "peak_factor": random.choice([2.5, 3.0, 4.0]),
            "job_s": random.choice([30, 45, 60]),
            "first_s": random.choice([0.5, 0.8, 1.2]),
            "poll_s": random.choice([3, 5, 6]),
            "workers": random.choice([20, 26, 32]),
            "slots": random.choice([8, 12]),
            "spell_min": random.choice([10, 15, 20]),
            "clear_min": random.choice([30, 45, 60]),
        }
        said = _said(given, broken)
        peak, _, _, backlog, _ = said["said"]
        over = peak - given["workers"] * given["slots"] / given["job_s"]
        further = backlog * given["job_s"] / (given["slots"] * 60 * given["clear_min"])
        # A fleet that keeps up has no backlog, and a whole number hides how it was rounded.
        if over > 1 and further > 1.5 and 0.05 < further % 1 < 0.95:
            return {**given, **said}


def _said(p: Params, broken: str) -> dict[str, Any]:
    """What the candidate says, with one step broken: the lines, and the number that ends each."""
    mean = p["reports"] / 86_400
    peak = mean if broken == "1" else mean * p["peak_factor"]
    open_ = peak * (p["first_s"] if broken == "2" else p["job_s"])
    polls = peak / p["poll_s"] if broken == "3" else peak * (p["job_s"] / p["poll_s"] + 1)
    slots = p["workers"] if broken == "4" else p["workers"] * p["slots"]
    backlog = round((peak - slots / p["job_s"]) * 60 * p["spell_min"])
    work = backlog * p["job_s"] / (p["slots"] * 60 * p["clear_min"])
    further = math.floor(work) if broken == "5" else math.ceil(work)
    load = f"the peak is {p['peak_factor']:g} times the mean"
    if broken == "1":
        load = "a queue evens the peaks out, so the mean counts"
    held = f"stands open for the {p['job_s']} s of a report"
    if broken == "2":
        held = f"is needed until the first token, {p['first_s']:g} s"
    asks = f"each is asked for every {p['poll_s']} s until it is done, and once more"
    if broken == "3":
        asks = f"clients ask every {p['poll_s']} s, which divides the rate"
    busy = f"{p['workers']} workers" if broken == "4" else f"{p['workers']} x {p['slots']} slots"
    rest = "what is left over the next spell takes" if broken == "5" else "rounded up"
    return {
        "lines": [
            f"{p['reports']:,} reports a day; {load}: {peak:,.2f} per second.",
            f"As streams, a connection {held}: {open_:,.1f} are open at the peak.",
            f"As jobs, {asks}: {polls:,.1f} polls per second.",
            f"{busy} finish one report each per {p['job_s']} s; what comes beyond that waits, after {p['spell_min']} "
            f"minutes {backlog:,} reports.",
            f"To clear them within {p['clear_min']} minutes, beside the workers that serve what comes, further ones of "
            f"{p['slots']} slots, {rest}: {further:,}.",
        ],
        "said": [peak, open_, polls, backlog, further],
    }


def _right(said: list[float], p: Params, step: str) -> float:
    """What a step comes to when the lines above it hold."""
    peak, _, _, backlog, _ = said
    if step == "1":
        mean = average_rate(Q(p["reports"], "message/day"), Q(1, "request/message"))
        return magnitude(peak_rate(mean, p["peak_factor"], 1.0), "request/s")
    if step == "2":
        return connections_held(peak, p["job_s"])
    if step == "3":
        return polling(p["job_s"], p["poll_s"], peak).requests_per_s
    if step == "4":
        return round((peak - p["workers"] * p["slots"] / p["job_s"]) * 60 * p["spell_min"])
    return wanted_workers(int(backlog), p["job_s"], p["slots"], 60 * p["clear_min"], 0, 10**6)


def prompt(p: Params) -> str:
    steps = "\n".join(f"{number}. {line}" for number, line in enumerate(p["lines"], 1))
    return f"""A candidate plans a service that writes {p["reports"]:,} reports a day, {p["peak_factor"]:g} times the
mean in a busy spell of {p["spell_min"]} minutes. A report takes {p["job_s"]} s in a slot, its first token is there
after {p["first_s"]:g} s. There are {p["workers"]} workers with {p["slots"]} slots each.

{steps}

One step is wrong; the others follow from the lines above them.

- `wrong_step`: `"1"` to `"5"`.
- `mended`: the number in which that step should end, in the unit that it has there, all lines above it taken as they
  are."""


def answers(p: Params) -> dict[str, float | str]:
    said = p["said"]
    wrong = first_wrong(STEPS, [_right(said, p, step) for step in STEPS], said)
    return {"wrong_step": wrong, "mended": _right(said, p, wrong)}


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    wrong, said = str(answers(p)["wrong_step"]), p["said"]
    found = [Mistake("carried_mistake", said[STEPS.index(wrong)])]
    peak, spell_s = said[0], 60 * p["spell_min"]
    other = {
        "2": Mistake("rate_over_time", peak / p["job_s"]),
        "3": Mistake("last_poll_missing", peak * p["job_s"] / p["poll_s"]),
        "4": Mistake("backlog_without_service", peak * spell_s),
        "5": Mistake("not_rounded", said[3] * p["job_s"] / (p["slots"] * 60 * p["clear_min"])),
    }
    return {
        "wrong_step": other_steps(STEPS, wrong),
        "mended": [*found, other[wrong]] if wrong in other else found,
    }


EXERCISE = Exercise(
    id="q7-report-review",
    kind=Kind.FIND,
    title="One step of this report service is wrong",
    section="2.3",
    difficulty=2,
    minutes=8,
    points=4,
    draw=draw,
    prompt=prompt,
    hints=(
        "Redo each step from the line above it, with its unit: per second, connections, reports, workers.",
        "What is held, and until when? What does one worker do at the same time?",
        "A sentence that sounds like an answer may be the wrong step: find the number in it that was not given.",
    ),
    asks=(
        Ask("wrong_step", "", "the wrong step", choices=STEPS),
        Ask("mended", "", "what it should end in", tolerance=0.01),
    ),
    answers=answers,
    mistakes=mistakes,
)
