"""What error rates mean: precision by prevalence, wrong actions, exact bounds, and the sample a claim needs.

Plain floats: rates and shares as fractions from 0 to 1. False positive rate (FPR): share of the clean posts that are
removed. False negative rate (FNR): share of the violating posts that stay. Prevalence: share of all posts that violate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


def _fraction(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must lie between 0 and 1, got {value!r}")


@dataclass(frozen=True)
class WrongActions:
    """Posts, or posts per time, as the figure they were computed from: removed rightly, removed wrongly, missed."""

    removed_rightly: float
    removed_wrongly: float
    missed: float

    @property
    def removed(self) -> float:
        return self.removed_rightly + self.removed_wrongly

    @property
    def precision(self) -> float:
        """Share of the removed posts that violate. Raises ValueError if nothing is removed."""
        if not self.removed:
            raise ValueError("nothing is removed, so precision does not exist")
        return self.removed_rightly / self.removed


def wrong_actions(posts: float, prevalence: float, fpr: float, fnr: float) -> WrongActions:
    """Actions on `posts` (a count or a rate) of which `prevalence` violate. Raises ValueError for senseless shares."""
    _fraction(prevalence=prevalence, fpr=fpr, fnr=fnr)
    if posts < 0:
        raise ValueError(f"posts must not be negative, got {posts!r}")
    bad = posts * prevalence
    return WrongActions(bad * (1 - fnr), (posts - bad) * fpr, bad * fnr)


def precision_at(prevalence: float, fpr: float, fnr: float) -> float:
    """Share of the removed posts that violate, by Bayes' rule."""
    return wrong_actions(1.0, prevalence, fpr, fnr).precision


def prevalence_for_precision(precision: float, fpr: float, fnr: float) -> float:
    """Prevalence at which `precision` is reached: odds of (fpr / recall) x precision / (1 - precision)."""
    _fraction(precision=precision, fpr=fpr, fnr=fnr)
    if precision == 1 or fnr == 1:
        raise ValueError("precision 1 is reached at no prevalence, and with fnr 1 nothing is caught")
    odds = fpr / (1 - fnr) * precision / (1 - precision)
    return odds / (1 + odds)


def rate_upper_bound(errors: int, n: int, confidence: float = 0.95) -> float:
    """Exact one-sided upper bound of an error rate after `errors` in `n` independent trials (Clopper and Pearson).

    The rate at which so few errors, or fewer, would come with probability 1 - confidence. 1 if every trial failed.
    Raises ValueError for counts that cannot be.
    """
    for name, value in (("errors", errors), ("n", n)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ValueError(f"{name} must be a whole number, not negative, got {value!r}")
    if n < 1 or errors > n:
        raise ValueError(f"n must be at least 1 and errors at most n, got {errors} in {n}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence!r}")
    if errors == n:
        return 1.0
    from scipy.special import betaincinv

    # P(X <= errors) of a binomial of rate p is 1 - I_p(errors + 1, n - errors), so the bound is a quantile of a beta.
    return float(betaincinv(errors + 1, n - errors, confidence))


def sample_for_bound(limit: float, errors: int = 0, confidence: float = 0.95) -> int:
    """Fewest independent trials after which `errors` errors still bound the rate below `limit`.

    Without errors it is ln(1 - confidence) / ln(1 - limit), about 3 / limit.
    """
    if not 0 < limit < 1:
        raise ValueError(f"limit must lie between 0 and 1, got {limit!r}")
    low = errors
    high = max(errors + 1, math.ceil(-math.log(1 - confidence) / limit))
    while rate_upper_bound(errors, high, confidence) >= limit:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if middle > 0 and rate_upper_bound(errors, middle, confidence) < limit:
            high = middle
        else:
            low = middle
    return high
