"""Whether a probability means what it says: reliability by bins and the expected calibration error with an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reference.moderation.types import ModerationError


@dataclass(frozen=True)
class Reliability:
    """`bins`: (mean score, share that violates, rows) of equally filled bins; `ece`: mean gap, weighted by rows."""

    bins: tuple[tuple[float, float, int], ...]
    ece: float
    low: float
    high: float


def reliability(scores: Any, truth: Any, bins: int = 15, rounds: int = 300, seed: int = 0) -> Reliability:
    """95 % percentile interval by drawing rows again; the error is biased upwards for few rows, as every binned one."""
    import numpy as np

    scores, truth = np.asarray(scores, dtype=float), np.asarray(truth, dtype=float)
    if scores.shape != truth.shape or not len(scores):
        raise ModerationError(f"{scores.shape} scores for {truth.shape} labels: one each, and at least one")
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, bins + 1)[1:-1]))
    place = np.searchsorted(edges, scores, side="right")

    def sums(rows: Any) -> tuple[Any, Any, Any]:
        size = len(edges) + 1
        return tuple(np.bincount(place[rows], weights=w, minlength=size) for w in (None, scores[rows], truth[rows]))  # type: ignore[return-value]

    def error(rows: Any) -> float:
        _, said, true = sums(rows)
        return float(np.abs(said - true).sum() / len(rows))

    everything = np.arange(len(scores))
    count, said, true = sums(everything)
    rng = np.random.default_rng(seed)
    drawn = [error(rng.integers(0, len(scores), len(scores))) for _ in range(rounds)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    shown = tuple((float(s / n), float(t / n), int(n)) for n, s, t in zip(count, said, true, strict=True) if n)
    return Reliability(shown, error(everything), float(low), float(high))
