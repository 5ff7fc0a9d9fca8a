"""A small image classifier: an ONNX file beside a JSON file that says what goes in and what comes out.

The shipped one (scripts/train_image_model.py) knows made pictures only: it shows the path, and judges no real photos.
WORKBOOK_IMAGE_MODEL names another: its JSON file, or the ONNX file with a JSON file of the same stem beside it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reference.moderation.types import ModerationError

VARIABLE = "WORKBOOK_IMAGE_MODEL"
SHIPPED = Path(__file__).parent / "image_model.json"
BATCH = 32
_SCHEMA = (
    'it needs {"sha256": "...", "input": {"width": 128, "height": 128, "mean": [3 numbers], "std": [3 numbers]}, '
    '"output": "logits" or "probabilities", "labels": [{"name": "...", "category": "..." or ""}]}; '
    'a label may carry "slope" and "offset" of its calibration'
)


@dataclass(frozen=True, slots=True)
class Label:
    """Attributes:
    category: of the policy; empty for a label that is no violation by itself (qr_code).
    slope, offset: of the calibration: probability = sigmoid(slope * logit + offset).
    """

    name: str
    category: str
    slope: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class ImageModelSpec:
    """What the JSON file says; `mean` and `std` are of values from 0 to 1, in RGB order.

    held_out: scores per label as its maker recorded them; empty if the file has none. Nothing decides by them.
    """

    path: Path
    sha256: str
    width: int
    height: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    logits: bool
    labels: tuple[Label, ...]
    held_out: Mapping[str, Any] = field(default_factory=dict)


def read_spec(sidecar: Path) -> ImageModelSpec:
    """Raises ModerationError that names the file and what is missing in it."""
    try:
        raw = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModerationError(f"image model: cannot read {sidecar}: {error}; {_SCHEMA}") from None
    try:
        size = raw["input"]
        labels = tuple(
            Label(
                _text(row["name"]),
                str(row["category"] or ""),
                float(row.get("slope", 1.0)),
                float(row.get("offset", 0.0)),
            )
            for row in raw["labels"]
        )
        spec = ImageModelSpec(
            sidecar.with_name(raw.get("model") or sidecar.with_suffix(".onnx").name),
            _text(raw["sha256"]).lower(),
            int(size["width"]),
            int(size["height"]),
            tuple(float(value) for value in size["mean"]),
            tuple(float(value) for value in size["std"]),
            {"logits": True, "probabilities": False}[raw["output"]],
            labels,
            dict(raw.get("held_out") or {}),
        )
        wrong = (
            not labels
            or len({label.name for label in labels}) < len(labels)
            or not 8 <= spec.width <= 2048
            or not 8 <= spec.height <= 2048
            or len(spec.mean) != 3
            or len(spec.std) != 3
            or min(spec.std) <= 0
            or spec.path.parent != sidecar.parent
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModerationError(f"image model: {sidecar} is not as it must be ({error!r}); {_SCHEMA}") from None
    if wrong:
        raise ModerationError(f"image model: a value of {sidecar} is out of range; {_SCHEMA}")
    return spec


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not a non-empty string")
    return value


class ImageClassifier:
    """Calibrated probabilities per label; thread-safe, one onnxruntime session."""

    def __init__(self, sidecar: Path, threads: int = 1) -> None:
        """Raises ModerationError: file missing, another hash, not ONNX, or not the input and labels that were said."""
        import onnxruntime

        self.spec = spec = read_spec(sidecar)
        try:
            data = spec.path.read_bytes()
        except OSError as error:
            raise ModerationError(f"image model: cannot read {spec.path}: {error}; install the package again") from None
        found = hashlib.sha256(data).hexdigest()
        if found != spec.sha256:
            raise ModerationError(
                f"image model: {spec.path} has sha256 {found}, {sidecar.name} says {spec.sha256}; "
                "put the file back, or write its hash there if you trust it"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            # From memory: a model from a path could name further files to read as its weights.
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise ModerationError(f"image model: onnxruntime cannot load {spec.path}: {reason}") from None
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        shape = inputs[0].shape
        fits = len(inputs) == 1 and len(shape) == 4 and inputs[0].type == "tensor(float)"
        for said, axis in ((3, 1), (spec.height, 2), (spec.width, 3)):
            fits = fits and (not isinstance(shape[axis], int) or shape[axis] == said)
        if not fits:
            raise ModerationError(
                f"image model: {spec.path} takes {[(one.type, one.shape) for one in inputs]}; "
                f"one float input [n, 3, {spec.height}, {spec.width}] is needed"
            )
        last = outputs[0].shape[-1] if outputs[0].shape else None
        if isinstance(last, int) and last != len(spec.labels):
            raise ModerationError(
                f"image model: {spec.path} gives {last} values, {sidecar.name} names {len(spec.labels)} labels"
            )
        self._input = inputs[0].name
        self.labels = tuple(label.name for label in spec.labels)
        self.version = found[:12]

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None, threads: int = 1) -> ImageClassifier:
        """The user's model if WORKBOOK_IMAGE_MODEL names one, else the shipped one."""
        named = (os.environ if environment is None else environment).get(VARIABLE, "")
        if not named:
            return cls(SHIPPED, threads)
        path = Path(named)
        sidecar = path if path.suffix == ".json" else path.with_suffix(".json")
        if not sidecar.is_file():
            raise ModerationError(f"{VARIABLE}={named}: {sidecar} is not there; {_SCHEMA}")
        return cls(sidecar, threads)

    def prepare(self, frames: Sequence[Any]) -> Any:
        """float32 [n, 3, height, width] of RGB uint8 frames [h, w, 3] of any size, stretched to the input size."""
        return prepared(frames, self.spec.width, self.spec.height, self.spec.mean, self.spec.std)

    def probabilities(self, frames: Sequence[Any]) -> Any:
        """float32 [len(frames), len(labels)]; labels do not exclude each other. Raises ModerationError on NaN."""
        import numpy as np

        rows: list[Any] = [np.zeros((0, len(self.labels)))]
        for start in range(0, len(frames), BATCH):
            batch = self.prepare(frames[start : start + BATCH])
            (values, *_) = self._session.run(None, {self._input: batch})
            rows.append(np.asarray(values, np.float64).reshape(len(batch), -1))
        values = np.concatenate(rows)
        if values.shape[1] != len(self.labels) or not np.isfinite(values).all():
            raise ModerationError(f"image model: {self.spec.path} gave values of shape {values.shape}, or not numbers")
        if not self.spec.logits:
            values = np.clip(values, 1e-7, 1 - 1e-7)
            values = np.log(values / (1 - values))
        slope = np.array([label.slope for label in self.spec.labels])
        offset = np.array([label.offset for label in self.spec.labels])
        return (1 / (1 + np.exp(-np.clip(values * slope + offset, -50, 50)))).astype(np.float32)


def prepared(frames: Sequence[Any], width: int, height: int, mean: Sequence[float], std: Sequence[float]) -> Any:
    """float32 [n, 3, height, width]; shared by training and serving, so that both see the same pixels."""
    import cv2
    import numpy as np

    out = np.empty((len(frames), 3, height, width), np.float32)
    scale = 1 / (255 * np.asarray(std, np.float32))
    shift = np.asarray(mean, np.float32) / np.asarray(std, np.float32)
    for row, frame in zip(out, frames, strict=True):
        small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
        row[:] = (small * scale - shift).transpose(2, 0, 1)
    return out


__all__ = ["SHIPPED", "VARIABLE", "ImageClassifier", "ImageModelSpec", "Label", "prepared", "read_spec"]
