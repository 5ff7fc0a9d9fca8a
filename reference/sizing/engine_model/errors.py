"""Predictions beside measurements: errors, whether the interval holds them, medians below and above saturation."""

from __future__ import annotations

import html
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reference.sizing.knee import knee_index

from .predict import PredictedPoint
from .record import LoadPoint
from .replay import Load

COMPARED = ("request_s", "output_tok_s", "tpot_p50_ms", "ttft_p50_ms", "ttft_p99_ms")
# An open loop whose engine answers less than this share of what arrived is taken as saturated; the drain of a short
# run at a load that is served takes a few per cent off as well.
KEPT_UP = 0.9


@dataclass(frozen=True)
class ErrorRow:
    """One metric at one point. `error` is (predicted - measured) / measured; `void` says why it does not count."""

    load: str
    metric: str
    predicted: float
    low: float
    high: float
    measured: float
    saturated: bool
    outside: tuple[str, ...]
    void: str | None = None

    @property
    def error(self) -> float:
        return self.predicted / self.measured - 1

    @property
    def inside(self) -> bool:
        """Whether the 90 % interval holds what was measured."""
        return self.low <= self.measured <= self.high


@dataclass(frozen=True)
class ErrorTable:
    """Rows of all points. `knee`: predicted and measured knee in users, None without a closed-loop sweep."""

    rows: tuple[ErrorRow, ...]
    knee: tuple[float, float] | None
    caption: str

    def _counted(self, metric: str, saturated: bool | None) -> list[ErrorRow]:
        if metric not in COMPARED:
            raise KeyError(f"unknown metric {metric!r}; known: {', '.join(COMPARED)}")
        return [
            row for row in self.rows
            if row.metric == metric and row.void is None and saturated in (None, row.saturated)
        ]  # fmt: skip

    def median_error(self, metric: str, *, saturated: bool | None = None) -> float:
        """Median absolute relative error, of all points or of those on one side of saturation; nan without points."""
        errors = [abs(row.error) for row in self._counted(metric, saturated)]
        return statistics.median(errors) if errors else math.nan

    def coverage(self, metric: str | None = None) -> float:
        """Share of the measured values that lie within their 90 % interval, of one metric or of all; nan without."""
        rows = [row for name in ((metric,) if metric else COMPARED) for row in self._counted(name, None)]
        return sum(row.inside for row in rows) / len(rows) if rows else math.nan

    def worst(self, metric: str) -> ErrorRow:
        """The row that is furthest off, of those that count."""
        return max(self._counted(metric, None), key=lambda row: abs(row.error))

    def medians(self) -> dict[str, dict[str, float]]:
        """Metric -> {"below", "above"} saturation -> median absolute relative error."""
        return {
            metric: {
                "below": self.median_error(metric, saturated=False),
                "above": self.median_error(metric, saturated=True),
            }
            for metric in COMPARED
        }

    def to_dict(self) -> dict[str, Any]:
        def known(value: float) -> float | None:
            return value if math.isfinite(value) else None

        return {
            "caption": self.caption,
            "rows": [
                {
                    "load": row.load, "metric": row.metric, "predicted": row.predicted, "low": row.low,
                    "high": row.high, "measured": row.measured, "relative_error": row.error, "inside": row.inside,
                    "saturated": row.saturated, "outside": list(row.outside), "void": row.void,
                }
                for row in self.rows
            ],
            "median_relative_error": {
                metric: {side: known(value) for side, value in sides.items()}
                for metric, sides in self.medians().items()
            },
            "coverage": known(self.coverage()),
            "knee": list(self.knee) if self.knee else None,
        }  # fmt: skip

    def as_dataframe(self) -> Any:
        """The rows as a pandas data frame."""
        import pandas as pd

        return pd.DataFrame(self.to_dict()["rows"])

    def _repr_html_(self) -> str:
        head = "".join(
            f"<th scope='col'>{name}</th>"
            for name in ("load", "metric", "predicted", "90 % interval", "measured", "error", "remarks")
        )
        body = []
        for row in self.rows:
            remarks = [f"void: {row.void}"] if row.void else [] if row.inside else ["outside the interval"]
            remarks += ["saturated"] if row.saturated else []
            text = html.escape("; ".join([*remarks, *row.outside]))
            body.append(
                f"<tr><td>{html.escape(row.load)}</td><td>{row.metric}</td><td>{row.predicted:.4g}</td>"
                f"<td>{row.low:.4g} to {row.high:.4g}</td><td>{row.measured:.4g}</td><td>{row.error:+.1%}</td>"
                f"<td>{text}</td></tr>"
            )
        lines = []
        for metric, sides in self.medians().items():
            shown = [f"{value:.1%} {side}" for side, value in sides.items() if math.isfinite(value)]
            if shown:
                lines.append(f"{metric} {' and '.join(shown)} saturation")
        knee = f"; knee at {self.knee[0]:g} users predicted, {self.knee[1]:g} measured" if self.knee else ""
        return (
            f"<table><caption>{html.escape(self.caption)}</caption><tr>{head}</tr>{''.join(body)}</table>"
            f"<p>Median absolute errors: {'; '.join(lines)}{knee}.</p>"
        )


def saturated(point: LoadPoint, seats: int) -> bool:
    """Whether a line formed, as measured: more users than `seats`, or fewer answers than KEPT_UP of the arrivals."""
    load = Load.of(point)
    if load.concurrency is not None:
        return load.concurrency > seats
    return point.request_s < KEPT_UP * (load.offered or 0.0)


def compare(
    predictions: Sequence[PredictedPoint],
    points: Sequence[LoadPoint],
    *,
    caption: str = "Predicted and measured load points; the measured ones were not used by the fit",
) -> ErrorTable:
    """Set predictions beside the points of the same loads, in the same order. Raises ValueError where they differ.

    Void points are shown and not counted.
    """
    if len(predictions) != len(points):
        raise ValueError(f"one prediction per point is needed, got {len(predictions)} for {len(points)}")
    rows, sweep = [], []
    for predicted, point in zip(predictions, points, strict=True):
        if (predicted.load.concurrency, predicted.load.rate) != (point.concurrency, point.rate):
            raise ValueError(f"the prediction of {predicted.load.label} stands beside {Load.of(point).label}")
        above = saturated(point, predicted.seats)
        for metric in COMPARED:
            estimate = predicted[metric]
            rows.append(
                ErrorRow(
                    predicted.load.label, metric, estimate.value, estimate.low, estimate.high, getattr(point, metric),
                    above, predicted.outside, point.void,
                )
            )  # fmt: skip
        if point.concurrency is not None and point.void is None:
            sweep.append((point.concurrency, predicted.output_tok_s, point.output_tok_s))
    sweep.sort()
    knee = None
    if len(sweep) >= 3:
        users, foreseen, found = (list(column) for column in zip(*sweep, strict=True))
        knee = (float(users[knee_index(users, foreseen)]), float(users[knee_index(users, found)]))
    return ErrorTable(tuple(rows), knee, caption)
