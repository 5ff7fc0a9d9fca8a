"""From a classifier's margin to a probability: Platt's sigmoid or isotonic regression, whichever predicts better.

The choice is made on the calibration split by log loss over two folds that share no template. Both are kept as numbers.
A probability holds at the prevalence of the calibration split; `at_prevalence` moves it to another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LEAST = 1e-4  # no finite sample shows that a score is impossible, so none is 0 or 1


@dataclass(frozen=True)
class Calibrator:
    """`kind` "platt": sigmoid(a·margin + b) with numbers (a, b); "isotonic": a line through points (x..., y...)."""

    kind: str
    numbers: tuple[float, ...]

    def __call__(self, margins: Any) -> Any:
        import numpy as np

        margins = np.asarray(margins, dtype=np.float64)
        if self.kind == "platt":
            slope, shift = self.numbers
            found = 1 / (1 + np.exp(-np.clip(slope * margins + shift, -50, 50)))
        else:
            half = len(self.numbers) // 2
            found = np.interp(margins, self.numbers[:half], self.numbers[half:])
            # The steps of isotonic regression are flat; a trace of the margin keeps their order for thresholds.
            found = found + 1e-6 * np.tanh(margins / 10)
        return np.clip(found, LEAST, 1 - LEAST)


def _platt(margins: Any, truth: Any) -> Calibrator:
    """J. Platt 1999: the targets are pulled in by one count each, against overconfidence."""
    import numpy as np
    from scipy.optimize import minimize

    positives = float(truth.sum())
    negatives = len(truth) - positives
    target = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(numbers: Any) -> float:
        z = numbers[0] * margins + numbers[1]
        return float(np.mean(np.logaddexp(0, z) - target * z))

    found = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead", options={"maxiter": 400}).x
    return Calibrator("platt", (float(found[0]), float(found[1])))


def _isotonic(margins: Any, truth: Any) -> Calibrator:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(margins, truth)
    points = (*fitted.X_thresholds_.tolist(), *fitted.y_thresholds_.tolist())
    return Calibrator("isotonic", tuple(map(float, points)))


def calibrate(margins: Any, truth: Any, groups: Sequence[str]) -> Calibrator:
    """The better of the two for one category; `groups`: template of each row. Needs rows of both kinds."""
    import numpy as np

    margins, truth = np.asarray(margins, dtype=np.float64), np.asarray(truth, dtype=bool)
    names = {name: k for k, name in enumerate(sorted(set(groups)))}
    fold = np.array([names[group] % 2 for group in groups])
    losses = {}
    for make in (_platt, _isotonic):
        parts = []
        for side in (0, 1):
            fit = fold == side
            if not (0 < truth[fit].sum() < fit.sum()):
                continue
            found = make(margins[fit], truth[fit])(margins[~fit])
            parts.append(-np.where(truth[~fit], np.log(found), np.log1p(-found)))
        losses[make] = float(np.mean(np.concatenate(parts))) if parts else float("inf")
    better = _isotonic if losses[_isotonic] < losses[_platt] else _platt
    return better(margins, truth)


def at_prevalence(scores: Any, calibrated_at: float, prevalence: float) -> Any:
    """Probabilities that were calibrated where a share `calibrated_at` violates, for another share (Bayes' rule)."""
    import numpy as np

    scores = np.clip(np.asarray(scores, dtype=np.float64), LEAST, 1 - LEAST)
    odds = scores / (1 - scores) * (prevalence / (1 - prevalence)) / (calibrated_at / (1 - calibrated_at))
    return odds / (1 + odds)
