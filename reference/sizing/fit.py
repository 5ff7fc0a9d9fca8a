"""Fit a few measured load points, predict the others, and say how far off the prediction was.

Model for one request shape (n_in tokens in, n_out out) in a closed loop of C users:
    TPOT = a + b C            a decode step is linear in the batch; the prefills of the others add another term in C
    TTFT = t0 + t1 C          one's own prefill, and waiting for those of the others
    throughput = C n_out / (TTFT + (n_out - 1) TPOT)      Little's law, nothing fitted
With several shapes in the sample, terms in n_in and in C n_in / n_out are fitted as well. Coefficients are kept at or
above zero, so the model never predicts a time that falls with load. Errors are relative in the fit as in the table.
"""

from __future__ import annotations

import html
import math
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


def _features_tpot(c: float, n_in: float, n_out: float, shapes: bool) -> list[float]:
    return [1.0, c, c * n_in / n_out] if shapes else [1.0, c]


def _features_ttft(c: float, n_in: float, n_out: float, shapes: bool) -> list[float]:
    return [1.0, n_in, c * n_in] if shapes else [1.0, c]


def _least_squares(rows: Sequence[Sequence[float]], targets: Sequence[float]) -> list[float]:
    """Non-negative coefficients of least relative squared error; features that would turn negative drop out."""
    import numpy as np

    x, y = np.asarray(rows, dtype=float), np.asarray(targets, dtype=float)
    scaled, ones = x / y[:, None], np.ones(len(y))
    active = list(range(x.shape[1]))
    coefficients = np.zeros(x.shape[1])
    while active:
        solution, *_ = np.linalg.lstsq(scaled[:, active], ones, rcond=None)
        if (solution >= 0).all():
            coefficients[active] = solution
            break
        active.pop(int(np.argmin(solution)))
    return [float(value) for value in coefficients]


@dataclass(frozen=True)
class LoadModel:
    """A fitted model. `predict` any load point; coefficients are in milliseconds."""

    tpot: tuple[float, ...]
    ttft: tuple[float, ...]
    several_shapes: bool
    points: tuple[LoadMeasurement, ...]

    @property
    def step_base_ms(self) -> float:
        """TPOT of a lone stream without its share of load: a."""
        return self.tpot[0]

    @property
    def step_per_sequence_ms(self) -> float:
        """What one more concurrent sequence adds to TPOT: b."""
        return self.tpot[1]

    def predict(self, concurrency: int, n_in: int | None = None, n_out: int | None = None) -> Prediction:
        """Load point at `concurrency`; token counts default to those of the fitted points (if they share one shape)."""
        if n_in is None or n_out is None:
            if self.several_shapes:
                raise BadPoint("n_in and n_out are needed: the model was fitted on several request shapes")
            n_in, n_out = n_in or self.points[0].n_in, n_out or self.points[0].n_out
        if concurrency < 1 or n_in < 1 or n_out < 1:
            raise BadPoint(f"concurrency, n_in and n_out must be at least 1, got {concurrency}, {n_in}, {n_out}")
        case = (float(concurrency), float(n_in), float(n_out), self.several_shapes)
        tpot = _dot(self.tpot, _features_tpot(*case))
        ttft = _dot(self.ttft, _features_ttft(*case))
        outside = []
        for name, value in (("concurrency", concurrency), ("n_in", n_in), ("n_out", n_out)):
            seen = [getattr(point, name) for point in self.points]
            if not min(seen) <= value <= max(seen):
                outside.append(f"{name} {value} outside {min(seen)}..{max(seen)}")
        rate = concurrency * n_out / ((ttft + (n_out - 1) * tpot) / 1000)
        return Prediction(concurrency, n_in, n_out, rate, tpot, ttft, tuple(outside))

    def compare(self, measured: Iterable[LoadMeasurement | Mapping[str, Any]]) -> ErrorTable:
        """Predict each measured point and set the two side by side."""
        rows = []
        for point in map(LoadMeasurement.of, measured):
            prediction = self.predict(point.concurrency, point.n_in, point.n_out)
            rows += [
                ErrorRow(point.concurrency, point.n_in, point.n_out, metric, getattr(prediction, metric),
                         getattr(point, metric), prediction.extrapolated)
                for metric in _METRICS
            ]  # fmt: skip
        return ErrorTable(tuple(rows))


def _dot(coefficients: Sequence[float], features: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(coefficients, features, strict=True))


def fit_load(points: Iterable[LoadMeasurement | Mapping[str, Any]]) -> LoadModel:
    """Fit the model to measured points. Needs two concurrencies; several request shapes need four points.

    Raises BadPoint if a field is missing or not positive, or if the points cannot determine the model.
    """
    sample = tuple(map(LoadMeasurement.of, points))
    if len({point.concurrency for point in sample}) < 2:
        raise BadPoint(f"a fit needs at least two different concurrencies, got {[p.concurrency for p in sample]}")
    shapes = len({(point.n_in, point.n_out) for point in sample}) > 1
    if shapes and len(sample) < 4:
        raise BadPoint(f"several request shapes need at least four points, got {len(sample)}")
    cases = [(float(p.concurrency), float(p.n_in), float(p.n_out), shapes) for p in sample]
    tpot = _least_squares([_features_tpot(*case) for case in cases], [p.tpot_ms for p in sample])
    ttft = _least_squares([_features_ttft(*case) for case in cases], [p.ttft_ms for p in sample])
    return LoadModel(tuple(tpot), tuple(ttft), shapes, sample)


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
        errors = sorted(
            abs(row.error)
            for row in self.rows
            if row.metric == metric and (include_extrapolated or not row.extrapolated)
        )
        if not errors:
            return math.nan
        middle = len(errors) // 2
        return errors[middle] if len(errors) % 2 else (errors[middle - 1] + errors[middle]) / 2

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
