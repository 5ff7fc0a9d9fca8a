"""How fast one replica can be: prefill time, decode step time, and the roofs neither may pass.

Prefill FLOPs = 2 x (parameters in the layers) x n + attention 2 x L x heads x head_dim x n^2 (causal half) + one row of
logits. Decode step = max(bytes read / bandwidth, FLOPs / peak) + communication + host. Efficiencies below 1 scale
bandwidth and peak; `*_roof` functions use 1 and no overhead, so they bound every real engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from .bands import checked, checked_fields
from .hardware import Hardware
from .kinds import Duration, OutputTokens, PromptTokens
from .memory import MemoryPlan, _kv_per_token, check_parallel, dtype_bytes, fit, weights_bytes
from .shapes import ModelShape
from .units import Q, Quantity, magnitude

# Share of the peak that a large prefill reaches. Published point to compare with: NVIDIA NIM 1.8.0, Llama-3.3-70B FP8,
# 2 x H100, 5,000-token prompt, TTFT 407 ms at one stream, which is 0.46 of the FP8 peak.
COMPUTE_EFFICIENCY = 0.5
# Share of the bandwidth that reading weights and KV reaches (vllm-sr-sim 0.1.0 uses 0.80, arXiv 2603.16054).
BANDWIDTH_EFFICIENCY = 0.8
# Two all-reduces per layer under tensor parallelism, each with this latency on top of its bytes; host work per step.
ALL_REDUCE_LATENCY = Q(8, "us")
HOST_OVERHEAD = Q(1, "ms")


@checked_fields
@dataclass(frozen=True)
class Deployment:
    """One replica: a model on `gpus` GPUs with tensor parallelism, and the efficiencies it is believed to reach."""

    shape: ModelShape
    hardware: Hardware
    gpus: int = 1
    weight_dtype: str = "bf16"
    kv_dtype: str = "bf16"
    gpu_memory_utilization: float = 0.9
    compute_efficiency: float = COMPUTE_EFFICIENCY
    bandwidth_efficiency: float = BANDWIDTH_EFFICIENCY
    all_reduce_latency: Duration = field(default=ALL_REDUCE_LATENCY)
    host_overhead: Duration = field(default=HOST_OVERHEAD)

    def __post_init__(self) -> None:
        check_parallel(self.shape, self.gpus)
        dtype_bytes(self.weight_dtype)
        dtype_bytes(self.kv_dtype)
        for name in ("gpu_memory_utilization", "compute_efficiency", "bandwidth_efficiency"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in (0, 1], got {getattr(self, name)}")
        for name in ("all_reduce_latency", "host_overhead"):
            if magnitude(getattr(self, name), "s", name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")

    @property
    def name(self) -> str:
        """Model, weights and hardware in words."""
        return f"{self.shape.key} {self.weight_dtype} on {self.gpus} x {self.hardware.name}"

    def memory_plan(self, context: Quantity | None = None, sequences: int = 1) -> MemoryPlan:
        """Raises Infeasible if `sequences` of `context` tokens do not fit."""
        return fit(
            self.shape, self.hardware, self.gpus, context=context, sequences=sequences, weight_dtype=self.weight_dtype,
            kv_dtype=self.kv_dtype, gpu_memory_utilization=self.gpu_memory_utilization,
        )  # fmt: skip

    # Plain floats in SI units from here on: the property tests and the solvers call these thousands of times.
    @property
    def peak(self) -> float:
        """FLOP/s of all GPUs at the precision of the weights."""
        return self.gpus * magnitude(self.hardware.peak_flops(self.weight_dtype), "FLOP/s")

    @property
    def bandwidth(self) -> float:
        """Bytes/s of all GPUs."""
        return self.gpus * magnitude(self.hardware.bandwidth, "byte/s")

    @property
    def kv_token_bytes(self) -> float:
        return _kv_per_token(self.shape, self.kv_dtype, self.gpus)

    def flops(self, tokens: float, context: float, logits: float) -> float:
        """FLOPs of `tokens` new tokens that each attend to `context` others on average, `logits` of them sampled."""
        shape = self.shape
        per_token = 2 * shape.layers * shape.layer_parameters(shape.active_experts)
        attention = 4 * shape.layers * shape.heads * shape.head_dim * context
        return tokens * (per_token + attention) + logits * 2 * shape.embedding_parameters

    def weight_bytes_read(self, tokens: float) -> float:
        """Weight bytes one step over `tokens` tokens reads: all layers, of the experts those that are hit, the head."""
        shape = self.shape
        hit = shape.experts * (1 - (1 - shape.active_experts / shape.experts) ** tokens)
        values = shape.layers * shape.layer_parameters(max(hit, shape.active_experts)) + shape.embedding_parameters
        return values * dtype_bytes(self.weight_dtype)

    def communication(self, tokens: float) -> float:
        """Seconds of two all-reduces per layer (ring: 2(g-1)/g of the activations over one link)."""
        if self.gpus == 1:
            return 0.0
        link = magnitude(self.hardware.link_bandwidth or Q(32, "GB/s"), "byte/s")
        size = tokens * self.shape.hidden * 2
        each = 2 * (self.gpus - 1) / self.gpus * size / link + magnitude(self.all_reduce_latency, "s")
        return 2 * self.shape.layers * each

    def prefill_seconds(self, new: float, cached: float = 0.0) -> float:
        """Seconds to read a prompt of `new` tokens after `cached` ones that need no work: the larger of both roofs."""
        if new <= 0:
            return magnitude(self.host_overhead, "s")
        flops = self.flops(new, cached + new / 2, 1)
        arithmetic = flops / (self.peak * self.compute_efficiency)
        memory = self.weight_bytes_read(new) / (self.bandwidth * self.bandwidth_efficiency)
        return max(arithmetic, memory) + self.communication(new) + magnitude(self.host_overhead, "s")

    def step_parts(self, batch: float, context: float, tokens_each: float = 1) -> tuple[float, float, float]:
        """Memory, arithmetic and overhead seconds of one step in which each of `batch` sequences adds `tokens_each`."""
        tokens = batch * tokens_each
        read = self.weight_bytes_read(tokens) + batch * context * self.kv_token_bytes
        memory = read / (self.bandwidth * self.bandwidth_efficiency)
        arithmetic = self.flops(tokens, context, tokens) / (self.peak * self.compute_efficiency)
        return memory, arithmetic, self.communication(tokens) + magnitude(self.host_overhead, "s")

    def step_seconds(self, batch: float, context: float, tokens_each: float = 1) -> float:
        """Seconds of the step of `step_parts`: the larger of memory and arithmetic, and the overhead."""
        memory, arithmetic, overhead = self.step_parts(batch, context, tokens_each)
        return max(memory, arithmetic) + overhead


def _tokens(value: Quantity, name: str) -> float:
    tokens = magnitude(value, "token/request", name)
    if tokens < 0:
        raise ValueError(f"{name} must not be negative, got {tokens:g}")
    return tokens


def _batch(batch: float) -> float:
    if not batch >= 1:
        raise ValueError(f"batch must be at least 1, got {batch}")
    return batch


@checked
def prefill_flops(
    replica: Deployment, prompt: PromptTokens, cached: PromptTokens | None = None
) -> Annotated[Quantity, "compute"]:
    """Arithmetic of reading a prompt; `cached` of its tokens already have their KV."""
    hit = 0.0 if cached is None else _tokens(cached, "cached")
    new = _tokens(prompt, "prompt") - hit
    if new < 0:
        raise ValueError("cached must not exceed prompt")
    return Q(replica.flops(new, hit + new / 2, 1) / 1e12, "TFLOP")


@checked
def prefill_time(
    replica: Deployment, prompt: PromptTokens, cached: PromptTokens | None = None
) -> Annotated[Quantity, "latency"]:
    """Time to read a prompt on an idle replica: the least a TTFT can be, before queueing and network."""
    hit = 0.0 if cached is None else _tokens(cached, "cached")
    if hit > _tokens(prompt, "prompt"):
        raise ValueError("cached must not exceed prompt")
    return Q(replica.prefill_seconds(_tokens(prompt, "prompt") - hit, hit), "s")


@checked
def decode_step_time(replica: Deployment, batch: float, context: PromptTokens) -> Annotated[Quantity, "step_time"]:
    """Time of one decode step for `batch` sequences of mean length `context`."""
    return Q(replica.step_seconds(_batch(batch), _tokens(context, "context")), "s")


@checked
def step_limit(replica: Deployment, batch: float, context: PromptTokens) -> str:
    """What takes the larger part of a decode step: "memory bandwidth" or "compute"."""
    memory, arithmetic, _ = replica.step_parts(_batch(batch), _tokens(context, "context"))
    return "memory bandwidth" if memory >= arithmetic else "compute"


@checked
def ridge_batch(replica: Deployment, context: PromptTokens | None = None, most: int = 65536) -> int | None:
    """Smallest batch whose decode step is limited by compute; None if none up to `most` is (KV reads grow faster)."""
    length = 0.0 if context is None else _tokens(context, "context")

    def compute_bound(batch: int) -> bool:
        memory, arithmetic, _ = replica.step_parts(batch, length)
        return arithmetic > memory

    if not compute_bound(most):
        return None
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if compute_bound(middle) else (middle, high)
    return high


@checked
def compute_roof(
    replica: Deployment,
    prompt: PromptTokens,
    output: OutputTokens,
) -> Annotated[Quantity, "request_rate"]:
    """Requests per second that the dense peak allows at 100 % efficiency; only a cache that skips work beats it."""
    n_in, n_out = _tokens(prompt, "prompt"), _tokens(output, "output")
    flops = replica.flops(n_in, n_in / 2, 1) + replica.flops(max(n_out - 1, 0), n_in + n_out / 2, max(n_out - 1, 0))
    return Q(replica.peak / flops, "request/s")


@checked
def bandwidth_roof(replica: Deployment, batch: float, context: PromptTokens) -> Annotated[Quantity, "token_rate"]:
    """Decode tokens per second that memory bandwidth allows at 100 % efficiency and this batch."""
    read = replica.weight_bytes_read(_batch(batch)) + batch * _tokens(context, "context") * replica.kv_token_bytes
    return Q(batch * replica.bandwidth / read, "token/s")


@checked
def weights_read_time(replica: Deployment) -> Annotated[Quantity, "step_time"]:
    """Floor of one decode step: every weight read once at full bandwidth."""
    return (weights_bytes(replica.shape, replica.weight_dtype) / Q(replica.bandwidth, "byte/s")).to("s")
