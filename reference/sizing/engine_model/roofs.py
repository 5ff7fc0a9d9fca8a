"""What no engine on a GPU can beat: seconds of a step at all of the bandwidth and all of the peak of the data sheet."""

from __future__ import annotations

from dataclasses import replace

from reference.sizing.hardware import accelerator
from reference.sizing.roofline import Deployment
from reference.sizing.shapes import shape, shape_keys

from .model import StepTime
from .record import CalibrationRecord


def deployment_of(record: CalibrationRecord) -> Deployment:
    """The deployment that a record measured. Raises ValueError if its GPU is not in the table."""
    if record.hardware is None:
        raise ValueError(f"{record.key} was measured on {record.machine}, which is not in hardware.toml")
    return Deployment(
        shape(record.model), accelerator(record.hardware), gpus=record.gpus, weight_dtype=record.weight_dtype
    )


def roofs(deployment: Deployment, tokens: float, sampled: float | None = None) -> tuple[float, float]:
    """Seconds of a step of `tokens` tokens by memory and by arithmetic, without attention.

    sampled: tokens that go through the head, all of them by default; a step that reads one prompt samples one.
    """
    memory = deployment.weight_bytes_read(tokens) / deployment.bandwidth
    return memory, deployment.flops(tokens, 0, tokens if sampled is None else sampled) / deployment.peak


def kv_roof_s(deployment: Deployment) -> float:
    """Seconds to read the KV of one token."""
    return deployment.kv_token_bytes / deployment.bandwidth


def pair_roof_s(deployment: Deployment) -> float:
    """Seconds of one (query, key) pair: 4 x layers x heads x head_dim FLOP."""
    model = deployment.shape
    return 4 * model.layers * model.heads * model.head_dim / deployment.peak


def within_roofs(step: StepTime, record: CalibrationRecord) -> StepTime:
    """The step times, nowhere faster than the data sheet of the record's GPU; unchanged where there is none.

    Load points tell the parts of a step apart only roughly: a search may take from one what it adds to another, and
    leave one of them faster than the hardware.
    """
    if record.hardware is None or record.model not in shape_keys():
        return step
    deployment = deployment_of(record)
    seconds, slowest = [], 0.0
    for knot, second in zip(step.knots, step.seconds, strict=True):
        slowest = max(slowest, second, *roofs(deployment, knot, 1))
        seconds.append(slowest)
    return replace(
        step, seconds=tuple(seconds), kv_s=max(step.kv_s, kv_roof_s(deployment)),
        pair_s=max(step.pair_s, pair_roof_s(deployment)),
    )  # fmt: skip
