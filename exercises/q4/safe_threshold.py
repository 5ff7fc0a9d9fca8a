"""Build it: the lowest threshold of automatic removal whose exact bound on the false positive rate still holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any

from exercises.model import Build, Case, Exercise, Kind, Params, Wrong
from reference.moderation.evaluation.escalation import Band, outcome
from reference.moderation.evaluation.rates import upper_bound

Found = list[float] | None


def draw(random: Random) -> dict[str, object]:
    limit = random.choice([0.02, 0.025, 0.03, 0.04, 0.05])
    # The rule of three shows the limit without an error; with two to three times as many some errors are tolerated.
    return {"limit": limit, "clean_posts": random.randrange(int(7.2 / limit), int(9.3 / limit))}


def prompt(p: Params) -> str:
    return f"""A post whose score is at least the threshold is removed without a person. Write `safe_threshold(scores,
violating, thresholds, limit)`, which chooses the threshold on labelled posts: of the given `thresholds` the lowest for
which the exact one-sided 95% upper bound of the false positive rate is at most `limit`. Your platform promises
{100 * p["limit"]:g}% and has labelled some {p["clean_posts"]} posts that do not violate.

The false positive rate is the share of the posts that do not violate and are removed. With k of n such posts removed,
the exact bound is the rate at which k or fewer of n would come with a probability of exactly 5%; it is 1 if k = n.
Return `[threshold, k, bound, caught]`, where `caught` is the share of the violating posts that are removed, or `None`
if no threshold qualifies: too few posts may leave every bound too high. The standard library is enough; results are
compared to six digits."""


STUB = '''def safe_threshold(
    scores: list[float], violating: list[bool], thresholds: list[float], limit: float
) -> list[float] | None:
    """[threshold, k, bound, caught] for the lowest threshold whose bound is at most `limit`; None if there is none.

    scores, violating: one per post, in the same order; posts of both sorts are there, up to 600 in all, and scores may
    be equal to each other and to a threshold. thresholds: in no particular order, at least one.
    k: posts that do not violate with a score of at least the threshold. bound: exact, one-sided, 95%; 1.0 if k is the
    number of all posts that do not violate. caught: share of the violating posts with such a score, 0.0 to 1.0.
    """
    raise NotImplementedError
'''


def _lowest(
    scores: list[float], violating: list[bool], thresholds: list[float], limit: float,
    row: Callable[[float], tuple[int, float, float]],
) -> Found:  # fmt: skip
    """The first threshold, from the lowest, whose row (k, bound, caught) has a bound of at most the limit."""
    for threshold in sorted(thresholds):
        k, bound, caught = row(threshold)
        if bound <= limit:
            return [threshold, k, bound, caught]
    return None


def reference(scores: list[float], violating: list[bool], thresholds: list[float], limit: float) -> Found:
    def row(threshold: float) -> tuple[int, float, float]:
        # An empty band: nobody is asked, from the threshold on a post is removed.
        found = outcome(scores, violating, Band(threshold, threshold))
        return found.wrongly_rejected, found.fpr_upper, 1 - found.fnr

    return _lowest(scores, violating, thresholds, limit, row)


def _counts(scores: list[float], violating: list[bool], removed: Callable[[float], bool]) -> tuple[int, int, float]:
    """(k, n, caught): removed posts that do not violate, all that do not, share removed of those that do."""
    rows = list(zip(scores, violating, strict=True))
    bad = sum(violating)
    k = sum(removed(score) for score, wrong in rows if not wrong)
    return k, len(rows) - bad, sum(removed(score) for score, wrong in rows if wrong) / bad


def point_for_bound(scores: list[float], violating: list[bool], thresholds: list[float], limit: float) -> Found:
    def row(threshold: float) -> tuple[int, float, float]:
        k, n, caught = _counts(scores, violating, lambda score: score >= threshold)
        return k, k / n, caught

    return _lowest(scores, violating, thresholds, limit, row)


def normal_bound(scores: list[float], violating: list[bool], thresholds: list[float], limit: float) -> Found:
    def row(threshold: float) -> tuple[int, float, float]:
        k, n, caught = _counts(scores, violating, lambda score: score >= threshold)
        share = k / n
        return k, share + 1.6448536269514722 * math.sqrt(share * (1 - share) / n), caught

    return _lowest(scores, violating, thresholds, limit, row)


def two_sided_level(scores: list[float], violating: list[bool], thresholds: list[float], limit: float) -> Found:
    def row(threshold: float) -> tuple[int, float, float]:
        k, n, caught = _counts(scores, violating, lambda score: score >= threshold)
        return k, upper_bound(k, n, 0.975), caught

    return _lowest(scores, violating, thresholds, limit, row)


def of_all_posts(scores: list[float], violating: list[bool], thresholds: list[float], limit: float) -> Found:
    def row(threshold: float) -> tuple[int, float, float]:
        k, _, caught = _counts(scores, violating, lambda score: score >= threshold)
        return k, upper_bound(k, len(scores)), caught

    return _lowest(scores, violating, thresholds, limit, row)


def threshold_left_out(scores: list[float], violating: list[bool], thresholds: list[float], limit: float) -> Found:
    def row(threshold: float) -> tuple[int, float, float]:
        k, n, caught = _counts(scores, violating, lambda score: score > threshold)
        return k, upper_bound(k, n), caught

    return _lowest(scores, violating, thresholds, limit, row)


def cases(p: Params, random: Random) -> list[Case]:
    limit, size = float(p["limit"]), int(p["clean_posts"])
    enough = math.ceil(3 / limit)

    def posts(clean: int, bad: int, digits: int) -> dict[str, Any]:
        rows = [(random.betavariate(1.5, 6), False) for _ in range(clean)]
        rows += [(random.betavariate(5, 2), True) for _ in range(bad)]
        random.shuffle(rows)
        return {"scores": [round(score, digits) for score, _ in rows], "violating": [wrong for _, wrong in rows]}

    def case(group: str, clean: int, bad: int, steps: int = 100, digits: int = 4, **other: Any) -> Case:
        thresholds = [round(k / steps, 4) for k in range(3 * steps // 10, steps)]
        return Case(group, posts(clean, bad, digits) | {"thresholds": thresholds, "limit": limit} | other)

    usual, ties, order, few = "a usual set", "scores equal to a threshold", "thresholds as they come", "too few posts"
    mixed = [round(random.uniform(0.35, 0.95), 3) for _ in range(12)]
    found = [case(usual, size + random.randrange(9), random.randrange(40, 90)) for _ in range(5)]
    found += [case(ties, size, random.randrange(40, 90), steps=10, digits=1) for _ in range(3)]
    found += [case(order, size, random.randrange(20, 60), thresholds=random.sample(mixed, k)) for k in (12, 7)]
    found.append(case(order, size, 30, thresholds=[1.5, 0.99, round(random.uniform(0.3, 0.6), 3)]))
    found += [case(few, random.randrange(enough // 4, enough // 2), 30) for _ in range(2)]
    found.append(case(few, enough + 4, 30, thresholds=[0.05, round(random.uniform(0.06, 0.1), 3)]))
    return found


EXERCISE = Exercise(
    id="q4-safe-threshold",
    kind=Kind.BUILD,
    title="The lowest threshold that keeps the promise",
    section="4.5",
    difficulty=3,
    minutes=25,
    points=8,
    draw=draw,
    prompt=prompt,
    hints=(
        "First a function `bound(k, n)`: the sum of the binomial terms for 0 to k falls as the rate rises.",
        "Halve the interval from k / n to 1 some sixty times; `math.comb` gives the terms.",
        "n counts only posts that do not violate; the violating ones enter `caught` alone.",
        "A higher threshold removes fewer posts, so its bound is no higher: start at the lowest.",
    ),
    build=Build(
        name="safe_threshold",
        stub=STUB,
        reference=reference,
        wrong=(
            Wrong("point_for_bound", point_for_bound),
            Wrong("normal_bound", normal_bound),
            Wrong("two_sided_level", two_sided_level),
            Wrong("of_all_posts", of_all_posts),
            Wrong("threshold_left_out", threshold_left_out),
        ),
        cases=cases,
        tolerance=1e-6,
    ),
)
