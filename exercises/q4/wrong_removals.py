"""Size it: what two small error rates do at scale, to how many people, and what a removal is then worth."""

from __future__ import annotations

from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from reference.sizing.error_rates import precision_at, prevalence_for_precision, wrong_actions

MINUTES_PER_DAY = 24 * 60


def draw(random: Random) -> dict[str, object]:
    return {
        "posts_per_minute": random.choice([200_000, 500_000, 1_000_000, 2_000_000]),
        "prevalence": random.choice([0.0003, 0.0005, 0.001, 0.002]),
        "fpr": random.choice([0.0005, 0.001, 0.002, 0.003]),
        "fnr": random.choice([0.01, 0.05, 0.1, 0.2]),
        "wanted": random.choice([0.8, 0.9]),
    }


def prompt(p: Params) -> str:
    return f"""Of {p["posts_per_minute"]:,} posts a minute {100 * p["prevalence"]:g}% violate the rules. A filter
removes {100 * p["fpr"]:g}% of the posts that do not, and misses {100 * p["fnr"]:g}% of those that do.

- `wrongly_removed`: posts a day that are removed though they violate nothing.
- `missed`: posts a day that violate and stay.
- `precision_percent`: the share of the removed posts that violate, in %.
- `needed_percent`: the share of all posts that would have to violate for {p["wanted"]:.0%} of the removals to be
  right, at the same error rates, in %."""


def answers(p: Params) -> dict[str, float | str]:
    day = wrong_actions(p["posts_per_minute"] * MINUTES_PER_DAY, p["prevalence"], p["fpr"], p["fnr"])
    return {
        "wrongly_removed": day.removed_wrongly,
        "missed": day.missed,
        "precision_percent": 100 * precision_at(p["prevalence"], p["fpr"], p["fnr"]),
        "needed_percent": 100 * prevalence_for_precision(p["wanted"], p["fpr"], p["fnr"]),
    }


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    right = answers(p)
    posts = p["posts_per_minute"] * MINUTES_PER_DAY
    caught = p["prevalence"] * (1 - p["fnr"])
    return {
        "wrongly_removed": [
            Mistake("per_minute_for_day", float(right["wrongly_removed"]) / MINUTES_PER_DAY),
            Mistake("rate_of_violating", posts * p["prevalence"] * p["fpr"]),
        ],
        "missed": [
            Mistake("per_minute_for_day", float(right["missed"]) / MINUTES_PER_DAY),
            Mistake("rate_of_all_posts", posts * p["fnr"]),
        ],
        "precision_percent": [
            Mistake("base_rate_forgotten", 100 * (1 - p["fpr"])),
            Mistake("recall_for_precision", 100 * (1 - p["fnr"])),
            Mistake("odds_for_share", 100 * caught / (p["fpr"] * (1 - p["prevalence"]))),
        ],
        "needed_percent": [
            Mistake("odds_upside_down", 100 * prevalence_for_precision(1 - p["wanted"], p["fpr"], p["fnr"])),
            Mistake("odds_not_used", 100 * p["fpr"] / (1 - p["fnr"]) * p["wanted"]),
        ],
    }


EXERCISE = Exercise(
    id="q4-wrong-removals",
    kind=Kind.SIZE,
    title="Who is hit by one in a thousand",
    section="2.5",
    difficulty=2,
    minutes=8,
    points=6,
    draw=draw,
    prompt=prompt,
    hints=(
        "Of which posts is each rate a share: of all, of those that violate, of those that do not?",
        "Put a million posts into four boxes: violating or not, removed or not.",
        "Odds are easier than shares: those after a removal are those before it, times what the filter adds.",
    ),
    asks=(
        Ask("wrongly_removed", "posts", "wrong removals a day", tolerance=0.01),
        Ask("missed", "posts", "violating posts that stay, a day"),
        Ask("precision_percent", "%", "share of the removals that are right"),
        Ask("needed_percent", "%", "share of violating posts for the precision wanted"),
    ),
    answers=answers,
    mistakes=mistakes,
)
