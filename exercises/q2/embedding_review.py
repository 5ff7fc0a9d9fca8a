"""Find the mistake: the embedders and model calls of a service with query expansion, in five steps."""

from __future__ import annotations

import math
from random import Random
from typing import Any

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from exercises.steps import first_wrong, other_steps
from reference.sizing.claims.q2.stages import by_littles_law
from reference.sizing.pipeline import Pipeline, ServiceTime, Stage, offered, servers_needed

STEPS = ("1", "2", "3", "4", "5")


def draw(random: Random) -> dict[str, object]:
    """Never a pool within a hair of a whole number: float noise would decide it."""
    while True:
        given = {
            "rate": random.choice([700, 1000, 1400, 2000, 3000]),
            "variations": random.choice([2, 3, 4]),
            "slots": random.choice([16, 24, 32, 50]),
            "embed_ms": random.choice([20, 25, 40, 60]),
            "ceiling": random.choice([0.7, 0.75, 0.8]),
        }
        drawn: dict[str, Any] = {**given, **_said(given, broken=random.choice(STEPS))}
        if 0.03 < _needed(drawn) % 1 < 0.97 and drawn["said"][3] > 1:
            return drawn


def _said(p: Params, broken: str) -> dict[str, object]:
    """What the candidate says, with one step broken: the lines, and the number that ends each."""
    texts = p["rate"] * (p["variations"] + (0 if broken == "1" else 1))
    each = p["slots"] if broken == "2" else p["slots"] / p["embed_ms"] * 1000
    needed = texts / each * (p["ceiling"] if broken == "3" else 1 / p["ceiling"])
    gpus = math.ceil(needed) + (0 if broken == "4" else 1)
    calls = p["rate"] * (1 if broken == "5" else 2)
    own = "" if broken == "1" else " and its own wording"
    held = "" if broken == "2" else f" for {p['embed_ms']} ms each"
    spare = "which leaves part of one as the spare" if broken == "4" else "and one spare"
    model = "one call to answer" if broken == "5" else "one call to write the variations and one to answer"
    return {
        "lines": [
            f"Each query is embedded as its {p['variations']} variations{own}: {texts:,} texts per second.",
            f"A GPU holds {p['slots']} texts at a time{held}: {each:,.6g} texts per second.",
            f"With {p['ceiling']:.0%} of that in use, the texts need {needed:,.2f} GPUs.",
            f"Rounded up, {spare}: {gpus:,} GPUs.",
            f"The language model gets {model}: {calls:,} calls per second.",
        ],
        "said": [texts, each, needed, gpus, calls],
    }


def prompt(p: Params) -> str:
    steps = "\n".join(f"{number}. {line}" for number, line in enumerate(p["lines"], 1))
    return f"""A candidate sizes a document search for {p["rate"]:,} queries per second. For every query a language
model writes {p["variations"]} variations, all in one call. The user's own wording and the variations are embedded and
searched each by itself; one answer is written from what all of them found. A GPU embeds {p["slots"]} texts at the same
time in {p["embed_ms"]} ms, it may be at most {p["ceiling"]:.0%} used, and one GPU may fail.

{steps}

One step is wrong; those after it at most carry it on.

- `wrong_step`: `"1"` to `"5"`.
- `gpus`: how many GPUs embed (a whole number).
- `llm_calls`: calls of the language model per second."""


def _pipeline(p: Params) -> Pipeline:
    """The GPU as one server of the rate that Little's law gives it."""
    each = by_littles_law(p["slots"], p["embed_ms"] / 1000)
    return Pipeline.of(
        Stage("model", ServiceTime.constant(1.0), 1, fan_out=2),
        Stage("embed", ServiceTime.constant(1 / each), 1, fan_out=1 + p["variations"]),
    )


def _needed(p: Params) -> float:
    """GPUs that the texts need, unrounded and without a spare."""
    each = by_littles_law(p["slots"], p["embed_ms"] / 1000)
    return offered(_pipeline(p), p["rate"])["embed"] / (each * p["ceiling"])


def answers(p: Params) -> dict[str, float | str]:
    tasks = offered(_pipeline(p), p["rate"])
    texts, each, needed, _, _ = p["said"]
    # A step is wrong if it does not follow from what the lines above it say.
    redone = (
        tasks["embed"],
        by_littles_law(p["slots"], p["embed_ms"] / 1000),
        texts / (each * p["ceiling"]),
        math.ceil(needed) + 1,
        tasks["model"],
    )
    wrong = first_wrong(STEPS, redone, p["said"])
    gpus = servers_needed(_pipeline(p), p["rate"], p["ceiling"], spare=1)["embed"]
    return {"wrong_step": wrong, "gpus": gpus, "llm_calls": tasks["model"]}


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    right = answers(p)
    step, needed, said = right["wrong_step"], _needed(p), p["said"]
    wordings = 1 + p["variations"]
    # A mistake that is the task's own is listed once, as carried on.
    own = {
        "1": Mistake("own_wording_forgotten", needed * p["variations"] / wordings + 1),
        "2": Mistake("concurrency_for_throughput", p["rate"] * wordings / p["slots"] / p["ceiling"] + 1),
        "3": Mistake("full_utilisation", needed * p["ceiling"] + 1),
        "4": Mistake("forgot_spare", needed),
    }
    carried = [Mistake("carried_mistake", said[3])] if step in own else []
    calls = "carried_mistake" if step == "5" else "expansion_call_forgotten"
    return {
        "wrong_step": other_steps(STEPS, step),
        "gpus": [*carried, *(mistake for name, mistake in own.items() if name != step)],
        "llm_calls": [
            Mistake(calls, p["rate"]),
            Mistake("call_per_wording", p["rate"] * wordings),
        ],
    }


EXERCISE = Exercise(
    id="q2-embedding-review",
    kind=Kind.FIND,
    title="One step of these embedders is wrong",
    section="2.2",
    difficulty=2,
    minutes=6,
    points=4,
    draw=draw,
    prompt=prompt,
    hints=(
        "Redo each step from the lines above it only, and write its unit down.",
        "Which number of the task does no step use, or uses in a place where it does not belong?",
    ),
    asks=(
        Ask("wrong_step", "", "the wrong step", choices=STEPS, weight=2.0),
        Ask("gpus", "", "GPUs that embed", whole="up"),
        Ask("llm_calls", "1/s", "calls of the language model"),
    ),
    answers=answers,
    mistakes=mistakes,
)
