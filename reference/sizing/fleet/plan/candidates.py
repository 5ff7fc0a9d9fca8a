"""Every GPU kind, number of GPUs and type of weights that the requirements allow: an engine model, or why not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

from reference.sizing.engine_model.model import EngineModel
from reference.sizing.hardware import Hardware, NoPrice, StalePrice
from reference.sizing.memory import Infeasible
from reference.sizing.roofline import Deployment
from reference.sizing.units import magnitude

from .formula import Load, tpot_floor_s, ttft_floor_s
from .requirements import Requirements

GPU_COUNTS = (1, 2, 4, 8)
EngineFor = Callable[[Deployment, Requirements], EngineModel]


@dataclass(frozen=True)
class Candidate:
    """One replica. `reason` says why it is out, with the number and the limit; engine and price are None then."""

    gpu: str
    gpus: int
    dtype: str
    name: str
    engine: EngineModel | None = None
    usd_per_hour: float | None = None
    price_note: str = ""
    reason: str = ""
    miss: float = 0.0  # how far the number lies beyond its limit, as a ratio; the smallest is the nearest miss


def default_engine(deployment: Deployment, requirements: Requirements) -> EngineModel:
    """The best engine model known: a calibration record, shares learnt on the same GPU, or the roofline."""
    from reference.sizing.engine_model.known import best_known_engine

    return best_known_engine(
        deployment,
        context=requirements.max_context,
        max_num_seqs=requirements.max_num_seqs,
        max_num_batched_tokens=batched_tokens(deployment.hardware, requirements),
    )


def batched_tokens(device: Hardware, requirements: Requirements) -> int:
    """What was asked for, or vLLM 0.32's default for a server: 8,192 from 70 GiB on except on an A100, else 2,048."""
    if requirements.max_num_batched_tokens is not None:
        return requirements.max_num_batched_tokens
    large = magnitude(device.memory, "GiB") >= 70 and "a100" not in device.name.lower()
    return max(8192 if large else 2048, requirements.max_num_seqs)


def load_of(requirements: Requirements) -> Load:
    """The mean request; of its prompt only the shared prefix is taken as cached, sessions are left to simulation."""
    shared = float(requirements.shared_prefix)
    return Load(requirements.prompt_mean, requirements.output_mean, shared, shared)


def candidates(requirements: Requirements, engine_for: EngineFor | None = None) -> list[Candidate]:
    """All combinations, in the order of the GPUs given; those that cannot work carry a reason."""
    build = engine_for or default_engine
    return [
        _candidate(requirements, gpu, gpus, dtype, build)
        for gpu in requirements.gpus
        for gpus in GPU_COUNTS
        if gpus <= requirements.max_gpus_per_replica
        for dtype in requirements.dtypes
    ]


def _candidate(requirements: Requirements, gpu: str, gpus: int, dtype: str, build: EngineFor) -> Candidate:
    device = requirements.hardware(gpu)
    name = f"{dtype} on {gpus} x {gpu}"

    def out(reason: str, miss: float) -> Candidate:
        return Candidate(gpu, gpus, dtype, name, reason=reason, miss=miss)

    try:
        deployment = Deployment(requirements.shape, device, gpus, weight_dtype=dtype)
        engine = build(deployment, requirements)
    except Infeasible as error:
        short = magnitude(error.shortfall, "GB") / (gpus * magnitude(device.memory, "GB"))
        return out(f"does not fit: {error}", 1 + short)
    except ValueError as error:
        return out(f"cannot be built: {error}", 100.0)
    faults = floors(requirements, engine)
    if faults:
        return out("; ".join(text for text, _ in faults), max(ratio for _, ratio in faults))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", StalePrice)  # the note says it
            price = device.price()
    except NoPrice:
        return out(
            f"no trustworthy price: the table knows 0 dated prices of {device.name}, 1 is needed; "
            f"give one, for example --price {gpu}=6.00",
            1.0,
        )
    usd = magnitude(price.usd_per_gpu_hour, "USD/gpu/h")
    note = f"{price.provider} {price.item}, {price.as_of or 'date unknown'}"
    if stale := price.stale():
        note += f"; {stale}"
    return Candidate(gpu, gpus, dtype, name, engine, usd * gpus, note)


def floors(requirements: Requirements, engine: EngineModel) -> list[tuple[str, float]]:
    """What a lone request on an idle replica already misses, as (sentence, ratio to the target)."""
    faults = []
    percent = requirements.ttft_percentile
    prompt = requirements.quantile("prompt", percent)
    ttft = ttft_floor_s(engine, prompt, requirements.shared_prefix) * 1000
    if ttft > requirements.ttft_ms:
        faults.append(
            (
                f"TTFT floor {ttft:,.0f} ms is above the target of {requirements.ttft_ms:,.0f} ms: the p{percent:g} "
                f"prompt of {prompt:,.0f} tokens, {requirements.shared_prefix:,} of them cached, on an idle replica",
                ttft / requirements.ttft_ms,
            )
        )
    context = requirements.prompt_mean + requirements.output_mean / 2
    tpot = tpot_floor_s(engine, context) * 1000
    if tpot > requirements.tpot_ms:
        faults.append(
            (
                f"TPOT floor {tpot:,.1f} ms is above the target of {requirements.tpot_ms:,.1f} ms: one sequence of "
                f"{context:,.0f} tokens on an idle replica",
                tpot / requirements.tpot_ms,
            )
        )
    return faults
