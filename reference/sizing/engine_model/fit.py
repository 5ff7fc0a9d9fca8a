"""Fit an engine model to a calibration record: step times directly, then load points by simulating them.

First the unknowns of `StepTime` come out of steps and prefills by non-negative least squares (`direct`). Then each load
point is simulated as it was driven, with common random numbers, and the unknowns are scaled until simulated
throughput, TPOT and TTFT come closest, in the logarithm. A weak prior keeps near the first guess what the points say
nothing about. The same search gives a covariance, from which models are drawn for the intervals of predictions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import direct
from .direct import Unknowns
from .fitted import Fitted, Residual
from .model import CalibratedRange, EngineLimits, EngineModel
from .record import CalibrationRecord, LoadPoint
from .replay import Load, replay
from .roofs import within_roofs
from .scales import Scales, scales_of

# Relative error (sd of the logarithm) at which a metric of a point counts as one unit: assumed. A 99th percentile of
# some hundred requests is a few of them, and a first token waits for chance, so they count less than the means.
TOLERANCE = {"output_tok_s": 0.03, "tpot_p50_ms": 0.03, "ttft_p50_ms": 0.08, "ttft_p99_ms": 0.2}
PREFILL_TOLERANCE = 0.08
DRAWS = 16
LOOKS, MOST_LOOKS = 6, 25  # evaluations of the Jacobian: to choose between starts, and in all
F_SCALE = 2.0  # residuals beyond so many tolerances count by their size, not its square


class TooLittle(ValueError):
    """The record holds too little to fit a model; the message says what is missing."""


def _noise(record: CalibrationRecord) -> float:
    """Standard deviation over mean of a step, from the quartiles of the steps; 0 where none were kept."""
    shares = [
        (step.ms.p75 - step.ms.p25) / 1.349 / step.ms.median  # the quartiles of a normal are 1.349 sd apart
        for step in record.steps
        if step.ms.p25 is not None and step.ms.p75 is not None
    ]
    return sorted(shares)[len(shares) // 2] if shares else 0.0


def limits_of(record: CalibrationRecord) -> EngineLimits:
    """The record's scheduler settings as the model takes them."""
    return EngineLimits(**record.limits.model_dump())


def _tolerance(metric: str, requests: int) -> float:
    """A percentile of few requests is uncertain by itself: about 0.3 / sqrt(n) for a first token's time (assumed)."""
    few = 0.3 / math.sqrt(requests) if metric.startswith("ttft") else 0.0
    return math.hypot(TOLERANCE[metric], few)


def fit_engine(record: CalibrationRecord, *, use: Callable[[LoadPoint], bool] | None = None) -> Fitted:
    """Fit the record; `use` chooses the load points (default: all). Void points are never used.

    Raises TooLittle unless there are steps, or load points at two or more different loads.
    """
    points = tuple(p for p in record.points if p.void is None and (use is None or use(p)))
    loads = {(p.concurrency, p.rate) for p in points}
    if not record.steps and len(loads) < 2:
        raise TooLittle(
            f"{record.key} has no steps and {len(loads)} usable load point(s): a fit needs steps, or load points at "
            "two different loads at least"
        )
    knots = direct.knots_of(record, points)
    guess = direct.first_guess(record, points, knots)
    template = _Template(record, points)
    if not points:
        return template.without_load(guess)
    search = _Search.of(template, direct.floored(guess))
    if not record.steps:
        # The rough rows may put the cost of prompts where batches are, and a search does not get out of there again.
        other = _Search.of(template, direct.floored(direct.straight_guess(record, points, knots)))
        search = min(search.go(LOOKS), other.go(LOOKS), key=lambda each: float(each.found.cost))
    return search.go(MOST_LOOKS).fitted()


@dataclass(frozen=True)
class _Template:
    """Everything of a fit that does not change during the search."""

    record: CalibrationRecord
    points: tuple[LoadPoint, ...]

    def model(self, unknowns: Unknowns) -> EngineModel:
        return EngineModel(
            name=self.record.key,
            step=within_roofs(unknowns.step(), self.record),
            limits=limits_of(self.record),
            evidence=self.record.evidence,
            overhead_s=unknowns.overhead_s,
            noise_cv=_noise(self.record),
        )

    def direct_residuals(self, unknowns: Unknowns) -> list[Residual]:
        rows, seconds = direct.direct_rows(self.record, unknowns.knots)
        names = [f"step of {s.batch}, context {s.context}" for s in self.record.steps]
        names += [f"prompt of {p.prompt}, {p.cached} cached" for p in self.record.prefills]
        metrics = ["step_ms"] * len(self.record.steps) + ["prefill_ms"] * len(self.record.prefills)
        return [
            Residual(name, metric, 1e3 * sum(a * b for a, b in zip(row, unknowns.values, strict=True)), 1e3 * second)
            for name, metric, row, second in zip(names, metrics, rows, seconds, strict=True)
        ]

    def load_residuals(self, model: EngineModel) -> list[Residual]:
        found = []
        for number, point in enumerate(self.points):
            simulated = replay(model, Load.of(point), seed=number)
            found += [Residual(Load.of(point).label, m, simulated[m], getattr(point, m)) for m in TOLERANCE]
        return found

    def calibrated(self, model: EngineModel) -> CalibratedRange:
        record = self.record
        batches = [float(s.batch) for s in record.steps]
        batches += [replay(model, Load.of(p), seed=number)["batch"] for number, p in enumerate(self.points)]
        prompts = [p.n_in for p in self.points] + [p.prompt for p in record.prefills]
        contexts = [s.context for s in record.steps] + prompts + [p.n_in + p.n_out for p in self.points]
        prompts = prompts or contexts
        return CalibratedRange(
            (min(batches), max(batches)), (min(prompts), max(prompts)), (min(contexts), max(contexts))
        )

    def without_load(self, guess: Unknowns) -> Fitted:
        """Steps and prefills only: draws by fitting again to samples drawn from the residuals' spread."""
        import numpy as np

        rng = np.random.default_rng(0)
        residuals = self.direct_residuals(guess)
        free = max(1, len(residuals) - sum(value > 0 for value in guess.values))
        sd = math.sqrt(sum(math.log1p(r.error) ** 2 for r in residuals) / free)
        factors = np.exp(sd * rng.standard_normal((DRAWS, len(residuals))))
        draws = [self.model(direct.first_guess(self.record, (), guess.knots, row.tolist())) for row in factors]
        model = self.model(guess)
        model = replace(model, calibrated=self.calibrated(model))
        spread = dict.fromkeys(TOLERANCE, sd)
        return Fitted(model, self.record, (), tuple(residuals), tuple(draws), spread)


