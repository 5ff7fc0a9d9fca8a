"""Size it: two versions on the same cases, what their differences prove, and what they could have proved."""

from __future__ import annotations

import math
from random import Random
from statistics import NormalDist

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.moderation.evaluation.paired import more_by_chance
from reference.sizing.ab_tests import paired_detectable


def draw(random: Random) -> dict[str, object]:
    won = random.randrange(6, 20)
    return {
        "cases": random.choice([400, 500, 800, 1_000]),
        "accuracy": random.choice([0.82, 0.85, 0.88]),
        "lost": won + random.randrange(5, 16),
        "won": won,
    }


def prompt(p: Params) -> str:
    return f"""Production and a candidate answer the same {p["cases"]:,} test cases; production is right on
{p["accuracy"]:.0%} of them. The candidate is wrong on {p["lost"]} cases that production has right, and right on
{p["won"]} that production has wrong.

- `fall_points`: by how many percentage points the candidate's accuracy is lower.
- `p_value`: the exact one-sided p of McNemar's test: if a case that changes sides is as likely lost as won, the
  probability of so many lost ones or more.
- `found_points`: the smallest fall, in percentage points, that a suite of this size finds with a power of 80% at a
  one-sided level of 5%, if as many cases change sides. Use the normal approximation: a fall is found when lost less won
  is z_level + z_power times its standard deviation, the square root of the number of changed cases."""


def answers(p: Params) -> dict[str, float | str]:
    changed = p["lost"] + p["won"]
    return {
        "fall_points": 100 * (p["lost"] - p["won"]) / p["cases"],
        "p_value": more_by_chance(p["lost"], p["won"]),
        "found_points": 100 * paired_detectable(p["cases"], changed / p["cases"]),
    }


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    n, changed, right = p["cases"], p["lost"] + p["won"], p["accuracy"]
    fall = (p["lost"] - p["won"]) / n
    z = NormalDist()
    both = z.inv_cdf(0.95) + z.inv_cdf(0.80)
    one = more_by_chance(p["lost"], p["won"])
    # Two independent samples of n cases, their variances added up.
    lower = right - fall
    spread = math.sqrt((right * (1 - right) + lower * (1 - lower)) / n)
    return {
        "fall_points": [
            Mistake("only_the_lost", 100 * p["lost"] / n),
            Mistake("of_the_changed", 100 * fall * n / changed),
        ],
        "p_value": [
            Mistake("two_sided_level", min(1.0, 2 * one)),
            Mistake("exactly_so_many", math.comb(changed, p["won"]) / 2**changed),
            Mistake("unpaired_test", 1 - z.cdf(fall / spread)),
        ],
        "found_points": [
            Mistake("forgot_power", 100 * z.inv_cdf(0.95) * math.sqrt(changed) / n),
            Mistake("unpaired_test", 100 * both * math.sqrt(2 * right * (1 - right) / n)),
            Mistake("two_sided_level", 100 * (z.inv_cdf(0.975) + z.inv_cdf(0.80)) * math.sqrt(changed) / n),
        ],
    }


EXERCISE = Exercise(
    id="q3-paired-gate",
    kind=Kind.SIZE,
    title="The same cases, two versions",
    section="4.3",
    difficulty=2,
    minutes=9,
    points=5,
    draw=draw,
    prompt=prompt,
    hints=(
        "Cases on which both agree say nothing about the difference.",
        "A case that changes sides is the throw of a coin: add the binomial terms from the lost ones upwards.",
        "The level and the power have a quantile each; divide by all cases at the end.",
    ),
    asks=(
        Ask("fall_points", "percentage points", "fall of the accuracy"),
        Ask("p_value", "", "exact one-sided p"),
        Ask("found_points", "percentage points", "smallest fall that is found"),
    ),
    answers=answers,
    mistakes=mistakes,
)
