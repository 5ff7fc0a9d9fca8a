"""Size it: many items, as calls of one client or as one batch; from how many on is the batch done first?"""

from __future__ import annotations

from random import Random
from typing import Any

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.sizing.inference_modes.crossings import batch_makespan, batch_wins_from, call_makespan


def draw(random: Random) -> dict[str, object]:
    while True:
        drawn: dict[str, Any] = {
            # Full rounds on both sides: how a last round that is not full counts is no part of the question.
            "items": 192 * random.choice([15, 25, 40, 60]),
            "item_s": random.choice([0.8, 1.2, 1.5, 2.5]),
            "round_trip_ms": random.choice([120, 150, 250, 300]),
            "at_once": random.choice([8, 16, 24]),
            "slots": random.choice([32, 48, 64]),
            "setup_s": random.choice([45, 70, 95, 140]),
        }
        if 0.02 < float(answers(drawn)["wins_from"]) % 1 < 0.98:  # "the first after it" and "rounded up" are the same
            return drawn


def prompt(p: Params) -> str:
    return f"""A customer has {p["items"]:,} texts to classify; one takes {p["item_s"]:g} s in the engine. As
synchronous calls, the client keeps {p["at_once"]} open at a time, and each takes a further {p["round_trip_ms"]} ms on
the network. As a batch, upload, checks and download take {p["setup_s"]} s in all, once, and the engine gives it
{p["slots"]} slots.

- `calls_s`: seconds until all are answered by calls.
- `batch_s`: seconds until the batch has been fetched.
- `wins_from`: the smallest number of texts from which on the batch is done first (a whole number; compare by the time
  per text, as if a last round that is not full took its share only)."""


def answers(p: Params) -> dict[str, float | str]:
    trip = p["round_trip_ms"] / 1000
    cross = batch_wins_from(p["item_s"], p["at_once"], p["slots"], setup_s=p["setup_s"], round_trip_s=trip)
    return {
        "calls_s": call_makespan(p["items"], p["item_s"], p["at_once"], round_trip_s=trip),
        "batch_s": batch_makespan(p["items"], p["item_s"], p["slots"], setup_s=p["setup_s"]),
        "wins_from": cross.setup_s / (cross.call_s_per_item - cross.batch_s_per_item),
    }


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    n, item, trip = p["items"], p["item_s"], p["round_trip_ms"] / 1000
    call, batch = (item + trip) / p["at_once"], item / p["slots"]
    return {
        "calls_s": [
            Mistake("one_call_after_another", n * (item + trip)),
            Mistake("round_trip_missing", n / p["at_once"] * item),
        ],
        "batch_s": [
            Mistake("set_up_missing", n * batch),
            Mistake("caller_slots_for_batch", p["setup_s"] + n / p["at_once"] * item),
        ],
        "wins_from": [
            Mistake("batch_items_free", p["setup_s"] / call),
            Mistake("one_call_after_another", p["setup_s"] / (item + trip - batch)),
            Mistake("round_trip_missing", p["setup_s"] / (item / p["at_once"] - batch)),
        ],
    }


EXERCISE = Exercise(
    id="q7-calls-or-batch",
    kind=Kind.SIZE,
    title="From how many texts on is a batch quicker?",
    section="2.1",
    difficulty=2,
    minutes=8,
    points=4,
    draw=draw,
    prompt=prompt,
    hints=(
        "Time per text: what one call takes, over the calls that run at the same time.",
        "Only the batch pays its set-up, and it pays it once.",
        "Two straight lines over the number of texts cross where what is saved per text has paid the set-up.",
    ),
    asks=(
        Ask("calls_s", "s", "all texts by calls"),
        Ask("batch_s", "s", "all texts as a batch"),
        Ask("wins_from", "", "texts from which on the batch is first", whole="up"),
    ),
    answers=answers,
    mistakes=mistakes,
)
