"""Fit a few measured load points of one closed loop, predict the others, and say how far off the prediction was.

Model for one request shape (n_in tokens in, n_out out) and C users, simple enough for a notebook cell:
    TPOT = a + b C            a decode step is linear in the batch; the prefills of the others add another term in C
    TTFT = t0 + t1 C          one's own prefill, and waiting for those of the others
    throughput = C n_out / (TTFT + (n_out - 1) TPOT)      Little's law, nothing fitted
Coefficients are kept at or above zero, so the model never predicts a time that falls with load. Errors are relative in
the fit as in the table. Other shapes, open loops, percentiles and intervals are the subject of `engine_model`.
"""

from __future__ import annotations

import html
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_METRICS = {"output_tok_s": "tok/s", "tpot_ms": "ms", "ttft_ms": "ms"}


class BadPoint(ValueError):
    """A load point that cannot be used; the message names the field."""


@dataclass(frozen=True)
class LoadMeasurement:
    """One load point: `concurrency` users in a closed loop, requests of n_in tokens in and n_out tokens out.

    output_tok_s: output tokens per second over all users. tpot_ms, ttft_ms: typical (median or mean) milliseconds.
    """

    concurrency: int
    n_in: int
    n_out: int
    output_tok_s: float
    tpot_ms: float
    ttft_ms: float

    @classmethod
    def of(cls, point: LoadMeasurement | Mapping[str, Any]) -> LoadMeasurement:
        """From a mapping with at least these fields; further ones are ignored. Raises BadPoint."""
        if isinstance(point, LoadMeasurement):
            return point
        values: dict[str, Any] = {}
        for name in cls.__dataclass_fields__:
            if name not in point:
                raise BadPoint(f"a load point needs {name}; it has {', '.join(map(str, point))}")
            value = point[name]
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
                raise BadPoint(f"{name} of a load point must be a positive number, got {value!r}")
            values[name] = int(value) if name in ("concurrency", "n_in", "n_out") else float(value)
        return cls(**values)


@dataclass(frozen=True)
class Prediction:
    """Predicted load point. `extrapolated` names what lies outside the fitted range, empty if nothing does."""

    concurrency: int
    n_in: int
    n_out: int
    output_tok_s: float
    tpot_ms: float
    ttft_ms: float
    extrapolated: tuple[str, ...] = ()


def _line(concurrencies: Sequence[float], targets: Sequence[float]) -> tuple[float, float]:
    """(intercept, slope) of least relative squared error, neither negative: one that would be drops out."""
    import numpy as np

    y = np.asarray(targets, dtype=float)
    rows, ones = (
        np.column_stack([np.ones(len(y)), np.asarray(concurrencies, dtype=float)]) / y[:, None],
        np.ones(len(y)),
    )
    active, found = [0, 1], np.zeros(2)
    while active:
        solution, *_ = np.linalg.lstsq(rows[:, active], ones, rcond=None)
        if (solution >= 0).all():
            found[active] = solution
            break
        active.pop(int(np.argmin(solution)))
    return float(found[0]), float(found[1])


@dataclass(frozen=True)
class LoadModel:
    """A fitted model. tpot, ttft: (at no load, per user) in milliseconds. points: those it was fitted on."""

    tpot: tuple[float, float]
    ttft: tuple[float, float]
    points: tuple[LoadMeasurement, ...]

    @property
    def step_base_ms(self) -> float:
        """TPOT of a lone stream without its share of load: a."""
        return self.tpot[0]

    @property
    def step_per_sequence_ms(self) -> float:
        """What one more concurrent sequence adds to TPOT: b."""
        return self.tpot[1]

    def predict(self, concurrency: int) -> Prediction:
        """Load point at `concurrency` users, for the request shape that was fitted. Raises BadPoint below 1."""
        if concurrency < 1:
            raise BadPoint(f"concurrency must be at least 1, got {concurrency}")
        n_in, n_out = self.points[0].n_in, self.points[0].n_out
        tpot, ttft = (base + slope * concurrency for base, slope in (self.tpot, self.ttft))
        seen = [point.concurrency for point in self.points]
        inside = min(seen) <= concurrency <= max(seen)
        outside = () if inside else (f"concurrency {concurrency} outside {min(seen)}..{max(seen)}",)
        rate = concurrency * n_out / ((ttft + (n_out - 1) * tpot) / 1000)
        return Prediction(concurrency, n_in, n_out, rate, tpot, ttft, outside)

    def compare(self, measured: Iterable[LoadMeasurement | Mapping[str, Any]]) -> ErrorTable:
        """Predict each measured point and set the two side by side. Raises BadPoint for another request shape."""
        rows, shape = [], {(point.n_in, point.n_out) for point in self.points}
        for point in map(LoadMeasurement.of, measured):
            _one_shape(shape | {(point.n_in, point.n_out)})
            prediction = self.predict(point.concurrency)
            rows += [
                ErrorRow(point.concurrency, point.n_in, point.n_out, metric, getattr(prediction, metric),
                         getattr(point, metric), prediction.extrapolated)
                for metric in _METRICS
            ]  # fmt: skip
        return ErrorTable(tuple(rows))


