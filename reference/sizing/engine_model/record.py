"""Calibration records: what `workbook calibrate` measured of one engine on one machine, as JSON with a schema.

Records of other machines are added to `reference/sizing/measurements/` as files; nothing else has to change.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from reference.sizing.evidence import Measured
from reference.sizing.files import write_whole

SCHEMA_VERSION = 2  # 1 had points only, without steps, limits or percentiles
FOLDER = Path(__file__).parent.parent / "measurements"


class BadRecord(ValueError):
    """A file that is no calibration record; the message names the file and the field."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Spread(_Strict):
    """Milliseconds: median and number of the samples, with their quartiles and 90th percentile where they were kept."""

    median: float = Field(gt=0)
    p25: float | None = Field(default=None, gt=0)
    p75: float | None = Field(default=None, gt=0)
    p90: float | None = Field(default=None, gt=0)
    n: PositiveInt

    @model_validator(mode="after")
    def _ordered(self) -> Spread:
        kept = [value for value in (self.p25, self.median, self.p75, self.p90) if value is not None]
        if kept != sorted(kept):
            raise ValueError(
                f"p25 <= median <= p75 <= p90 must hold, got {self.p25}, {self.median}, {self.p75}, {self.p90}"
            )
        return self


class StepPoint(_Strict):
    """A decode step of `batch` sequences, each with `context` tokens in the cache."""

    batch: PositiveInt
    context: int = Field(ge=0)
    ms: Spread


class PrefillPoint(_Strict):
    """Time to the first token of a lone request of `prompt` tokens, `cached` of them in the prefix cache."""

    prompt: PositiveInt
    cached: int = Field(default=0, ge=0)
    ms: Spread


class LoadPoint(_Strict):
    """A run at one load: `concurrency` users in a closed loop, or `rate` requests/s in an open one; never both.

    output_spread: answers are drawn uniformly from n_out x (1 +- spread). arrivals: seconds of each request of an open
    loop where they are known, warm-up included. Percentiles over the `requests` that were measured, interpolated or the
    next higher sample (`percentile`). The window of the rates runs from the first measured request to the last measured
    end, or to the first cool-down arrival of an open loop.
    """

    concurrency: PositiveInt | None = None
    rate: float | None = Field(default=None, gt=0)
    n_in: PositiveInt
    n_out: PositiveInt
    output_spread: float = Field(default=0.0, ge=0, lt=1)
    requests: PositiveInt
    warmup: int = Field(default=0, ge=0)
    cooldown: int = Field(default=0, ge=0)
    errors: int = Field(default=0, ge=0)
    seconds: float = Field(gt=0)
    request_s: float = Field(gt=0)
    output_tok_s: float = Field(gt=0)
    ttft_p50_ms: float = Field(gt=0)
    ttft_p99_ms: float = Field(gt=0)
    tpot_p50_ms: float = Field(gt=0)
    tpot_p99_ms: float = Field(gt=0)
    ttft_p90_ms: float | None = Field(default=None, gt=0)
    tpot_p90_ms: float | None = Field(default=None, gt=0)
    percentile: Literal["linear", "higher"] = "linear"
    arrivals: list[float] | None = None
    seed: int | None = None
    void: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> LoadPoint:
        if (self.concurrency is None) == (self.rate is None):
            raise ValueError("exactly one of concurrency (closed loop) and rate (open loop) must be given")
        return self


class Limits(_Strict):
    """Scheduler settings of the engine that was measured; see `EngineLimits`."""

    max_num_seqs: PositiveInt
    max_num_batched_tokens: PositiveInt
    kv_tokens: PositiveInt
    max_model_len: PositiveInt
    block_tokens: PositiveInt = 16
    prefix_caching: bool = True
    async_scheduling: bool = False


class CalibrationRecord(_Strict):
    """Everything that was measured of one engine on one machine."""

    schema_version: Literal[2] = 2
    kind: Literal["engine-calibration"] = "engine-calibration"
    key: str = Field(min_length=1, pattern=r"^[a-z0-9][a-z0-9._-]*$", description="file name without .json")
    machine: str = Field(min_length=1)
    hardware: str | None = Field(default=None, description="key in hardware.toml if it is one of those, e.g. h100")
    gpus: PositiveInt = 1
    engine: str = Field(min_length=1, description="e.g. vllm 0.32.0")
    model: str = Field(min_length=1, description="key in shapes.toml, e.g. smollm2-135m")
    weight_dtype: str = "bf16"
    weights: Literal["trained", "random"] = "trained"
    versions: dict[str, str] = Field(min_length=1)
    command: str = Field(min_length=1)
    date: dt.date
    conditions: dict[str, Any] = Field(default_factory=dict)
    read_gb_s: float | None = Field(default=None, gt=0)
    matmul_tflop_s: float | None = Field(default=None, gt=0)
    start_up_s: float | None = Field(default=None, gt=0)
    limits: Limits
    steps: list[StepPoint] = Field(default_factory=list)
    prefills: list[PrefillPoint] = Field(default_factory=list)
    points: list[LoadPoint] = Field(default_factory=list)
    speculation: list[dict[str, Any]] = Field(default_factory=list)
    spread: str = Field(min_length=1)

    @property
    def evidence(self) -> Measured:
        n = sum(p.requests for p in self.points) + sum(s.ms.n for s in self.steps) + sum(p.ms.n for p in self.prefills)
        return Measured(self.machine, self.versions, self.command, max(1, n), self.spread, self.date)

    def save(self, folder: str | Path = FOLDER) -> Path:
        """Write `folder`/`key`.json; the file is complete or absent, never half-written."""
        text = self.model_dump_json(indent=1, exclude_none=True) + "\n"
        return write_whole(Path(folder) / f"{self.key}.json", text)

    @classmethod
    def load(cls, path: str | Path) -> CalibrationRecord:
        """Read a record. Raises BadRecord that names the file, the field and what it must be."""
        file = Path(path)
        try:
            content = json.loads(file.read_text("utf-8"))
        except OSError as error:
            raise BadRecord(f"{file} cannot be read: {error.strerror or error}") from None
        except ValueError as error:
            raise BadRecord(f"{file} is not JSON: {error}") from None
        found = content.get("schema_version") if isinstance(content, dict) else None
        if found != SCHEMA_VERSION:
            raise BadRecord(
                f"{file}: schema_version is {found!r}, this version reads {SCHEMA_VERSION}; measure again with "
                "`workbook calibrate`"
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'record'}: {e['msg']}" for e in error.errors()[:5])
            raise BadRecord(f"{file} is not a calibration record: {faults}") from None


def records(folder: str | Path = FOLDER) -> dict[str, CalibrationRecord]:
    """Key -> record, of every file in the folder, in order of name. Raises BadRecord."""
    return {path.stem: CalibrationRecord.load(path) for path in sorted(Path(folder).glob("*.json"))}


def calibration_schema() -> dict[str, Any]:
    """JSON schema of a calibration record."""
    return json.loads(json.dumps(CalibrationRecord.model_json_schema()))
