"""Predict a load point with 90 % intervals, and abstain outside of what was calibrated.

The value is the median of runs of the fitted model under several seeds. The interval comes from runs of models drawn
from the fit's covariance, each under its own seed, widened by what the fit left unexplained at the points it used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reference.sizing.evidence import Simulated
from reference.sizing.knee import knee_index

from .fitted import Fitted
from .model import EngineModel
from .record import LoadPoint
from .replay import METRICS, Load, replay

COVERED = 0.9
SEEDS = 5  # runs of the fitted model itself


class OutsideCalibration(ValueError):
    """The load lies outside of what was measured. `.outside` lists where."""

    def __init__(self, outside: tuple[str, ...]) -> None:
        super().__init__(f"abstains: {'; '.join(outside)}. Measure there, or predict with strict=False.")
        self.outside = outside


@dataclass(frozen=True)
class Estimate:
    """A predicted value within its 90 % interval."""

    value: float
    low: float
    high: float

    def holds(self, measured: float) -> bool:
        """Whether the interval holds what was measured, in the unit of the estimate."""
        return self.low <= measured <= self.high


@dataclass(frozen=True)
class PredictedPoint:
    """A predicted load point. Rates per second, times in ms; `metrics` holds an Estimate for each name in METRICS.

    batch: the most sequences that decoded at once. outside: what lies outside of the calibration, empty if nothing
    does. seats: sequences that the engine takes at once, max_num_seqs.
    """

    load: Load
    metrics: dict[str, Estimate]
    batch: float
    seats: int
    outside: tuple[str, ...]
    evidence: Simulated

    def __getitem__(self, metric: str) -> Estimate:
        try:
            return self.metrics[metric]
        except KeyError:
            raise KeyError(f"unknown metric {metric!r}; known: {', '.join(self.metrics)}") from None

    @property
    def request_s(self) -> float:
        return self.metrics["request_s"].value

    @property
    def output_tok_s(self) -> float:
        return self.metrics["output_tok_s"].value

    @property
    def ttft_p50_ms(self) -> float:
        return self.metrics["ttft_p50_ms"].value

    @property
    def ttft_p99_ms(self) -> float:
        return self.metrics["ttft_p99_ms"].value

    @property
    def tpot_p50_ms(self) -> float:
        return self.metrics["tpot_p50_ms"].value

    def to_dict(self) -> dict[str, Any]:
        return {
            "load": self.load.label, "n_in": self.load.n_in, "n_out": self.load.n_out, "batch": self.batch,
            "outside": list(self.outside),
            "metrics": {name: [e.value, e.low, e.high] for name, e in self.metrics.items()},
            "evidence": self.evidence.to_dict(),
        }  # fmt: skip


def outside_of(model: EngineModel, load: Load, batch: float) -> tuple[str, ...]:
    """What of a load lies outside of the model's calibration; `batch` is the one that the simulation reached."""
    if model.calibrated is None:
        return (f"{model.name} was not calibrated",)
    longest = load.n_in + round(load.n_out * (1 + load.output_spread))
    found = []
    for name, values, (low, high) in (
        ("batch", (batch,), model.calibrated.batch),
        ("prompt", (load.n_in,), model.calibrated.prompt),
        ("context", (load.n_in, longest), model.calibrated.context),
    ):
        out = [value for value in values if not low <= value <= high]
        if out:
            found.append(f"{name} {out[-1]:g} outside {low:g}..{high:g}")
    return tuple(found)


def _spread(fitted: Fitted, metric: str) -> float:
    """Unexplained sd of ln(measured) of a metric; those that the fit did not use borrow from their next of kin."""
    kin = {"request_s": "output_tok_s", "ttft_p90_ms": "ttft_p99_ms", "tpot_p90_ms": "tpot_p50_ms"}
    name = kin.get(metric, "tpot_p50_ms" if metric.startswith("tpot") else metric)
    return fitted.spread.get(name, 0.0)


def predict(
    model: Fitted | EngineModel, load: Load | LoadPoint, *, strict: bool = False, seed: int = 0
) -> PredictedPoint:
    """Predict a load, or the load under which a point was measured.

    A bare EngineModel has no draws: its intervals hold chance only. Raises OutsideCalibration if `strict` and
    something lies outside of what was calibrated.
    """
    import numpy as np
    from scipy.special import ndtri

    load = load if isinstance(load, Load) else Load.of(load)
    fitted = model if isinstance(model, Fitted) else None
    engine = model.model if isinstance(model, Fitted) else model
    runs = [replay(engine, load, seed=seed + k) for k in range(SEEDS)]
    batch = float(np.median([run["batch"] for run in runs]))
    outside = outside_of(engine, load, batch)
    if strict and outside:
        raise OutsideCalibration(outside)
    drawn = [replay(m, load, seed=seed + SEEDS + k) for k, m in enumerate(fitted.draws)] if fitted else runs
    # Unexplained error as a normal in the logarithm, at evenly spaced quantiles instead of by chance.
    normal = ndtri((np.arange(25) + 0.5) / 25)
    metrics = {}
    for metric in METRICS:
        values = np.log(np.maximum([run[metric] for run in runs], 1e-12))
        value = float(np.median(values))
        logs = np.log(np.maximum([run[metric] for run in drawn], 1e-12))
        spread = _spread(fitted, metric) if fitted else 0.0
        low, high = np.quantile(logs[:, None] + spread * normal, [(1 - COVERED) / 2, (1 + COVERED) / 2])
        metrics[metric] = Estimate(
            math.exp(value), min(math.exp(float(low)), math.exp(value)), max(math.exp(float(high)), math.exp(value))
        )
    evidence = Simulated(
        model=f"engine model {engine.name}",
        validation=_validation(fitted, engine),
        n=load.count * (SEEDS + (len(drawn) if fitted else 0)),
        seed=seed,
        spread="90 % interval",
    )
    return PredictedPoint(load, metrics, batch, engine.limits.max_num_seqs, outside, evidence)


