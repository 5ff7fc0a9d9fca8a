"""Cohen's kappa between two reviewers, with a bootstrap interval (J. Cohen 1960)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LEAST_PAIRS = 30  # below it a bootstrap draws the same few pairs again and looks surer than it is


@dataclass(frozen=True, slots=True)
class Agreement:
    """`n` pairs of verdicts, `observed`: the share that are equal, `kappa`: agreement beyond chance, 1 at most.

    `kappa` is None without pairs, or where both said one and the same verdict throughout (it is then undefined).
    `low`, `high`: 95 % limits; None where kappa is, and below LEAST_PAIRS pairs.
    """

    n: int
    observed: float
    kappa: float | None
    low: float | None = None
    high: float | None = None


def agreement_of(pairs: Sequence[tuple[str, str]], rounds: int = 2000, seed: int = 0) -> Agreement:
    """Agreement of two verdicts on each post; the limits are percentiles over `rounds` draws of the posts."""
    if not pairs:
        return Agreement(0, 0.0, None)
    import numpy as np

    names = {name: place for place, name in enumerate(sorted({name for pair in pairs for name in pair}))}
    k, n = len(names), len(pairs)
    cells = np.array([names[one] * k + names[other] for one, other in pairs])
    counts = np.bincount(cells, minlength=k * k)
    table = counts.reshape(k, k)
    observed, kappa = float(np.trace(table)) / n, float(_kappa(table))
    if math.isnan(kappa):
        return Agreement(n, observed, None)
    if n < LEAST_PAIRS:
        return Agreement(n, observed, kappa)
    drawn = _kappa(np.random.default_rng(seed).multinomial(n, counts / n, size=rounds).reshape(rounds, k, k))
    # A draw of one verdict only has no kappa; with 30 pairs that are not so themselves, few draws are.
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return Agreement(n, observed, kappa, float(low), float(high))


def _kappa(table: Any) -> Any:
    """Kappa = (po - pe) / (1 - pe) of tables [..., k, k] of counts; nan where the expected agreement pe is 1."""
    import numpy as np

    total = table.sum(axis=(-1, -2))
    observed = np.trace(table, axis1=-2, axis2=-1) / total
    expected = (table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1) / total**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected < 1 - 1e-12, (observed - expected) / (1 - expected), np.nan)
