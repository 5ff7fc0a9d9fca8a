"""Cohen's kappa between two reviewers, with a bootstrap interval (J. Cohen 1960)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reference.moderation.types import ModerationError


@dataclass(frozen=True)
class Agreement:
    """`observed`: share of equal verdicts; `kappa`: beyond chance, 1 at most; nan where chance alone explains all."""

    n: int
    observed: float
    kappa: float
    low: float
    high: float


def _kappa(table: Any) -> Any:
    """Kappa of tables [..., k, k] of counts; nan where the expected agreement is 1."""
    import numpy as np

    total = table.sum(axis=(-1, -2))
    observed = np.trace(table, axis1=-2, axis2=-1) / total
    expected = (table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1) / total**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected < 1 - 1e-12, (observed - expected) / (1 - expected), np.nan)


def cohen_kappa(first: Sequence[str], second: Sequence[str], rounds: int = 2000, seed: int = 0) -> Agreement:
    """Agreement of two verdicts on the same posts; 95 % percentile interval by drawing posts again.

    ModerationError for lists of different length, or without a post.
    """
    import numpy as np

    if len(first) != len(second):
        raise ModerationError(f"{len(first)} and {len(second)} verdicts: both lists are about the same posts")
    if not first:
        raise ModerationError("no post was reviewed twice; agreement needs some")
    names = {name: k for k, name in enumerate(sorted({*first, *second}))}
    k, n = len(names), len(first)
    cells = np.array([names[a] * k + names[b] for a, b in zip(first, second, strict=True)])
    counts = np.bincount(cells, minlength=k * k)
    drawn = np.random.default_rng(seed).multinomial(n, counts / n, size=rounds).reshape(rounds, k, k)
    kappa = float(_kappa(counts.reshape(k, k)))
    spread = _kappa(drawn)
    spread = spread[~np.isnan(spread)]
    low, high = np.quantile(spread, (0.025, 0.975)) if len(spread) and not math.isnan(kappa) else (math.nan, math.nan)
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    return Agreement(n, observed, kappa, float(low), float(high))
