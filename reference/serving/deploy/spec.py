"""What the manifests need to know of a design, taken from a row of a plan or given by hand."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from reference.sizing.engine_model.model import EngineLimits
from reference.sizing.fleet.plan.day import cold_start_s
from reference.sizing.fleet.plan.make import Row
from reference.sizing.fleet.plan.requirements import Requirements, Survive

_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
LONGEST_NAME = 63
LONGEST_SUFFIX = len("-service-monitor")  # of what is appended to the name
# Flags of vLLM by type of the weights. fp8 quantises 16-bit weights as they are loaded.
DTYPE_ARGS = {
    "bf16": ("--dtype", "bfloat16"),
    "fp16": ("--dtype", "float16"),
    "fp32": ("--dtype", "float32"),
    "fp8": ("--dtype", "bfloat16", "--quantization", "fp8"),
}


class DeployError(ValueError):
    """A design that cannot be exported; the message names the field and the mend."""


def checked_name(name: str, field: str = "name", longest: int = LONGEST_NAME) -> str:
    """The name if it is a DNS-1123 label that starts with a letter, as Services ask for. Raises DeployError."""
    if not isinstance(name, str) or len(name) > longest or not _LABEL.fullmatch(name):
        raise DeployError(
            f"{field} must be a DNS-1123 label (a-z, 0-9 and -, first a letter, at most {longest} characters), "
            f"got {name!r}"
        )
    return name


@dataclass(frozen=True)
class Deployed:
    """One region's fleet. source: repository of the weights; quantised weights of int8 or int4 need one of their own.

    replicas: of the peak; survivors: what must stay up; least: of the autoscaled fleet. target_in_flight: requests
    waiting and running per replica that the autoscaler aims at. cold_start_s: decision to first answer. drain_s: how
    long a running answer may take. busy: hours of the day through which all replicas are up, for a fleet that follows
    the clock; only KEDA can, an HPA keeps them up all day. Raises DeployError that names the field.
    """

    name: str
    source: str
    gpu: str
    gpus: int
    dtype: str
    limits: EngineLimits
    replicas: int
    survivors: int
    least: int
    target_in_flight: float
    cold_start_s: float
    drain_s: float
    survive: Survive = "zone"
    namespace: str = "default"
    image: str = "vllm/vllm-openai:v0.32.0"
    gpu_memory_utilization: float = 0.9
    prometheus: str = "http://prometheus.monitoring:9090"
    scaler: Literal["hpa", "keda", "none"] = "hpa"
    busy: tuple[float, float] | None = None
    timezone: str = "Etc/UTC"

    def __post_init__(self) -> None:
        checked_name(self.name, "name", LONGEST_NAME - LONGEST_SUFFIX)
        checked_name(self.namespace, "namespace")
        if self.scaler not in ("hpa", "keda", "none"):
            raise DeployError(f"scaler must be hpa, keda or none, got {self.scaler!r}")
        for field in ("source", "image", "prometheus"):
            value = getattr(self, field)
            if not value or any(letter.isspace() for letter in value):
                raise DeployError(f"{field} must be one word without spaces, got {value!r}")
        for field in ("gpus", "replicas", "survivors", "least"):
            if getattr(self, field) < 1:
                raise DeployError(f"{field} must be at least 1, got {getattr(self, field)!r}")
        for field in ("survivors", "least"):
            if getattr(self, field) > self.replicas:
                raise DeployError(f"{field} ({getattr(self, field)}) must not exceed replicas ({self.replicas})")
        for field in ("target_in_flight", "cold_start_s", "drain_s"):
            value = getattr(self, field)
            if not (math.isfinite(value) and value > 0):
                raise DeployError(f"{field} must be above 0, got {value!r}")
        if self.busy is not None and not 0 <= self.busy[0] < self.busy[1] <= 24:
            raise DeployError(f"busy must be two hours of a day, the first the smaller, got {self.busy!r}")
        if not 0 < self.gpu_memory_utilization <= 1:
            raise DeployError(f"gpu_memory_utilization must lie in (0, 1], got {self.gpu_memory_utilization!r}")

    def dtype_args(self) -> tuple[str, ...]:
        """vLLM's flags for the weights; int8 and int4 are named by the repository's own configuration."""
        return DTYPE_ARGS.get(self.dtype, ())


def deployed(
    requirements: Requirements,
    row: Row,
    *,
    name: str | None = None,
    source: str | None = None,
    namespace: str = "default",
    image: str = "vllm/vllm-openai:v0.32.0",
    prometheus: str = "http://prometheus.monitoring:9090",
    scaler: Literal["hpa", "keda", "none"] = "hpa",
) -> Deployed:
    """The largest region's fleet of a plan's row. Raises DeployError for a row that is no design to recommend."""
    candidate, sizing = row.candidate, row.largest if row.regions else None
    if row.status not in ("feasible", "over budget") or sizing is None or candidate.engine is None:
        raise DeployError(f"{candidate.name} is {row.status} and is not exported: {row.reason}")
    if candidate.dtype not in DTYPE_ARGS and source is None:
        raise DeployError(
            f"source must name a repository with {candidate.dtype} weights of {requirements.model}: "
            f"{requirements.shape.source} holds 16-bit ones"
        )
    in_flight = sizing.window.in_flight * sizing.survivors / sizing.replicas if sizing.window else 1.0
    day = row.day if row.day and not row.day.fault else None
    clock = day.busy if day else None
    # Without a clock of its own an HPA can only keep the peak's fleet.
    follows = day is not None and (clock is None or scaler == "keda")
    limit_s = requirements.ttft_ms / 1000 + requirements.quantile("output", 99) * requirements.tpot_ms / 1000
    return Deployed(
        name=name or re.sub(r"[^a-z0-9-]+", "-", requirements.model.lower()).strip("-"),
        source=source or requirements.shape.source,
        gpu=candidate.gpu,
        gpus=candidate.gpus,
        dtype=candidate.dtype,
        limits=candidate.engine.limits,
        replicas=sizing.replicas,
        survivors=sizing.survivors,
        least=day.least if day is not None and follows else sizing.replicas,
        target_in_flight=max(1.0, round(day.target_in_flight if day else in_flight, 1)),
        cold_start_s=cold_start_s(requirements, candidate.dtype),
        drain_s=float(math.ceil(limit_s)),
        survive=requirements.survive,
        namespace=namespace,
        image=image,
        prometheus=prometheus,
        scaler=scaler,
        busy=clock if scaler == "keda" else None,
    )
