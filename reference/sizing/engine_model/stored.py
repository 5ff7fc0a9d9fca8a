"""Fits kept as files, so that a notebook need not repeat half a minute of fitting for a record that has not changed.

A stored fit carries the hash of the record it was made from; a record that was changed is fitted anew. To write them:
`python -m reference.sizing.engine_model.stored`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from reference.sizing.files import write_whole

from .fit import fit_engine
from .fitted import Fitted, Residual
from .model import CalibratedRange, EngineLimits, EngineModel, StepTime
from .record import FOLDER, CalibrationRecord, records

FITS = FOLDER / "fits"
# Raise it when the fit itself changes: stored fits of another version are not used.
FIT_VERSION = 2


def hash_of(record: CalibrationRecord) -> str:
    """SHA-256 of everything that the record says."""
    return hashlib.sha256(record.model_dump_json().encode()).hexdigest()


def _model(numbers: dict[str, Any], record: CalibrationRecord) -> EngineModel:
    step: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in numbers["step"].items()}
    seen = numbers["calibrated"]
    return EngineModel(
        name=numbers["name"], step=StepTime(**step), limits=EngineLimits(**numbers["limits"]),
        evidence=record.evidence, overhead_s=numbers["overhead_s"], noise_cv=numbers["noise_cv"],
        calibrated=CalibratedRange(**{name: tuple(bounds) for name, bounds in seen.items()}) if seen else None,
    )  # fmt: skip


def _numbers(model: EngineModel) -> dict[str, Any]:
    return {
        "name": model.name, "step": dataclasses.asdict(model.step), "limits": dataclasses.asdict(model.limits),
        "overhead_s": model.overhead_s, "noise_cv": model.noise_cv,
        "calibrated": dataclasses.asdict(model.calibrated) if model.calibrated else None,
    }  # fmt: skip


def to_dict(fitted: Fitted) -> dict[str, Any]:
    """JSON-ready: the model, its draws, residuals and spread; not the record, which is a file of its own."""
    return {
        "fit_version": FIT_VERSION,
        "record": fitted.record.key,
        "record_sha256": hash_of(fitted.record),
        "model": _numbers(fitted.model),
        "draws": [_numbers(model) for model in fitted.draws],
        "residuals": [dataclasses.asdict(residual) for residual in fitted.residuals],
        "spread": fitted.spread,
    }


def from_dict(content: dict[str, Any], record: CalibrationRecord) -> Fitted:
    """The fit that `to_dict` wrote, of this record."""
    return Fitted(
        model=_model(content["model"], record), record=record,
        used=tuple(point for point in record.points if point.void is None),
        residuals=tuple(Residual(**row) for row in content["residuals"]),
        draws=tuple(_model(numbers, record) for numbers in content["draws"]), spread=dict(content["spread"]),
    )  # fmt: skip


def save(fitted: Fitted, folder: Path = FITS) -> Path:
    """Write `folder`/`key`.json, complete or not at all."""
    return write_whole(folder / f"{fitted.record.key}.json", json.dumps(to_dict(fitted), indent=1) + "\n")


def load(record: CalibrationRecord, folder: Path = FITS) -> Fitted | None:
    """The stored fit of this very record, all points used; None if there is none, or it is of another record."""
    try:
        content = json.loads((folder / f"{record.key}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if content.get("fit_version") != FIT_VERSION or content.get("record_sha256") != hash_of(record):
        return None
    return from_dict(content, record)


def fit_or_load(record: CalibrationRecord) -> Fitted:
    """The stored fit of the record, or a new one, which is not written."""
    return load(record) or fit_engine(record)


def main() -> None:
    """Write the fit of every record that has none, or an outdated one."""
    for key, record in records().items():
        if load(record) is None:
            print(f"{key}: {save(fit_engine(record))}")


if __name__ == "__main__":
    main()
