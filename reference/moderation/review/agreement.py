"""Cohen's kappa of the doubly reviewed posts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """`n` pairs, the share that agree, and Cohen's kappa: agreement beyond what the two margins give by chance.

    `kappa` is None without pairs, or where both said one and the same label throughout (it is then undefined).
    `low`, `high`: 95 % limits from the large-sample standard error, None below 30 pairs.
    """

    n: int
    agree: float
    kappa: float | None
    low: float | None = None
    high: float | None = None


def agreement_of(pairs: Sequence[tuple[str, str]]) -> Agreement:
    """Kappa = (po - pe) / (1 - pe), Cohen 1960; its standard error sqrt(po (1 - po) / n) / (1 - pe)."""
    n = len(pairs)
    if not n:
        return Agreement(0, 0.0, None)
    observed = sum(one == other for one, other in pairs) / n
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    expected = sum(first[label] * second[label] for label in first) / n**2
    if 1 - expected < 1e-12:
        return Agreement(n, observed, None)
    kappa = (observed - expected) / (1 - expected)
    if n < 30:
        return Agreement(n, observed, kappa)
    error = 1.96 * math.sqrt(observed * (1 - observed) / n) / (1 - expected)
    return Agreement(n, observed, kappa, max(-1.0, kappa - error), min(1.0, kappa + error))
