"""Records simulated from a known engine model, with noise of a known size: what a fit must give back."""

from __future__ import annotations

import datetime as dt

import numpy as np

from reference.sizing.engine_model.model import EngineLimits, EngineModel, StepTime
from reference.sizing.engine_model.record import CalibrationRecord, LoadPoint, PrefillPoint, Spread, StepPoint
from reference.sizing.engine_model.replay import METRICS, Load, replay
from reference.sizing.evidence import Derived

LIMITS = EngineLimits(max_num_seqs=16, max_num_batched_tokens=512, kv_tokens=16384, max_model_len=2048)


def engine(
    base_ms=8.0, token_ms=0.02, sequence_ms=0.05, kv_us=0.02, pair_ns=2.0, overhead_ms=4.0, limits=LIMITS, **more
):
    """A made-up engine: `token_ms` per token of a step over its base."""
    knots = (1.0, 16.0, 512.0)
    seconds = tuple(1e-3 * (base_ms + token_ms * (k - 1)) for k in knots)
    step = StepTime(knots, seconds, sequence_ms / 1e3, kv_us / 1e6, pair_ns / 1e9)
    return EngineModel("made up", step, limits, Derived("engine_records.engine"), overhead_ms / 1e3, **more)


def spread(ms, rng, noise, n=9):
    value = ms * float(np.exp(noise * rng.standard_normal()))
    return Spread(median=value, p25=value * 0.99, p75=value * 1.01, n=n)


def load_point(model, load: Load, rng, noise=0.0, seed=0) -> LoadPoint:
    """What the model gives under the load, each figure off by `noise` (sd of its logarithm)."""
    found = replay(model, load, seed=seed)
    figures = {m: found[m] * float(np.exp(noise * rng.standard_normal())) for m in METRICS}
    fields = {name: getattr(load, name) for name in load.__dataclass_fields__}
    return LoadPoint(**fields, **figures, seconds=load.requests / found["request_s"])


def closed(users, n_in=128, n_out=32, **more) -> Load:
    return Load(n_in, n_out, max(8, 3 * users), concurrency=users, warmup=users, cooldown=users, **more)


def record(source, *, loads=(), steps=True, noise=0.0, seed=0, **more) -> CalibrationRecord:
    """A calibration record of the engine `source`: steps at two contexts, lone prompts, and the loads."""
    rng = np.random.default_rng(seed)
    limits = source.limits
    budget = limits.max_num_batched_tokens
    measured_steps = [
        StepPoint(batch=b, context=c, ms=spread(1e3 * source.step.step_s(b, b * c), rng, noise))
        for b in (1, 2, 4, 8, 16)
        for c in (64, 1024)
    ]
    prefills = [
        PrefillPoint(prompt=n, ms=spread(1e3 * (source.step.prefill_s(n, 0, budget) + source.overhead_s), rng, noise))
        for n in (16, 64, 256, 512, 1024, 1536)
    ]
    values = {
        "key": "made-up", "machine": "a machine that is none", "engine": "made up 1", "model": "none",
        "versions": {"none": "0"}, "command": "none", "date": dt.date(2026, 1, 1), "spread": "none",
        "limits": {name: getattr(limits, name) for name in limits.__dataclass_fields__},
        "steps": measured_steps if steps else [], "prefills": prefills if steps else [],
        "points": [load_point(source, load, rng, noise, seed=seed * 100 + k) for k, load in enumerate(loads)],
    }  # fmt: skip
    return CalibrationRecord(**(values | more))
