"""Find the mistake: from a test set to a promise about a day, in four steps, one of which is wrong."""

from __future__ import annotations

import math
from random import Random

from exercises.model import Ask, Exercise, Kind, Mistake, Params
from exercises.steps import first_wrong, other_steps
from reference.sizing.error_rates import precision_at, rate_upper_bound, wrong_actions

STEPS = ("1", "2", "3", "4")


def draw(random: Random) -> dict[str, object]:
    given = {
        "clean": random.choice([2_000, 3_000, 5_000, 8_000]),
        "violating": random.choice([1_000, 1_500, 2_500]),
        "errors": random.choice([2, 3, 4, 5]),
        "posts_per_day": random.choice([20_000_000, 60_000_000, 150_000_000]),
        "prevalence": random.choice([0.001, 0.002, 0.005]),
        "recall": random.choice([0.8, 0.9, 0.95]),
    }
    return {**given, **_said(given, broken=random.choice(STEPS))}


def _normal_bound(share: float, n: int) -> float:
    return share + 1.645 * math.sqrt(share * (1 - share) / n)


def _said(p: Params, broken: str) -> dict[str, object]:
    """What is said, with one step broken: the lines, and the number that ends each (shares as fractions)."""
    n = p["clean"] + (p["violating"] if broken == "1" else 0)
    seen = p["errors"] / n
    bound = _normal_bound(seen, n) if broken == "2" else rate_upper_bound(p["errors"], n)
    rate = seen if broken == "3" else bound
    removed = wrong_actions(p["posts_per_day"], p["prevalence"], rate, 1 - p["recall"]).removed_wrongly
    right = p["posts_per_day"] * p["prevalence"] * p["recall"]
    precision = (1 - bound) if broken == "4" else right / (right + removed)
    how = "plus 1.645 standard errors of the share" if broken == "2" else "by the exact binomial bound"
    which = "At the rate that was seen" if broken == "3" else "At that bound"
    what = (
        f"Since at most {bound:.3%} is removed wrongly, at least {precision:.2%} of the removals are right."
        if broken == "4"
        else f"With the violating posts that are caught, at least {precision:.2%} of the removals are right."
    )
    return {
        "lines": [
            f"{p['errors']} posts of {n:,} were flagged wrongly: {seen:.4%}.",
            f"With 95% confidence, {how}, the rate is at most {bound:.4%}.",
            f"{which} no more than {removed:,.0f} posts a day are removed wrongly.",
            what,
        ],
        "said": [seen, bound, removed, precision],
    }


def prompt(p: Params) -> str:
    steps = "\n".join(f"{number}. {line}" for number, line in enumerate(p["lines"], 1))
    return f"""A filter was tested on {p["clean"]:,} posts that violate nothing and {p["violating"]:,} that do, drawn
like the traffic of each kind. {p["errors"]} of the first were flagged, and {p["recall"]:.0%} of the second are taken
as caught. Of {p["posts_per_day"]:,} posts a day {100 * p["prevalence"]:g}% violate. A colleague wants to promise, at
95% (one-sided, exact), how many posts are removed wrongly and how many of the removals are right:

{steps}

`said` holds the number that ends each line, unrounded, shares as fractions. One step is wrong; those after it only
carry it on.

- `wrong_step`: `"1"`, `"2"`, `"3"` or `"4"`.
- `removed_wrongly`: the most posts a day that are removed wrongly, at that bound.
- `precision_percent`: the least share of the removals that are right, at that bound, in %."""


def _seen(p: Params) -> tuple[int, int]:
    return p["errors"], p["clean"]


def answers(p: Params) -> dict[str, float | str]:
    errors, clean = _seen(p)
    miss = 1 - p["recall"]
    bound = rate_upper_bound(errors, clean)
    seen_said, bound_said, removed_said = p["said"][:3]
    # Each step from the line above: the bound from the share that was said, hence from its number of posts.
    posts = round(errors / seen_said)
    caught = p["posts_per_day"] * p["prevalence"] * p["recall"]
    redone = (
        errors / clean,
        rate_upper_bound(errors, posts),
        wrong_actions(p["posts_per_day"], p["prevalence"], bound_said, miss).removed_wrongly,
        caught / (caught + removed_said),
    )
    wrong = first_wrong(STEPS, redone, p["said"])
    return {
        "wrong_step": wrong,
        "removed_wrongly": wrong_actions(p["posts_per_day"], p["prevalence"], bound, miss).removed_wrongly,
        "precision_percent": 100 * precision_at(p["prevalence"], bound, miss),
    }


def mistakes(p: Params) -> dict[str, list[Mistake]]:
    right = answers(p)
    errors, clean = _seen(p)
    step, miss = right["wrong_step"], 1 - p["recall"]
    point, normal = errors / clean, _normal_bound(errors / clean, clean)

    def removed(rate: float) -> float:
        return wrong_actions(p["posts_per_day"], p["prevalence"], rate, miss).removed_wrongly

    def share(rate: float) -> float:
        return 100 * precision_at(p["prevalence"], rate, miss)

    many, few = [], []
    if step != "3":  # there the one who made the mistake says so already
        many.append(Mistake("point_for_bound", removed(point)))
        few.append(Mistake("point_for_bound", share(point)))
    if step != "2":
        many.append(Mistake("normal_bound", removed(normal)))
        few.append(Mistake("normal_bound", share(normal)))
    if step != "4":
        many.append(Mistake("carried_mistake", p["said"][2]))
        few.append(Mistake("base_rate_forgotten", 100 * (1 - rate_upper_bound(errors, clean))))
    few.append(Mistake("carried_mistake", 100 * p["said"][3]))
    return {
        "wrong_step": other_steps(STEPS, step),
        "removed_wrongly": many,
        "precision_percent": few,
    }


EXERCISE = Exercise(
    id="q4-claim-review",
    kind=Kind.FIND,
    title="What a test set lets you promise",
    section="2.5",
    difficulty=3,
    minutes=10,
    points=5,
    draw=draw,
    prompt=prompt,
    hints=(
        "Which of the tested posts could be flagged wrongly at all?",
        "A handful of events is not distributed normally, and what was seen is not what may be.",
        "A bound on one rate is not a bound on another: of which posts is each a share?",
    ),
    asks=(
        Ask("wrong_step", "", "the wrong step", choices=STEPS),
        Ask("removed_wrongly", "posts", "most wrong removals a day"),
        Ask("precision_percent", "%", "least share of the removals that are right", tolerance=0.01),
    ),
    answers=answers,
    mistakes=mistakes,
)
