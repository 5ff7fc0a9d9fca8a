"""Whole pipelines compared on one question set: quality with intervals, and time per query, in one run.

    rows = compare({"BM25": bm25, "dense": dense, "hybrid": hybrid}, questions, relevant)

A pipeline is a function from one query to the ids of what it found, best first.
"""

from __future__ import annotations

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
        gain: paired difference in nDCG@10 to the pipeline before it; None for the first.
        ms: median milliseconds per query, one query at a time; p95_ms the 95th percentile.
        values: metric -> question id -> value, for further comparisons.
    """

    name: str
    metrics: dict[str, Interval]
    gain: Interval | None
    ms: float
    p95_ms: float
    values: dict[str, dict[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """Means and intervals as JSON holds them; single questions are left out."""
        intervals = {name: [i.mean, i.low, i.high] for name, i in self.metrics.items()}
        gain = None if self.gain is None else [self.gain.mean, self.gain.low, self.gain.high]
        return {"name": self.name, "n": next(iter(self.metrics.values())).n, "metrics": intervals, "gain": gain,
                "ms": self.ms, "p95_ms": self.p95_ms}  # fmt: skip


def compare(
    pipelines: Mapping[str, Pipeline],
    queries: Mapping[str, str],
    relevant: Mapping[str, AbstractSet[str]],
    metrics: Sequence[str] = METRICS,
    warm_up: int = 3,
) -> list[Row]:
    """One row per pipeline, in their order.

    Args:
        queries: question id -> text.
        relevant: question id -> ids that answer it; the same questions as `queries`.
        warm_up: queries that run before the clock does (lazy loading must not count as search).

    Raises:
        ValueError: no question, or questions and relevance differ.
    """
    if not queries or set(queries) != set(relevant):
        raise ValueError(f"{len(queries)} queries, {len(relevant)} questions with known answers: they must be the same")
    rows: list[Row] = []
    for name, pipeline in pipelines.items():
        for text in list(queries.values())[:warm_up]:
            pipeline(text)
        rankings, seconds = {}, []
        for question, text in queries.items():
            begun = time.perf_counter()
            rankings[question] = list(pipeline(text))
            seconds.append(time.perf_counter() - begun)
        values = per_question(rankings, relevant, metrics)
        gain = paired_difference(values["nDCG@10"], rows[-1].values["nDCG@10"]) if rows else None
        ordered = sorted(seconds)
        rows.append(Row(name, {m: mean_interval(v) for m, v in values.items()}, gain, median(ordered) * 1000,
                        ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))] * 1000, values))  # fmt: skip
    return rows
