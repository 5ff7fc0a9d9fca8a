"""Engine models of machines that were not measured: from a roofline, or from shares of it that another model reached.

`known.best_known_engine` chooses between them and the fitted record of exactly the deployment.
"""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from reference.sizing.evidence import Derived
from reference.sizing.roofline import Deployment
from reference.sizing.throughput import MAX_NUM_SEQS
from reference.sizing.units import Q, magnitude

from .fitted import Fitted
from .model import EngineLimits, EngineModel, StepTime
from .record import CalibrationRecord, records
from .replay import Load, replay
from .roofs import deployment_of, kv_roof_s, pair_roof_s, roofs
from .stored import fit_or_load

# Tokens of a step, as vLLM 0.26 chose them by itself for an offline engine (measurements/h100-*.json).
MAX_NUM_BATCHED_TOKENS = 2048


def knots_for(deployment: Deployment, budget: int) -> tuple[float, ...]:
    """Powers of two up to the budget, and the ridge: where arithmetic takes over from reading the weights."""
    knots = {2.0**k for k in range(budget.bit_length()) if 2**k <= budget} | {float(budget)}

    def compute_bound(tokens: float) -> bool:
        memory, arithmetic = roofs(deployment, tokens)
        return arithmetic > memory

    low, high = 1, budget
    if compute_bound(high) and not compute_bound(low):
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if compute_bound(middle) else (middle, high)
        knots |= {float(low), float(high)}
    return tuple(sorted(knots))


def _limits(
    deployment: Deployment, context: int, max_num_seqs: int, budget: int | None, prefix_caching: bool
) -> EngineLimits:
    plan = deployment.memory_plan(Q(context, "token/request"))
    return EngineLimits(
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max(MAX_NUM_BATCHED_TOKENS, max_num_seqs) if budget is None else budget,
        kv_tokens=plan.kv_tokens(),
        max_model_len=context,
        prefix_caching=prefix_caching,
        async_scheduling=True,  # vLLM's default on GPUs since 0.14
    )


def engine_from_deployment(
    deployment: Deployment, *, context: int, max_num_seqs: int = MAX_NUM_SEQS,
    max_num_batched_tokens: int | None = None, prefix_caching: bool = True, name: str | None = None,
) -> EngineModel:  # fmt: skip
    """An engine model from the roofline with the deployment's efficiencies; `context`: longest sequence, tokens.

    A step reads the weights and then the cache, so memory and arithmetic of different parts add up where
    `Deployment.step_seconds` takes the larger of the sums: this model is never the faster one.
    Raises Infeasible where one sequence of `context` tokens does not fit.
    """
    limits = _limits(deployment, context, max_num_seqs, max_num_batched_tokens, prefix_caching)
    knots = knots_for(deployment, limits.max_num_batched_tokens)
    host = magnitude(deployment.host_overhead, "s")
    seconds, slowest = [], 0.0
    for tokens in knots:
        memory, arithmetic = roofs(deployment, tokens)
        longest = max(memory / deployment.bandwidth_efficiency, arithmetic / deployment.compute_efficiency)
        slowest = max(slowest, longest + deployment.communication(tokens) + host)
        seconds.append(slowest)
    evidence = Derived(
        "engine_model.derived.engine_from_deployment",
        {
            "deployment": deployment.name, "context": context, "max_num_seqs": max_num_seqs,
            "bandwidth_efficiency": deployment.bandwidth_efficiency,
            "compute_efficiency": deployment.compute_efficiency,
        },
    )  # fmt: skip
    step = StepTime(
        knots, tuple(seconds), 0.0, kv_roof_s(deployment) / deployment.bandwidth_efficiency,
        pair_roof_s(deployment) / deployment.compute_efficiency,
    )  # fmt: skip
    return EngineModel(name or deployment.name, step, limits, evidence)


@functools.cache
def fitted(key: str) -> Fitted:
    """The fit of a record of `measurements/`, with all its points: stored, or made. Raises KeyError with the keys."""
    known = records()
    if key not in known:
        raise KeyError(f"no calibration record {key!r}; known: {', '.join(known)}")
    return fit_or_load(known[key])


def record_for(deployment: Deployment) -> CalibrationRecord | None:
    """The record of the same GPU, number of them, model and weight type that holds most; None if there is none."""
    wanted = (deployment.hardware.key, deployment.gpus, deployment.shape.key, deployment.weight_dtype)
    same = [r for r in records().values() if (r.hardware, r.gpus, r.model, r.weight_dtype) == wanted]
    return max(same, key=lambda r: len(r.steps) + len(r.prefills) + len(r.points), default=None)


