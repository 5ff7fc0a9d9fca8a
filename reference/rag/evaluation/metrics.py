"""Retrieval metrics per question, and intervals by bootstrap over questions.

The metrics are ir_measures' (trec_eval's definitions); the intervals are percentile intervals of resampled means.
Differences are paired: both systems answer the same questions, so a question that is hard for both cancels out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

METRICS = ("nDCG@10", "RR@10", "R@20", "Success@1", "Success@5", "Success@20")


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval over `n` questions."""

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def per_question(
    rankings: Mapping[str, Sequence[str]],
    relevant: Mapping[str, AbstractSet[str]],
    metrics: Sequence[str] = METRICS,
) -> dict[str, dict[str, float]]:
    """{metric: {question id: value}}.

    Args:
        rankings: question id -> ids of what was found, best first. A question of `relevant` without a ranking scores 0.
        relevant: question id -> ids of what answers it; none may be empty.

    Raises:
        ValueError: a question without a relevant item, a ranking for an unknown question, an item ranked twice.
    """
    import ir_measures

    if empty := sorted(q for q, ids in relevant.items() if not ids):
        raise ValueError(f"no relevant item for question {empty[0]!r}: drop it, every metric of it would be 0")
    if unknown := sorted(set(rankings) - set(relevant)):
        raise ValueError(f"ranking for {unknown[0]!r}, which is no question of this set")
    run: dict[str, dict[str, float]] = {}
    for question, ids in rankings.items():
        if len(set(ids)) != len(ids):
            raise ValueError(f"question {question!r}: an item is ranked twice")
        # Scores only carry the order; strictly falling, so that no tie is broken by id.
        run[question] = {item: float(len(ids) - place) for place, item in enumerate(ids)}
    measures = {str(ir_measures.parse_measure(name)): name for name in metrics}
    # A question for which nothing was found has no line in the run: trec_eval would leave it out of the mean.
    values: dict[str, dict[str, float]] = {name: dict.fromkeys(relevant, 0.0) for name in metrics}
    judged = {q: dict.fromkeys(ids, 1) for q, ids in relevant.items()}
    for row in ir_measures.iter_calc([ir_measures.parse_measure(name) for name in metrics], judged, run):
        values[measures[str(row.measure)]][row.query_id] = float(row.value)
    return values


def mean_interval(
    values: Mapping[str, float],
    resamples: int = 2000,
    seed: int = 7,
    groups: Mapping[str, str] | None = None,
) -> Interval:
    """Mean over questions with its 95 % percentile-bootstrap interval; ValueError for no question.

    groups: question -> what it was drawn with, e.g. its document. Questions of one document are alike, so whole
    documents are resampled then (cluster bootstrap); without, the interval is too narrow for such sets.
    """
    import numpy as np

    if not values:
        raise ValueError("no question: there is nothing to average")
    names = sorted(values)
    data = np.array([values[q] for q in names])
    means = _resampled_means(data, resamples, seed, _labels(names, groups))
    return Interval(float(data.mean()), float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975)), len(data))


def paired_difference(
    better: Mapping[str, float],
    base: Mapping[str, float],
    resamples: int = 2000,
    seed: int = 7,
    groups: Mapping[str, str] | None = None,
) -> Interval:
    """Mean of better - base over the same questions, with its 95 % interval: zero outside it is a difference."""
    import numpy as np

    if set(better) != set(base):
        raise ValueError("paired difference: both systems must answer the same questions")
    names = sorted(better)
    data = np.array([better[q] - base[q] for q in names])
    means = _resampled_means(data, resamples, seed, _labels(names, groups))
    return Interval(float(data.mean()), float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975)), len(data))


def _labels(names: Sequence[str], groups: Mapping[str, str] | None) -> list[str] | None:
    if groups is None:
        return None
    if missing := [name for name in names if name not in groups]:
        raise ValueError(f"question {missing[0]!r} has no group")
    return [groups[name] for name in names]


def _resampled_means(data: Any, resamples: int, seed: int, labels: Sequence[str] | None) -> Any:
    """Means of `resamples` draws with replacement, of values or of whole groups of them, shape [resamples]."""
    import numpy as np

    random = np.random.default_rng(seed)
    if labels is None:
        return np.array([data[random.integers(0, len(data), len(data))].mean() for _ in range(resamples)])
    _, place = np.unique(np.asarray(labels), return_inverse=True)
    sums, sizes = np.bincount(place, weights=data), np.bincount(place)
    drawn = random.integers(0, len(sums), (resamples, len(sums)))
    return sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
