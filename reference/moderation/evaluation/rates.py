"""Exact binomial bounds, and when a rate may be claimed at all.

C. J. Clopper and E. S. Pearson, Biometrika 26 (1934). Rows are taken as independent draws; rows of one template are
not, and `by_template` gives a bound that does not count them so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reference.moderation.types import ModerationError
from reference.sizing.error_rates import rate_upper_bound, sample_for_bound, wrong_actions
from reference.sizing.intervals import exact_interval

CONFIDENCE = 0.95


def _check(errors: int, n: int, confidence: float) -> None:
    if n < 0 or not 0 <= errors <= n:
        raise ModerationError(f"errors={errors}, n={n}: need 0 <= errors <= n")
    if not 0 < confidence < 1:
        raise ModerationError(f"confidence={confidence}: a share between 0 and 1")


def upper_bound(errors: int, n: int, confidence: float = CONFIDENCE) -> float:
    """One-sided exact upper bound of the rate; 1.0 where n is 0."""
    _check(errors, n, confidence)
    return rate_upper_bound(int(errors), int(n), confidence) if n else 1.0


def lower_bound(errors: int, n: int, confidence: float = CONFIDENCE) -> float:
    """One-sided exact lower bound of the rate."""
    return 0.0 if n == 0 else 1.0 - upper_bound(n - errors, n, confidence)


def interval(errors: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Two-sided exact interval: half of the doubt on either side."""
    _check(errors, n, confidence)
    return exact_interval(int(errors), int(n), confidence)


def rows_needed(rate: float, errors: int = 0, confidence: float = CONFIDENCE) -> int:
    """Fewest rows with `errors` errors whose upper bound is below `rate`; none: about ln(1 - c) / ln(1 - rate)."""
    if not 0 < rate < 1:
        raise ModerationError(f"rate={rate}: a share between 0 and 1")
    _check(errors, errors, confidence)
    return sample_for_bound(rate, int(errors), confidence)


@dataclass(frozen=True)
class Claim:
    """What the rows say about "the rate is below `limit`".

    Attributes:
        verdict: shown (the upper bound is below the limit), refuted (the lower bound is above it), or not enough data.
        needed: rows that would show it, were there no more errors than those seen.
    """

    limit: float
    errors: int
    n: int
    lower: float
    upper: float
    verdict: str
    needed: int

    def __str__(self) -> str:
        share = f"{self.errors} of {self.n:,}, at most {self.upper:.3%} (95 %)"
        if self.verdict == "not enough data":
            return f"< {self.limit:.3g}: not enough data ({share}): needs {self.needed:,} rows"
        return f"< {self.limit:.3g}: {self.verdict} ({share})"


def claim_rate(relation: str, limit: float, errors: int, n: int, confidence: float = CONFIDENCE) -> Claim:
    """Judge the claim "rate `relation` `limit`" from `errors` in `n` rows. Only "<" can be claimed from a sample."""
    if relation != "<":
        raise ModerationError(f"relation={relation!r}: only '<' can be shown by an upper bound")
    _check(errors, n, confidence)
    least = rows_needed(limit, 0, confidence)
    lower, upper = lower_bound(errors, n, confidence), upper_bound(errors, n, confidence)
    if n >= least and upper <= limit:
        verdict = "shown"
    elif lower > limit:
        verdict = "refuted"
    else:
        verdict = "not enough data"
    needed = rows_needed(limit, errors, confidence)
    return Claim(limit, errors, n, lower, upper, verdict, needed)


def precision(fpr: float, recall: float, prevalence: float) -> float:
    """Share of the flagged posts that violate (Bayes' rule); nan where nothing is flagged."""
    for name, value in (("fpr", fpr), ("recall", recall), ("prevalence", prevalence)):
        if not 0 <= value <= 1:
            raise ModerationError(f"{name}={value}: a share between 0 and 1")
    found = wrong_actions(1.0, prevalence, fpr, 1 - recall)
    return found.precision if found.removed else math.nan


def by_template(
    wrong: Sequence[bool], templates: Sequence[str], rounds: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of the error rate over new templates: bootstrap of whole templates, rows of one stay together.

    With no error at all a bootstrap sees none either, so that its upper end is then the exact bound for so many
    templates, each counted once.
    """
    import numpy as np

    if len(wrong) != len(templates):
        raise ModerationError(f"{len(wrong)} results for {len(templates)} templates: one each is needed")
    names = {name: k for k, name in enumerate(sorted(set(templates)))}
    if not any(wrong):
        return 0.0, upper_bound(0, len(names))
    index = np.array([names[name] for name in templates])
    bad = np.bincount(index, weights=np.asarray(wrong, dtype=float), minlength=len(names))
    size = np.bincount(index, minlength=len(names)).astype(float)
    drawn = np.random.default_rng(seed).integers(0, len(names), (rounds, len(names)))
    rates = bad[drawn].sum(axis=1) / size[drawn].sum(axis=1)
    return float(np.quantile(rates, 0.025)), float(np.quantile(rates, 0.975))
