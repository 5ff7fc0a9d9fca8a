"""Size it: precision, recall, F1 and how sure one may be of the first."""

from __future__ import annotations

import math
from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.agents.evaluation.metrics import Rates, wilson
from reference.agents.llm.gate import Score, f1

Z = 1.96


def draw(random: Random) -> dict[str, object]:
    return {
        "right": random.choice([12, 18, 24, 30, 42]),
        "false": random.choice([4, 6, 9, 14, 20]),
        "missed": random.choice([15, 25, 40, 60]),
    }


def prompt(p: Params) -> str:
    return f"""A reviewer runs on changes with known faults. It posts {p["right"]} comments that name a fault (each a
different one) and {p["false"]} that do not, and {p["missed"]} faults get no comment.

- `precision`: the share of its comments that name a fault, as a fraction of 1.
- `recall`: the share of the faults that it finds, as a fraction of 1.
- `f1`: F1, the harmonic mean of the two.
- `low`: the lower end of the 95% Wilson interval of the precision (z = {Z:g}), to three places."""


def answers(p: Params) -> dict[str, float | str]:
    right, false, missed = p["right"], p["false"], p["missed"]
    rates = Rates("all", right, false, missed, wilson(right, right + false, Z), wilson(right, right + missed, Z))
    return {
        "precision": rates.precision,
        "recall": rates.recall,
        "f1": f1([Score(right, false, missed)]),
        "low": rates.precision_interval[0],
    }


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    right, false, missed = p["right"], p["false"], p["missed"]
    precision, recall, n = right / (right + false), right / (right + missed), right + false
    every = right / (right + false + missed)
    return {
        "precision": [Mistake("precision_recall_swapped", recall), Mistake("all_in_one_share", every)],
        "recall": [Mistake("precision_recall_swapped", precision), Mistake("all_in_one_share", every)],
        "f1": [
            Mistake("plain_mean_for_f1", (precision + recall) / 2),
            Mistake("all_in_one_share", every),
        ],
        "low": [
            Mistake("wald_interval", precision - Z * math.sqrt(precision * (1 - precision) / n)),
            Mistake("upper_for_lower", wilson(right, n, Z)[1]),
            Mistake("wrong_trials", wilson(right, right + missed, Z)[0]),
        ],
    }


EXERCISE = Exercise(
    id="q6-what-it-finds",
    kind=Kind.SIZE,
    title="Right, false, missed",
    section="4.5",
    difficulty=1,
    minutes=7,
    points=4,
    draw=draw,
    prompt=prompt,
    hints=(
        "One share is of comments, the other of faults.",
        "F1 is nearer to the smaller of the two than their plain mean.",
        "Wilson: centre and half-width both get a term with z² / n, and both are divided by 1 + z² / n.",
    ),
    asks=(
        Ask("precision", "", "precision"),
        Ask("recall", "", "recall"),
        Ask("f1", "", "F1", tolerance=0.01),
        # Close to Wald's at these counts: to three places.
        Ask("low", "", "lower end of the precision", tolerance=0.003),
    ),
    answers=answers,
    mistakes=mistakes,
)