def _one_shape(shapes: set[tuple[int, int]]) -> None:
    if len(shapes) > 1:
        told = ", ".join(f"{n_in}/{n_out}" for n_in, n_out in sorted(shapes))
        raise BadPoint(f"n_in and n_out must be the same at all points, got {told}: `engine_model` fits several shapes")


def fit_load(points: Iterable[LoadMeasurement | Mapping[str, Any]]) -> LoadModel:
    """Fit the model to measured points of one request shape, at two or more concurrencies.

    Raises BadPoint if a field is missing or not positive, or if the points cannot determine the model.
    """
    sample = tuple(map(LoadMeasurement.of, points))
    if len({point.concurrency for point in sample}) < 2:
        raise BadPoint(f"a fit needs at least two different concurrencies, got {[p.concurrency for p in sample]}")
    _one_shape({(point.n_in, point.n_out) for point in sample})
    users = [float(point.concurrency) for point in sample]
    return LoadModel(
        _line(users, [point.tpot_ms for point in sample]), _line(users, [point.ttft_ms for point in sample]), sample
    )


@dataclass(frozen=True)
class ErrorRow:
    """One metric at one point. `error` is (predicted - measured) / measured."""

    concurrency: int
    n_in: int
    n_out: int
    metric: str
    predicted: float
    measured: float
    extrapolated: tuple[str, ...]

    @property
    def error(self) -> float:
        return (self.predicted - self.measured) / self.measured


@dataclass(frozen=True)
class ErrorTable:
    """Predictions beside measurements. Medians are of absolute relative errors."""

    rows: tuple[ErrorRow, ...]

    def median_error(self, metric: str, *, include_extrapolated: bool = True) -> float:
        """Median absolute relative error of "output_tok_s", "tpot_ms" or "ttft_ms"; NaN if no row is left."""
        if metric not in _METRICS:
            raise KeyError(f"unknown metric {metric!r}; known: {', '.join(_METRICS)}")
        errors = [
            abs(row.error)
            for row in self.rows
            if row.metric == metric and (include_extrapolated or not row.extrapolated)
        ]
        return statistics.median(errors) if errors else math.nan

    def to_dict(self) -> dict[str, Any]:
        return {
            "rows": [
                {
                    "concurrency": row.concurrency, "n_in": row.n_in, "n_out": row.n_out, "metric": row.metric,
                    "predicted": row.predicted, "measured": row.measured, "relative_error": row.error,
                    "extrapolated": list(row.extrapolated),
                }
                for row in self.rows
            ],
            "median_relative_error": {metric: self.median_error(metric) for metric in _METRICS},
        }  # fmt: skip

    def as_dataframe(self) -> Any:
        """The rows as a pandas data frame."""
        import pandas as pd

        return pd.DataFrame(self.to_dict()["rows"])

    def _repr_html_(self) -> str:
        head = "".join(
            f"<th>{name}</th>" for name in ("users", "metric", "predicted", "measured", "error", "outside the fit")
        )
        body = "".join(
            f"<tr><td>{row.concurrency}</td><td>{row.metric}</td><td>{row.predicted:.4g}</td><td>{row.measured:.4g}"
            f"</td><td>{row.error:+.1%}</td><td>{html.escape('; '.join(row.extrapolated))}</td></tr>"
            for row in self.rows
        )
        medians = ", ".join(f"{metric} {self.median_error(metric):.1%}" for metric in _METRICS)
        return f"<table><tr>{head}</tr>{body}</table><p>median absolute error: {medians}</p>"
