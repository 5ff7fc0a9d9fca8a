"""Fleets drawn at random, cheap to run, and the laws that hold whatever a fleet is. A broken law is a bug."""

from __future__ import annotations

import math

import numpy as np

from reference.sizing.engine_model.model import EngineLimits, EngineModel, StepTime
from reference.sizing.evidence import Derived

from .design import POLICIES, Admission, Autoscaling, FleetDesign, Outage, Region, Retry, Routing
from .run import FleetRun
from .workload import Workload

CLOSE = 1e-4  # float32 holds a time of an hour to about this


def random_case(seed: int, requests: int = 400) -> tuple[Workload, FleetDesign]:
    """A workload and a fleet that has some of everything: queues, full KV pools, retries, outages, two regions."""
    random = np.random.default_rng(seed)
    engine = _engine(random)
    regions = int(random.integers(1, 3))
    made = tuple(_region(random, i, regions) for i in range(regions))
    n_out = 1 + random.geometric(1 / random.uniform(2, 120), requests)
    longest = engine.limits.max_model_len
    n_out = np.minimum(n_out, longest // 2)
    n_in = np.clip(random.lognormal(4.5, 1.0, requests).astype(int), 1, longest - n_out)
    shared = np.minimum(int(random.integers(0, 2)) * int(random.integers(0, 200)), n_in - 1)
    session = random.integers(-1, max(1, requests // 6), requests)
    history = np.where(session >= 0, ((n_in - 1 - shared) * random.uniform(0, 1, requests)).astype(int), 0)
    per_request = engine.step.prefill_s(float(n_in.mean()), budget=engine.limits.max_num_batched_tokens)
    per_request += float(n_out.mean()) * engine.step.step_s(1, 0) / min(8, engine.limits.max_num_seqs)
    rate = random.uniform(0.2, 1.5) * sum(r.scaling.least for r in made) / per_request
    arrived = np.cumsum(random.exponential(1 / rate, requests))
    workload = Workload.of(
        arrived, n_in, n_out, session=session, shared=shared, history=history,
        region=random.integers(0, regions, requests), horizon_s=float(arrived[-1]) * random.uniform(1, 1.5),
    )  # fmt: skip
    retry = Retry(
        attempts=int(random.integers(1, 4)),
        timeout_s=float(random.choice([math.inf, 3 * per_request, 30 * per_request])),
        cancels=bool(random.integers(0, 2)), backoff_s=per_request, budget=[None, 0.1][int(random.integers(0, 2))],
    )  # fmt: skip
    design = FleetDesign(
        engine, made,
        Routing(POLICIES[int(random.integers(0, len(POLICIES)))]),
        Admission([None, 4][int(random.integers(0, 2))], [None, 12][int(random.integers(0, 2))]),
        retry, _outages(random, made, float(arrived[-1])), 2.5,
    )  # fmt: skip
    return workload, design


def _engine(random: np.random.Generator) -> EngineModel:
    base, slope = random.uniform(0.003, 0.03), random.uniform(1e-5, 2e-4)
    flat = float(random.integers(2, 200))  # a roofline: flat while the weights are read, then rising
    step = StepTime(
        (1.0, flat, flat + 1000), (base, base, base + 1000 * slope),
        sequence_s=random.uniform(0, 1e-4), kv_s=random.uniform(0, 1e-7), pair_s=random.uniform(0, 1e-8),
    )  # fmt: skip
    block = int(random.choice([1, 16, 24]))
    kv = int(random.integers(700, 6000))
    seqs = int(random.integers(1, 33))
    limits = EngineLimits(seqs, max(seqs, int(random.integers(16, 600))), kv, kv // block * block // 2, block,
                          bool(random.integers(0, 2)))  # fmt: skip
    noise = float(random.choice([0.0, 0.0, 0.1]))
    return EngineModel("drawn", step, limits, Derived("oracle_designs.random_case"), 0.002, noise)


def _region(random: np.random.Generator, index: int, regions: int) -> Region:
    least = int(random.integers(1, 5))
    most = least + int(random.choice([0, 0, 4]))
    schedule = ((1.0, most),) if random.integers(0, 2) else ()
    scaling = Autoscaling(
        least, most, target_in_flight=float(random.uniform(1, 10)), every_s=float(random.uniform(0.2, 2)),
        down_after_s=float(random.uniform(0, 5)), cold_start_s=float(random.uniform(0, 5)),
        warm_pool=int(random.integers(0, 2)), warm_start_s=0.3, schedule=schedule,
    )  # fmt: skip
    others = tuple(f"region {i}" for i in range(regions) if i != index)
    above = float(random.choice([math.inf, 6.0]))
    return Region(f"region {index}", scaling, zones=2, spill_to=others, spill_above=above, rtt_s=0.05)


def _outages(random: np.random.Generator, regions: tuple[Region, ...], end_s: float) -> tuple[Outage, ...]:
    if random.random() < 0.5:
        return ()
    scopes = ("replica", "zone", "region")
    return tuple(
        Outage(
            float(random.uniform(0, end_s)), float(random.uniform(0.1, 1) * end_s),
            scopes[int(random.integers(0, 3))], 0, int(random.integers(0, len(regions))),  # type: ignore[arg-type]
        )
        for _ in range(int(random.integers(1, 3)))
    )  # fmt: skip


def fastest_token_s(engine: EngineModel) -> float:
    """No token of an answer can cost less: the best step over all batches, reading no cache."""
    step, seqs = engine.step, engine.limits.max_num_seqs
    return min((step.curve(n) + step.sequence_s * n) / n for n in range(1, seqs + 1))


def violations(run: FleetRun) -> list[str]:
    """Names of the laws that the run breaks; empty where all is well."""
    workload, design, limits = run.workload, run.design, run.design.engine.limits
    engine, step = design.engine, design.engine.step
    answered = run.outcome == 0
    quiet = engine.noise_cv == 0
    work = int(workload.n_out[answered].sum())
    single = design.retry.attempts == 1 and math.isinf(design.retry.timeout_s) and run.lost_tries == 0
    away = answered & (run.served_by != workload.region)
    rtt = np.array([region.rtt_s for region in design.regions])[np.maximum(run.served_by, 0)] * away
    in_engine = run.e2e_s - engine.overhead_s - rtt
    inside = float(in_engine[answered].sum(dtype=float))
    cold = [step.prefill_s(float(n - hit), float(hit), limits.max_num_batched_tokens)
            for n, hit in zip(workload.n_in[answered], run.hit_tokens[answered], strict=True)]  # fmt: skip
    reading = (run.ttft_s - engine.overhead_s - rtt)[answered]
    whole_block = limits.kv_tokens // limits.block_tokens * limits.block_tokens
    least_paid = sum(region.scaling.least + region.scaling.warm_pool for region in design.regions)
    laws = {
        "the batch stays within max_num_seqs": run.most_running <= limits.max_num_seqs,
        "KV in use stays within the pool": run.most_kv_tokens <= whole_block,
        "a step stays within the token budget": run.most_step_tokens <= limits.max_num_batched_tokens,
        "tokens out stay below the roof": not quiet
        or run.tokens_out * fastest_token_s(engine) <= run.busy_s * 1.000001,
        "every request ends once": bool(np.isin(run.outcome, (0, 1, 2, 3)).all()),
        "answered ones have times, others none": bool((np.isfinite(run.e2e_s) == answered).all())
        and bool((np.isfinite(run.ttft_s) == answered).all()),
        "the last token is not before the first": bool((in_engine[answered] >= reading - CLOSE).all()),
        "tries stay within the policy": bool(((run.attempts >= 1) & (run.attempts <= design.retry.attempts)).all()),
        "every answer is made whole": run.tokens_out >= work and (not single or run.tokens_out == work),
        "Little's law": abs(inside - run.in_flight_s) <= CLOSE * (1 + inside) if single else inside > -CLOSE,
        "a first token takes its prompt's time": not quiet or bool((reading >= np.array(cold) - CLOSE).all()),
        "a hit leaves the last token": bool((run.hit_tokens < workload.n_in).all()),
        "hits are whole blocks": bool((run.hit_tokens % limits.block_tokens == 0).all()),
        "the least number is paid": bool(design.outages)
        or run.replica_hours >= least_paid * workload.horizon_s / 3600 * 0.999999,
    }
    return [name for name, holds in laws.items() if not holds]