@dataclass(frozen=True)
class _Search:
    """A search of the scales that bring simulated and measured points together, from one guess."""

    template: _Template
    guess: Unknowns
    scales: Scales
    found: Any

    @classmethod
    def of(cls, template: _Template, guess: Unknowns) -> _Search:
        return cls(template, guess, scales_of(template.record, guess), None)

    def go(self, looks: int) -> _Search:
        """Go on searching from where it stands."""
        import numpy as np
        from scipy.optimize import least_squares

        # Searched around 1, not 0: scipy's difference step is a share of the value. It is large since a percentile of
        # a simulation moves in jumps.
        found = least_squares(
            lambda y: self.away(y - 1),
            np.ones(len(self.scales.prior)) if self.found is None else self.found.x,
            loss="soft_l1",
            f_scale=F_SCALE,
            diff_step=0.03,
            max_nfev=looks,
            xtol=1e-3,
            ftol=1e-3,
        )
        return replace(self, found=found)

    def away(self, logs: Any) -> Any:
        """Residuals in units of their tolerance; those of the prior last."""
        import numpy as np

        template, unknowns = self.template, self.scales.apply(self.guess, logs)
        units = [_tolerance(m, p.requests) for p in template.points for m in TOLERANCE]
        load = [
            math.log(r.fitted / r.measured) / unit
            for r, unit in zip(template.load_residuals(template.model(unknowns)), units, strict=True)
        ]
        # Steps are the guess itself, which the prior keeps; prompts were measured through the same door as loads.
        direct_ones = template.direct_residuals(unknowns)[len(template.record.steps) :]
        prompts = [math.log1p(r.error) / PREFILL_TOLERANCE for r in direct_ones]
        prior = [x / sd for x, sd in zip(logs, self.scales.prior, strict=True)]
        return np.array([*load, *prompts, *prior], dtype=float)

    def fitted(self) -> Fitted:
        template, logs = self.template, self.found.x - 1
        unknowns = self.scales.apply(self.guess, logs)
        model = template.model(unknowns)
        model = replace(model, calibrated=template.calibrated(model))
        load = template.load_residuals(model)
        prompts = template.direct_residuals(unknowns)[len(template.record.steps) :]
        drawn = tuple(template.model(self.scales.apply(self.guess, draw)) for draw in self.draws())
        return Fitted(model, template.record, template.points, (*load, *prompts), drawn, _spread(load, len(logs)))

    def draws(self) -> Any:
        """DRAWS sets of scales that explain the points about as well as the best (DRAWS x scales).

        Drawn from the normal that the curvature gives, twice as many, and of these again by how well each really
        explains the points: what barely matters may grow a lot in the logarithm, until it does matter.
        """
        import numpy as np

        found, count = self.found, len(self.scales.prior)
        data = len(found.fun) - count
        free = max(1.0, data - count / 2)  # the prior holds about half of them
        scatter = max(0.02, float(found.fun[:data] @ found.fun[:data]) / free)
        curvature = found.jac[:data].T @ found.jac[:data] / scatter + found.jac[data:].T @ found.jac[data:]
        root = np.linalg.cholesky(np.linalg.inv(curvature + 1e-9 * np.eye(count)))
        rng = np.random.default_rng(0)
        normal = rng.standard_normal((2 * DRAWS, count))
        drawn = found.x - 1 + normal @ root.T

        def surprise(logs: Any) -> float:
            off = self.away(logs)
            load, prior = off[:data], off[data:]
            robust = 2 * F_SCALE**2 * (np.sqrt(1 + (load / F_SCALE) ** 2) - 1)
            return float(robust.sum() / scatter + prior @ prior) / 2

        weight = np.array([-surprise(logs) for logs in drawn]) + (normal**2).sum(axis=1) / 2
        weight = np.exp(weight - weight.max())
        return drawn[rng.choice(len(drawn), DRAWS, p=weight / weight.sum())]


def _spread(residuals: Sequence[Residual], unknowns: int) -> dict[str, float]:
    """Metric -> sd of ln(measured / fitted), each metric paying its share of the unknowns."""
    found = {}
    for metric in TOLERANCE:
        errors = [math.log1p(r.error) for r in residuals if r.metric == metric]
        free = max(1.0, len(errors) - unknowns / 2 / len(TOLERANCE))
        found[metric] = math.sqrt(sum(e * e for e in errors) / free)
    return found
