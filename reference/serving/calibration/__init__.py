"""Measure an engine so that its load can be predicted: `calibrate(engine)` returns a `CalibrationRecord`.

What a step takes against batch and context, what a prompt takes against its length with and without a cached prefix,
and what closed and open loops deliver. The record is what `reference.sizing.engine_model` fits a model to.
"""

from reference.serving.calibration.dummy import dummy_engine, dummy_model
from reference.serving.calibration.errors import CalibrationError
from reference.serving.calibration.facts import ensure_writable, limits_of, record_key, roofs_of_this_machine
from reference.serving.calibration.profiles import FULL, GPU, QUICK, Profile
from reference.serving.calibration.session import calibrate
from reference.serving.calibration.shapes import calibrate_shape

__all__ = [
    "FULL",
    "GPU",
    "QUICK",
    "CalibrationError",
    "Profile",
    "calibrate",
    "calibrate_shape",
    "dummy_engine",
    "dummy_model",
    "ensure_writable",
    "limits_of",
    "record_key",
    "roofs_of_this_machine",
]