def _validation(fitted: Fitted | None, engine: EngineModel) -> str:
    if fitted is None or not fitted.residuals:
        return f"none of its own; the model is {engine.evidence.badge or 'given'}"
    errors = sorted(abs(r.error) for r in fitted.residuals)
    return f"the {len(errors)} figures of its fit, median error {errors[len(errors) // 2]:.1%}"


def predict_closed(
    model: Fitted | EngineModel, concurrency: int, n_in: int, n_out: int, *, requests: int | None = None,
    warmup: int | None = None, cooldown: int | None = None, output_spread: float = 0.0, strict: bool = False,
    seed: int = 0,
) -> PredictedPoint:  # fmt: skip
    """Steady state of a closed loop: one wave of warm-up, three or more that count, one of cool-down."""
    load = Load(
        n_in, n_out, max(8, 3 * concurrency) if requests is None else requests, concurrency=concurrency,
        warmup=concurrency if warmup is None else warmup, cooldown=concurrency if cooldown is None else cooldown,
        output_spread=output_spread,
    )  # fmt: skip
    return predict(model, load, strict=strict, seed=seed)


def predict_open(
    model: Fitted | EngineModel, rate: float | None = None, n_in: int = 0, n_out: int = 0, *,
    arrivals: Sequence[float] | None = None, requests: int = 1000, warmup: int | None = None,
    cooldown: int | None = None, output_spread: float = 0.0, strict: bool = False, seed: int = 0,
) -> PredictedPoint:  # fmt: skip
    """Poisson arrivals of `rate` requests/s, or the `arrivals` given (s): the first 20 % warm-up, the last 10 %
    cool-down, unless said otherwise. `requests` counts those measured where arrivals are drawn."""
    if arrivals is not None:
        total = len(arrivals)
        warmup = round(0.2 * total) if warmup is None else warmup
        cooldown = max(1, round(0.1 * total)) if cooldown is None else cooldown
        requests = total - warmup - cooldown
    warmup = round(requests * 2 / 7) if warmup is None else warmup
    cooldown = max(1, round(requests / 7)) if cooldown is None else cooldown
    load = Load(
        n_in, n_out, requests, rate=rate, arrivals=arrivals, warmup=warmup, cooldown=cooldown,
        output_spread=output_spread,
    )  # fmt: skip
    return predict(model, load, strict=strict, seed=seed)


def _closed_rate(model: EngineModel, users: int, n_in: int, n_out: int, spread: float) -> dict[str, float]:
    load = Load(
        n_in, n_out, max(8, 3 * users), concurrency=users, warmup=users, cooldown=users, output_spread=spread
    )  # fmt: skip
    return replay(model, load)


def saturation(model: Fitted | EngineModel, n_in: int, n_out: int, *, output_spread: float = 0.0) -> float:
    """Requests/s above which an open loop's line grows without end: those of a closed loop that fills every seat."""
    engine = model.model if isinstance(model, Fitted) else model
    return _closed_rate(engine, full(engine, n_in, n_out), n_in, n_out, output_spread)["request_s"]


def full(engine: EngineModel, n_in: int, n_out: int) -> int:
    """Sequences that an engine holds at once: its seats, or as many as fit its KV pool at their full length."""
    blocks = math.ceil((n_in + n_out) / engine.limits.block_tokens)
    pool = engine.limits.kv_tokens // engine.limits.block_tokens
    return max(1, min(engine.limits.max_num_seqs, pool // blocks))


@dataclass(frozen=True)
class Knee:
    """The knee of a predicted closed-loop sweep: users there, and the sweep's users and throughput (tok/s)."""

    concurrency: int
    concurrencies: tuple[int, ...]
    output_tok_s: tuple[float, ...]


def knee(
    model: Fitted | EngineModel, n_in: int, n_out: int, *, concurrencies: Sequence[int] | None = None,
    gain: float = 0.2, output_spread: float = 0.0,
) -> Knee:  # fmt: skip
    """The last concurrency from which doubling the users still gains `gain` in throughput (`sizing.knee`).

    concurrencies: default the powers of two up to twice what the engine holds at once.
    """
    engine = model.model if isinstance(model, Fitted) else model
    if concurrencies is None:
        most = 2 * full(engine, n_in, n_out)
        concurrencies = [2**k for k in range(most.bit_length()) if 2**k <= most]
    rates = [_closed_rate(engine, users, n_in, n_out, output_spread)["output_tok_s"] for users in concurrencies]
    return Knee(concurrencies[knee_index(concurrencies, rates, gain)], tuple(concurrencies), tuple(rates))
