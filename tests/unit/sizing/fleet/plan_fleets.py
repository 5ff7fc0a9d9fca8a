"""Cheap engines and small questions for the tests of the planner: a search takes a fraction of a second."""

from __future__ import annotations

import dataclasses

from reference.sizing.engine_model.model import CalibratedRange, EngineLimits, EngineModel, StepTime
from reference.sizing.evidence import Derived
from reference.sizing.fleet.plan.requirements import Requirements
from reference.sizing.fleet.plan.size import Effort
from reference.sizing.roofline import Deployment
from reference.sizing.units import Q

EFFORT = Effort(requests=600, slice=6, days=0, day_requests=2_000, day_replicas=3, window_s=20.0)

# A small service: short prompts and answers, the small model, two kinds of GPU.
SMALL = Requirements(
    users=50_000, messages_per_user=20, prompt_mean=120, prompt_p99=400, output_mean=12, output_p99=40,
    shared_prefix=20, max_context=1024, ttft_ms=300, ttft_percentile=90, tpot_ms=60, tpot_percentile=90,
    model="llama-3.1-8b", gpus=("l4", "a10g"), dtypes=("bf16",), max_gpus_per_replica=2, survive="replica",
    max_num_seqs=32,
)  # fmt: skip


def engine(base: float = 0.02, per_token: float = 5e-5, **limits: int) -> EngineModel:
    """A step of `base` seconds and `per_token` for each token more."""
    bounds = {"max_num_seqs": 32, "max_num_batched_tokens": 512, "kv_tokens": 40_000, "max_model_len": 1024, **limits}
    step = StepTime((1.0, 513.0), (base, base + 512 * per_token), kv_s=1e-8)
    return EngineModel("cheap", step, EngineLimits(**bounds), Derived("test"), overhead_s=0.002)


def engine_for(deployment: Deployment, requirements: Requirements) -> EngineModel:
    """An engine that is as fast as the deployment's rooflines, for whatever fits."""
    plan = deployment.memory_plan(Q(requirements.max_context, "token/request"))
    knots = (1.0, 64.0, 512.0, 2048.0)
    return EngineModel(
        deployment.name,
        StepTime(knots, tuple(deployment.step_seconds(tokens, 0) for tokens in knots)),
        EngineLimits(requirements.max_num_seqs, 2048, plan.kv_tokens(), requirements.max_context),
        Derived("test"),
    )


def calibrated(model: EngineModel, batch: float) -> EngineModel:
    """The same engine, as if measured up to this batch."""
    return dataclasses.replace(model, calibrated=CalibratedRange((1, batch), (1, 1e5), (1, 1e5)))
