"""Size it: what a controller that looks all the time must demand as evidence, and what it costs not to."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random
from statistics import NormalDist

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.sizing.claims.q3 import Q3Assumptions
from reference.sizing.claims.q3.canary import no_increase


def draw(random: Random) -> dict[str, object]:
    return {
        "checks": random.choice([3, 4, 5, 6, 8]),
        "alpha": random.choice([0.01, 0.02, 0.05, 0.1]),
        "per_hour": random.choice([0.15, 0.25, 0.4, 0.6]),
        "metrics": random.choice([2, 3, 4]),
    }


def prompt(p: Params) -> str:
    return f"""A controller looks at a release every few minutes and may stop it at any look. It watches {p["checks"]}
checks by e-values; all of them together, at all looks, may stop a harmless release with a probability of at most
{p["alpha"]:.0%}, which is divided evenly among the checks.

- `log_e`: the natural logarithm of the e-value at which one check may stop the release.
- `hours`: a release does harm, and the logarithm of one check's e-value grows by {p["per_hour"]:g} an hour. After how
  many hours is it stopped?
- `stopped_percent`: the team before used no e-values: a release was stopped if any of {p["metrics"]} metrics was worse
  than production's at all. Share of the harmless releases that this stops, in %, if each metric is worse by chance half
  of the time, independently of the others."""


def answers(p: Params) -> dict[str, float | str]:
    log_e = -math.log(p["alpha"] / p["checks"])
    # The ledger's claim counts one metric with a margin, which cannot be worse by chance.
    stopped = no_increase(replace(Q3Assumptions(), metrics=p["metrics"] + 1), p["alpha"]).computed
    return {"log_e": log_e, "hours": log_e / p["per_hour"], "stopped_percent": 100 * stopped}


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    wrong = {
        "budget_not_divided": math.log(1 / p["alpha"]),
        "decimal_logarithm": math.log10(p["checks"] / p["alpha"]),
        "quantile_for_evidence": NormalDist().inv_cdf(1 - p["alpha"] / p["checks"]),
    }
    return {
        "log_e": [Mistake(slip, value) for slip, value in wrong.items()],
        "hours": [Mistake(slip, value / p["per_hour"]) for slip, value in wrong.items()],
        "stopped_percent": [
            Mistake("one_metric_only", 50.0),
            Mistake("passed_for_stopped", 100 * 0.5 ** p["metrics"]),
            Mistake("level_that_is_not_there", 100 * p["alpha"]),
        ],
    }


EXERCISE = Exercise(
    id="q3-alarm-budget",
    kind=Kind.SIZE,
    title="Looking all the time",
    section="2.3",
    difficulty=2,
    minutes=6,
    points=4,
    draw=draw,
    prompt=prompt,
    hints=(
        "Without harm an e-value ever reaches one over a with a probability of at most a, whenever somebody looks.",
        "What is left of the probability for one check if all of them share it?",
        "A harmless release passes the old rule only if not one of the metrics is worse.",
    ),
    asks=(
        Ask("log_e", "", "logarithm of the e-value that stops"),
        Ask("hours", "h", "hours until harm is stopped"),
        Ask("stopped_percent", "%", "harmless releases that the old rule stops", tolerance=0.01),
    ),
    answers=answers,
    mistakes=mistakes,
)
