"""What fits: weights, KV cache per token, the KV pool that is left, and how many sequences it holds.

Formulas: weights = parameters x bytes. KV per token = 2 (key and value) x layers x kv_heads x head_dim x bytes, with
every KV head kept at least once per GPU under tensor parallelism. KV pool = GPUs x (memory x utilisation - overhead)
- weights. These are the sums a serving engine makes when it starts; vLLM profiles the overhead instead of assuming it.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Annotated

from .bands import checked, checked_fields
from .hardware import Hardware, accelerator, accelerator_keys
from .kinds import Memory, PromptTokens
from .shapes import ModelShape
from .units import Q, Quantity, magnitude, show

BYTES = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "int8": 1.0, "int4": 0.5}
BLOCK_TOKENS = 16  # vLLM hands out KV memory in blocks of this many tokens

# Fraction of the memory a server may take (vLLM's flag of the same name; 0.9 for years, 0.92 in vLLM 0.32), and what
# activations, CUDA graphs and communication buffers need of it on each GPU.
GPU_MEMORY_UTILIZATION = 0.90
OVERHEAD_PER_GPU = Q(1.5, "GiB")


class Infeasible(ValueError):
    """The model does not fit. `.shortfall` is what is missing, `.mends` lists changes that were tried and fit."""

    def __init__(self, message: str, shortfall: Quantity, mends: tuple[str, ...]) -> None:
        super().__init__(message + (f" What would fit: {'; '.join(mends)}." if mends else ""))
        self.shortfall = shortfall
        self.mends = mends


def dtype_bytes(dtype: str) -> float:
    """Bytes of one number. Raises ValueError for an unknown type."""
    try:
        return BYTES[dtype]
    except KeyError:
        raise ValueError(f"unknown dtype {dtype!r}; known: {', '.join(BYTES)}") from None


def check_parallel(shape: ModelShape, gpus: int) -> None:
    """Raises ValueError unless tensor parallelism over `gpus` divides the heads evenly."""
    if isinstance(gpus, bool) or not isinstance(gpus, int) or gpus < 1:
        raise ValueError(f"gpus must be a whole number of at least 1, got {gpus!r}")
    if shape.heads % gpus:
        raise ValueError(f"{shape.key} has {shape.heads} attention heads, which {gpus} GPUs cannot share evenly")
    if max(shape.kv_heads, gpus) % min(shape.kv_heads, gpus):
        raise ValueError(
            f"{shape.key} has {shape.kv_heads} KV heads, which {gpus} GPUs can neither share nor copy evenly"
        )


@checked
def weights_bytes(shape: ModelShape, dtype: str = "bf16") -> Annotated[Quantity, "weights"]:
    """Memory of all weights. Quantisation scales (about 3 % at 4 bits in groups of 128) are left out."""
    return Q(shape.total_parameters * dtype_bytes(dtype) / 1e9, "GB")


def _kv_per_token(shape: ModelShape, dtype: str, gpus: int) -> float:
    return 2 * shape.layers * max(shape.kv_heads, gpus) * shape.head_dim * dtype_bytes(dtype)


@checked
def kv_bytes_per_token(shape: ModelShape, dtype: str = "bf16", gpus: int = 1) -> Annotated[Quantity, "kv_per_token"]:
    """KV cache of one token, summed over the GPUs. More GPUs than KV heads means copies, hence more bytes."""
    check_parallel(shape, gpus)
    return Q(_kv_per_token(shape, dtype, gpus) / 1024, "KiB/token")


def without_gqa(shape: ModelShape) -> ModelShape:
    """The same model with one KV head per query head (multi-head attention), to see what grouping saves."""
    return dataclasses.replace(shape, key=f"{shape.key} with MHA", kv_heads=shape.heads)


@checked_fields
@dataclass(frozen=True)
class MemoryPlan:
    """Where the memory of one replica goes. `memory` is what CUDA sees on all its GPUs together."""

    shape: ModelShape
    hardware: Hardware
    gpus: int
    weight_dtype: str
    kv_dtype: str
    memory: Annotated[Quantity, "memory"]
    budget: Annotated[Quantity, "memory"]
    weights: Annotated[Quantity, "weights"]
    overhead: Annotated[Quantity, "memory"]
    kv_pool: Annotated[Quantity, "memory"]
    kv_per_token: Annotated[Quantity, "kv_per_token"]
    context: Annotated[Quantity, "context_length"]

    def kv_tokens(self) -> int:
        """Tokens the pool holds, in whole blocks."""
        blocks = magnitude(self.kv_pool, "byte") / (magnitude(self.kv_per_token, "byte/token") * BLOCK_TOKENS)
        return math.floor(blocks + 1e-9) * BLOCK_TOKENS

    def sequences(self, context: Quantity | None = None) -> int:
        """Sequences of `context` tokens (default: the plan's) that fit at the same time."""
        tokens = magnitude(context if context is not None else self.context, "token/request", "context")
        blocks = max(1, math.ceil(tokens / BLOCK_TOKENS - 1e-9))
        return self.kv_tokens() // (blocks * BLOCK_TOKENS)

    def stack(self) -> list[tuple[str, Quantity]]:
        """Parts that add up to `memory`, bottom first, for a stacked bar."""
        return [
            ("weights", self.weights),
            ("activations and graphs", self.overhead),
            ("KV pool", self.kv_pool),
            ("not used by the engine", (self.memory - self.budget).to("GB")),
        ]


def _pool(device: Hardware, gpus: int, weights: Quantity, utilisation: float, overhead: Quantity) -> Quantity:
    return (gpus * (device.memory * utilisation - overhead) - weights).to("GB")


@checked
def fit(
    shape: ModelShape,
    device: Hardware,
    gpus: int = 1,
    *,
    context: PromptTokens | None = None,
    sequences: int = 1,
    weight_dtype: str = "bf16",
    kv_dtype: str = "bf16",
    gpu_memory_utilization: float = GPU_MEMORY_UTILIZATION,
    overhead_per_gpu: Memory = OVERHEAD_PER_GPU,
    also_resident: Memory | None = None,
) -> MemoryPlan:
    """Plan the memory of one replica that must hold `sequences` sequences of `context` tokens at the same time.

    context: default 2,048 tokens or the model's limit. also_resident: further weights in the same memory, such as a
    draft model. Raises Infeasible with the shortfall and what would mend it, and ValueError for
    arguments that make no sense.
    """
    if not 0 < gpu_memory_utilization <= 1:
        raise ValueError(f"gpu_memory_utilization must lie in (0, 1], got {gpu_memory_utilization}")
    if sequences < 1:
        raise ValueError(f"sequences must be at least 1, got {sequences}")
    check_parallel(shape, gpus)
    context = Q(min(2048, shape.max_context), "token/request") if context is None else context
    tokens = magnitude(context, "token/request", "context")
    if tokens > shape.max_context:
        raise ValueError(f"context of {tokens:,.0f} tokens exceeds the {shape.max_context:,} {shape.key} was made for")
    weights = weights_bytes(shape, weight_dtype) + (also_resident if also_resident is not None else Q(0, "GB"))
    pool = _pool(device, gpus, weights, gpu_memory_utilization, overhead_per_gpu)
    blocks = max(1, math.ceil(tokens / BLOCK_TOKENS - 1e-9))
    needed = Q(sequences * blocks * BLOCK_TOKENS * _kv_per_token(shape, kv_dtype, gpus) / 1e9, "GB")
    if pool < needed:
        shortfall = (needed - pool).to("GB")
        mends = _mends(
            shape, device, gpus, tokens, sequences, weight_dtype, kv_dtype, gpu_memory_utilization, overhead_per_gpu,
            also_resident,
        )  # fmt: skip
        raise Infeasible(
            f"{shape.key} ({weight_dtype}) on {gpus} x {device.name} is {show(shortfall)} short: weights "
            f"{show(weights)} and KV {show(needed)} for {sequences} x {tokens:,.0f} tokens, but the engine gets "
            f"{show((gpus * device.memory * gpu_memory_utilization).to('GB'))} and needs "
            f"{show((gpus * overhead_per_gpu).to('GB'))} for itself.",
            shortfall,
            mends,
        )
    return MemoryPlan(
        shape=shape,
        hardware=device,
        gpus=gpus,
        weight_dtype=weight_dtype,
        kv_dtype=kv_dtype,
        memory=(gpus * device.memory).to("GB"),
        budget=(gpus * device.memory * gpu_memory_utilization).to("GB"),
        weights=weights,
        overhead=(gpus * overhead_per_gpu).to("GB"),
        kv_pool=pool,
        kv_per_token=kv_bytes_per_token(shape, kv_dtype, gpus),
        context=context,
    )


def _mends(
    shape: ModelShape, device: Hardware, gpus: int, tokens: float, sequences: int, weight_dtype: str, kv_dtype: str,
    utilisation: float, overhead: Quantity, extra: Quantity | None,
) -> tuple[str, ...]:  # fmt: skip
    """One change at a time, each tried with the same sums; the smallest that fits of every sort."""

    def room(dev: Hardware, n: int, dtype: str) -> float:
        weights = weights_bytes(shape, dtype) + (extra if extra is not None else Q(0, "GB"))
        return magnitude(_pool(dev, n, weights, utilisation, overhead), "byte")

    def need(n: int, length: float) -> float:
        return sequences * math.ceil(length / BLOCK_TOKENS) * BLOCK_TOKENS * _kv_per_token(shape, kv_dtype, n)

    def divides(n: int) -> bool:
        return not shape.heads % n and not max(shape.kv_heads, n) % min(shape.kv_heads, n)

    found = []
    for n in (2, 4, 8, 16):
        if n > gpus and divides(n) and room(device, n, weight_dtype) >= need(n, tokens):
            found.append(f"{n} GPUs")
            break
    for dtype in ("fp8", "int4"):
        if dtype_bytes(dtype) < dtype_bytes(weight_dtype) and room(device, gpus, dtype) >= need(gpus, tokens):
            found.append(f"{dtype} weights")
            break
    per_sequence = room(device, gpus, weight_dtype) / sequences / _kv_per_token(shape, kv_dtype, gpus)
    if per_sequence >= BLOCK_TOKENS:
        found.append(f"a context of {math.floor(per_sequence / BLOCK_TOKENS) * BLOCK_TOKENS:,} tokens")
    for key in accelerator_keys():
        other = accelerator(key)
        if other.memory > device.memory and room(other, gpus, weight_dtype) >= need(gpus, tokens):
            found.append(f"{gpus} x {other.name}")
            break
    return tuple(found)
