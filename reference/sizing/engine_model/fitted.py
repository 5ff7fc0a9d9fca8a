"""What a fit of a calibration record gives: the model, what was used, how far it lies from it, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from .model import EngineModel
from .record import CalibrationRecord, LoadPoint


@dataclass(frozen=True)
class Residual:
    """One measurement that was used. `error` is (fitted - measured) / measured."""

    what: str
    metric: str
    fitted: float
    measured: float

    @property
    def error(self) -> float:
        return self.fitted / self.measured - 1


@dataclass(frozen=True)
class Fitted:
    """A fitted model, and what a prediction needs to say how sure it is.

    draws: models from the covariance of the fit. spread: metric -> sd of ln(measured / fitted) over the points used,
    widened for the number of unknowns; what the model cannot express is in there. used: the points that were used.
    """

    model: EngineModel
    record: CalibrationRecord
    used: tuple[LoadPoint, ...]
    residuals: tuple[Residual, ...]
    draws: tuple[EngineModel, ...] = ()
    spread: dict[str, float] = field(default_factory=dict)

    def worst(self) -> Residual:
        """The measurement that the model is furthest from."""
        return max(self.residuals, key=lambda residual: abs(residual.error))
