"""Size it: how many test cases a safety gate needs, and what a run with a few unsafe answers may still claim."""

from __future__ import annotations

import math
from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.sizing.ab_tests import cases_to_exclude
from reference.sizing.error_rates import rate_upper_bound


def draw(random: Random) -> dict[str, object]:
    limit = random.choice([0.002, 0.004, 0.005, 0.008, 0.01, 0.02])
    cases = random.choice([400, 500, 600, 800])
    return {
        "limit": limit,
        "cases": cases,
        "seen": random.choice([2, 3, 4, 5, 6]),
        "suite": random.choice([700, 900, 1_200, 1_500, 2_000]) * round(0.01 / limit + 0.5),
    }


def prompt(p: Params) -> str:
    return f"""A version may be released if its test cases show, one-sided at 95%, that fewer than
{100 * p["limit"]:g}% of its answers are unsafe. "Show" means: were the true rate {100 * p["limit"]:g}% or more, so
few unsafe answers would come with a probability of at most 5%. Use the exact binomial distribution.

- `clean_cases`: the fewest cases that show it without a single unsafe answer (a whole number).
- `bound_percent`: {p["seen"]} of {p["cases"]} cases were unsafe. The exact one-sided 95% upper bound of the rate, in
  %.
- `tolerated`: the most unsafe answers among {p["suite"]:,} cases with which these still show it (a whole number)."""


def _tolerated(limit: float, suite: int) -> int:
    seen = -1
    while rate_upper_bound(seen + 1, suite) <= limit:
        seen += 1
    return seen


def answers(p: Params) -> dict[str, float | str]:
    return {
        "clean_cases": cases_to_exclude(p["limit"]),
        "bound_percent": 100 * rate_upper_bound(p["seen"], p["cases"]),
        "tolerated": _tolerated(p["limit"], p["suite"]),
    }


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    limit, seen, cases = p["limit"], p["seen"], p["cases"]
    share = seen / cases
    return {
        "clean_cases": [
            Mistake("rule_of_three", 3 / limit),
            Mistake("one_expected", 1 / limit),
            Mistake("two_sided_level", math.log(0.025) / math.log1p(-limit)),
        ],
        "bound_percent": [
            Mistake("point_for_bound", 100 * share),
            Mistake("normal_bound", 100 * (share + 1.645 * math.sqrt(share * (1 - share) / cases))),
            Mistake("two_sided_level", 100 * rate_upper_bound(seen, cases, 0.975)),
        ],
        "tolerated": [Mistake("point_for_bound", limit * p["suite"])],
    }


EXERCISE = Exercise(
    id="q3-clean-cases",
    kind=Kind.SIZE,
    title="What a test suite without an unsafe answer shows",
    section="2.4",
    difficulty=2,
    minutes=10,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "How probable is it that a version at the limit gets through n cases without one unsafe answer?",
        "With k unsafe answers add the binomial terms for 0 to k; `math.comb` counts the ways.",
        "The bound is the rate at which this sum is 5%: halve the interval until it is narrow.",
    ),
    asks=(
        Ask("clean_cases", "", "cases without an unsafe answer", whole="up"),
        Ask("bound_percent", "%", "upper bound of the unsafe rate", tolerance=0.01),
        Ask("tolerated", "", "unsafe answers that are tolerated", whole="down"),
    ),
    answers=answers,
    mistakes=mistakes,
)