@dataclass(frozen=True)
class Shares:
    """What a measured engine reached. host_s: seconds of a step that are neither memory nor arithmetic. knots,
    share: of the roof, by tokens of a step. kv, pair: share of the bandwidth and of the peak in attention."""

    host_s: float
    knots: tuple[float, ...]
    share: tuple[float, ...]
    kv: float
    pair: float

    def at(self, tokens: float) -> float:
        """Linear in the logarithm of the tokens, the outermost beyond."""
        import numpy as np

        return float(np.interp(math.log(tokens), [math.log(k) for k in self.knots], self.share))


def shares_of(source: Fitted) -> Shares:
    """Efficiencies of a fitted record, against the data sheet.

    Reading the weights and the host's work cannot be told apart from one engine: the bandwidth that the record measured
    (`read_gb_s`) is taken for the weights, or the usual share where it measured none; the rest is the host's.
    """
    record, step = source.record, source.model.step
    deployment = deployment_of(record)
    reach = deployment.bandwidth_efficiency
    if record.read_gb_s is not None:
        reach = min(1.0, record.gpus * record.read_gb_s * 1e9 / deployment.bandwidth)
    host = max(0.0, step.curve(1) - roofs(deployment, 1)[0] / reach)
    share = tuple(min(1.0, max(roofs(deployment, k)) / max(step.curve(k) - host, 1e-12)) for k in step.knots)
    kv, pair = kv_roof_s(deployment), pair_roof_s(deployment)
    return Shares(
        host, step.knots, share,
        kv=min(1.0, kv / step.kv_s) if step.kv_s else 1.0, pair=min(1.0, pair / step.pair_s) if step.pair_s else 1.0,
    )  # fmt: skip


def transferred(
    source: Fitted, deployment: Deployment, *, context: int, max_num_seqs: int | None = None,
    max_num_batched_tokens: int | None = None, uncertainty: str | None = None,
) -> EngineModel:  # fmt: skip
    """Another model on the GPU of a record, at the shares of the roofs that the record reached there.

    Evidence is DERIVED from MEASURED; `uncertainty` says how far off this was where it could be tried, by default
    between the records of the H100 (`transfer_errors`). Raises ValueError for another GPU.
    """
    record = source.record
    if record.hardware != deployment.hardware.key:
        raise ValueError(
            f"{record.key} was measured on {record.hardware or record.machine}; its efficiencies say nothing about "
            f"{deployment.hardware.key}"
        )
    shares = shares_of(source)
    limits = _limits(
        deployment, context, max_num_seqs or record.limits.max_num_seqs,
        max_num_batched_tokens or record.limits.max_num_batched_tokens, record.limits.prefix_caching,
    )  # fmt: skip
    knots = tuple(sorted(set(knots_for(deployment, limits.max_num_batched_tokens)) | set(shares.knots)))
    seconds, slowest = [], 0.0
    for tokens in knots:
        least = max(roofs(deployment, tokens)) / shares.at(tokens)
        slowest = max(slowest, least + shares.host_s + deployment.communication(tokens))
        seconds.append(slowest)
    step = StepTime(
        knots, tuple(seconds), source.model.step.sequence_s,
        kv_roof_s(deployment) / shares.kv,
        pair_roof_s(deployment) / shares.pair,
    )  # fmt: skip
    evidence = Derived(
        "engine_model.derived.transferred",
        {
            "record": record.key, "deployment": deployment.name, "host_s": shares.host_s,
            "share_of_roof": {f"{k:g} tokens": round(s, 3) for k, s in zip(shares.knots, shares.share, strict=True)},
            "uncertainty": uncertainty if uncertainty is not None else uncertainty_text(),
            "measured": record.evidence.summary(),
        },
    )  # fmt: skip
    return EngineModel(
        f"{deployment.name}, as {record.key}", step, limits, evidence, source.model.overhead_s, source.model.noise_cv
    )


def transfer_errors(keys: Sequence[str] = ("h100-llama-3.1-8b-bf16", "h100-llama-3.1-8b-fp8")) -> dict[str, float]:
    """Metric -> median absolute relative error of the records' closed loops, each predicted from another's shares."""
    errors: dict[str, list[float]] = {"output_tok_s": [], "tpot_p50_ms": [], "ttft_p50_ms": []}
    for source in keys:
        for target in keys:
            if source == target:
                continue
            record = fitted(target).record
            model = transferred(
                fitted(source), deployment_of(record), context=record.limits.max_model_len, uncertainty="",
            )  # fmt: skip
            for point in record.points:
                if point.concurrency is None or point.void is not None:
                    continue
                found = replay(model, Load.of(point))
                for metric, values in errors.items():
                    values.append(abs(found[metric] / getattr(point, metric) - 1))
    return {metric: statistics.median(values) for metric, values in errors.items()}


@functools.cache
def uncertainty_text() -> str:
    """In words: how far off a model is that was carried over from another record."""
    errors = transfer_errors()
    shown = ", ".join(f"{metric} {error:.0%}" for metric, error in errors.items())
    return f"median error of predicting the H100's bf16 record from its fp8 record and back: {shown}"
