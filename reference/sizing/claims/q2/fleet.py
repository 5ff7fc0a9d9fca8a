"""Question 2's language model as a fleet of engines: a thousand long prompts a second, and what one passage costs."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from reference.sizing.engine_model.model import EngineModel
from reference.sizing.fleet.arrivals import RateProfile, arrival_times
from reference.sizing.fleet.design import FleetDesign, Routing
from reference.sizing.fleet.experiments import fewest_replicas
from reference.sizing.fleet.lengths import Lengths
from reference.sizing.fleet.run import FleetRun
from reference.sizing.fleet.workload import Workload
from reference.sizing.units import magnitude

from .assumptions import Q2Assumptions

RECORD = "h100-llama-3.1-8b-bf16"  # MEASURED: the assumed small model on an H100
LONGEST_ANSWER = 1024  # assumed max_tokens of an answer


def answer_engine() -> EngineModel:
    """The small model as it was measured on an H100. A minute of fitting, once per process."""
    from reference.sizing.engine_model.derived import fitted

    return fitted(RECORD).model


def answer_traffic(a: Q2Assumptions | None = None, *, seconds: float = 60.0, seed: int = 0) -> Workload:
    """Requests for answers at the peak rate: instructions (shared), question, passages; answers as the trace has them.

    Passages differ from question to question and come in another order, so nothing behind the instructions is cached.
    """
    a = a or Q2Assumptions()
    random = np.random.default_rng(seed)
    at = arrival_times(RateProfile.constant(magnitude(a.query_rate, "request/s"), seconds), random)
    mean = magnitude(a.output, "token/request")
    answers = Lengths.lognormal_from(mean=mean, median=mean / math.exp(a.generation_spread**2 / 2))
    answers = answers.cut(high=LONGEST_ANSWER)
    return Workload.of(
        at, round(magnitude(a.prompt, "token/request")), answers.sample(random, at.size),
        shared=round(a.instruction_tokens), horizon_s=seconds,
    )  # fmt: skip


def answer_fleet(
    a: Q2Assumptions | None = None, *, ttft_s: float, tpot_s: float = 0.05, percent: float = 95.0,
    seconds: float = 60.0, engine: EngineModel | None = None, seed: int = 0,
) -> tuple[int, FleetRun]:  # fmt: skip
    """Fewest replicas whose first token and time per token hold at `percent`, and the run that shows it.

    ttft_s: what retrieval leaves of the latency target. tpot_s: assumed 20 tokens/s, as fast as one reads.
    The first fifth of the run fills the empty engines and is not counted.
    """
    a = a or Q2Assumptions()
    model = engine or answer_engine()

    def good(run: FleetRun) -> bool:
        ttft = run.percentile("ttft", percent, seconds / 5)
        return ttft <= ttft_s and run.percentile("tpot", percent, seconds / 5) <= tpot_s

    return fewest_replicas(
        lambda replicas: FleetDesign.one(model, replicas, routing=Routing("least-loaded")),
        answer_traffic(a, seconds=seconds, seed=seed), good, low=8, seed=seed,
    )  # fmt: skip


def with_passages(a: Q2Assumptions, passages: int) -> Q2Assumptions:
    return dataclasses.replace(a, top_k=passages)
