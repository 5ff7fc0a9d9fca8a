"""Whole pipelines compared on one question set: quality with intervals, and time per query, in one run.

    rows = compare({"BM25": bm25, "dense": dense, "hybrid": hybrid}, questions, relevant)

A pipeline is a function from one query to the ids of what it found, best first.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from statistics import median
from typing import Any

from .metrics import METRICS, Interval, mean_interval, paired_difference, per_question

Pipeline = Callable[[str], Sequence[str]]


@dataclass(frozen=True)
class Row:
    """One pipeline.

    Attributes:
        metrics: metric -> mean with its 95 % interval.
        base: pipeline that it is compared with, empty for none.
        gain: paired difference in nDCG@10 to `base`; None where there is none.
        ms: median milliseconds per query, one query at a time; p95_ms the 95th percentile.
        values: metric -> question id -> value, for further comparisons.
    """

    name: str
    metrics: dict[str, Interval]
    base: str
    gain: Interval | None
    ms: float
    p95_ms: float
    values: dict[str, dict[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """Means and intervals as JSON holds them; single questions are left out."""
        intervals = {name: [i.mean, i.low, i.high] for name, i in self.metrics.items()}
        gain = None if self.gain is None else [self.gain.mean, self.gain.low, self.gain.high]
        return {"name": self.name, "n": next(iter(self.metrics.values())).n, "metrics": intervals, "base": self.base,
                "gain": gain, "ms": self.ms, "p95_ms": self.p95_ms}  # fmt: skip


def compare(
    pipelines: Mapping[str, Pipeline],
    queries: Mapping[str, str],
    relevant: Mapping[str, AbstractSet[str]],
    metrics: Sequence[str] = METRICS,
    warm_up: int = 3,
    bases: Mapping[str, str] | None = None,
    groups: Mapping[str, str] | None = None,
) -> list[Row]:
    """One row per pipeline, in their order. The pipelines take turns, so that a slow moment hits all of them alike.

    Args:
        queries: question id -> text.
        relevant: question id -> ids that answer it; the same questions as `queries`.
        warm_up: queries that run before the clock does (lazy loading must not count as search).
        bases: pipeline -> the one that it is compared with; by default the one before it.
        groups: question -> its document, for intervals that know that questions of one document are alike.

    Raises:
        ValueError: no question, or questions and relevance differ.
    """
    if not queries or set(queries) != set(relevant):
        raise ValueError(f"{len(queries)} queries, {len(relevant)} questions with known answers: they must be the same")
    names = list(pipelines)
    before = {name: other for other, name in itertools.pairwise(names)} | dict(bases or {})
    if unknown := {*before, *before.values()} - set(names):
        raise ValueError(f"no pipeline {sorted(unknown)[0]!r}; there are {', '.join(names)}")
    for text in list(queries.values())[:warm_up]:
        for pipeline in pipelines.values():
            pipeline(text)
    rankings: dict[str, dict[str, list[str]]] = {name: {} for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number, (question, text) in enumerate(queries.items()):
        for step in range(len(names)):
            name = names[(number + step) % len(names)]
            begun = time.perf_counter()
            rankings[name][question] = list(pipelines[name](text))
            seconds[name].append(time.perf_counter() - begun)
    values = {name: per_question(rankings[name], relevant, metrics) for name in names}
    rows = []
    for name in names:
        base = before.get(name, "")
        gain = paired_difference(values[name]["nDCG@10"], values[base]["nDCG@10"], groups=groups) if base else None
        ordered = sorted(seconds[name])
        means = {metric: mean_interval(found, groups=groups) for metric, found in values[name].items()}
        rows.append(Row(name, means, base, gain, median(ordered) * 1000,
                        ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))] * 1000, values[name]))  # fmt: skip
    return rows
