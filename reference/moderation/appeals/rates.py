"""Overturn rates with exact bounds, in all and per rule and model version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from reference.moderation.evaluation.rates import interval

from .types import Label, OverturnRate, Result


def overturn_rate(overturned: int, n: int, confidence: float = 0.95) -> OverturnRate:
    """With the exact two-sided interval, (0, 1) without data. ModerationError for counts that cannot be."""
    return OverturnRate(overturned, n, *interval(overturned, n, confidence))


def rates_by_cause(labels: Iterable[Label]) -> dict[str, OverturnRate]:
    """Per `rule ID` and per `NAME VERSION` of every model that took part, the worst lower bound first.

    A decision counts for each of its causes, so the counts do not add up to the number of appeals.
    """
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for label in labels:
        causes = {f"rule {rule}" for rule in label.rules}
        causes |= {f"{name} {version}" for name, version in label.versions.items() if name != "reviewers"}
        for cause in causes:
            counts[cause][0] += label.result is not Result.UPHELD
            counts[cause][1] += 1
    made = {cause: overturn_rate(*pair) for cause, pair in counts.items()}
    return dict(sorted(made.items(), key=lambda one: (-one[1].low, -one[1].rate, one[0])))


def suspects(labels: Iterable[Label], above: float = 0.3) -> dict[str, OverturnRate]:
    """The causes whose overturn rate is above `above` with 95 % confidence: rules and models to look at first."""
    return {cause: rate for cause, rate in rates_by_cause(labels).items() if rate.low > above}
