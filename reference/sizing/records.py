"""Measurement records: the JSON file in which a benchmark run is kept, so that a number can be traced and reused."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from .evidence import Measured
from .files import write_whole
from .fit import LoadMeasurement

PositiveFloat = Field(gt=0, allow_inf_nan=False)


class RecordPoint(BaseModel):
    """One load point. `void` says why it must not be used, for example a load generator at its own limit."""

    model_config = ConfigDict(extra="forbid")
    concurrency: PositiveInt
    n_in: PositiveInt
    n_out: PositiveInt
    output_tok_s: float = PositiveFloat
    tpot_ms: float = PositiveFloat
    ttft_ms: float = PositiveFloat
    requests: PositiveInt = Field(description="requests completed at this point")
    errors: int = Field(default=0, ge=0)
    void: str | None = None


class MeasurementRecord(BaseModel):
    """A run: what was measured, on which machine, with which versions and command, how often and with what spread."""

    model_config = ConfigDict(extra="forbid")
    schema_version: Literal[1] = 1
    machine: str = Field(min_length=1)
    engine: str = Field(min_length=1, description="engine and model, e.g. vllm SmolLM2-135M-Instruct bf16")
    versions: dict[str, str] = Field(min_length=1)
    command: str = Field(min_length=1)
    points: list[RecordPoint] = Field(min_length=1)
    n: PositiveInt = Field(description="repetitions of each point")
    spread: str = Field(min_length=1, description="how far the repetitions lie apart")
    date: dt.date

    def usable(self) -> list[LoadMeasurement]:
        """The points that are not void, ready for `fit_load`."""
        return [LoadMeasurement.of(point.model_dump()) for point in self.points if point.void is None]

    @property
    def evidence(self) -> Measured:
        return Measured(self.machine, self.versions, self.command, self.n, self.spread, self.date)

    def save(self, path: str | Path) -> Path:
        """Write the record as JSON; the file is complete or absent, never half-written."""
        return write_whole(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> MeasurementRecord:
        """Read a record. Raises ValueError that names the file and the field."""
        file = Path(path)
        try:
            return cls.model_validate_json(file.read_text("utf-8"))
        except ValueError as error:
            raise ValueError(f"{file} is not a measurement record: {error}") from None


def record_schema() -> dict[str, Any]:
    """JSON schema of a measurement record."""
    return json.loads(json.dumps(MeasurementRecord.model_json_schema()))
