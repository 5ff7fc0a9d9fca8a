"""The readable replica and the compiled one were written apart from each other and must agree to the token."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.sizing.engine_model.model import EngineLimits, EngineModel, StepTime
from reference.sizing.evidence import Derived
from reference.sizing.fleet.engine import simulate_engine
from reference.sizing.fleet.teaching import simulate_with_simpy
from reference.sizing.fleet.workload import Workload

STEP = StepTime((1, 8, 64), (0.004, 0.005, 0.02), sequence_s=3e-5, kv_s=1e-6, pair_s=1e-8)


def engine(seqs: int, budget: int, kv_tokens: int, block: int) -> EngineModel:
    longest = kv_tokens // block * block
    limits = EngineLimits(seqs, max(seqs, budget), kv_tokens, longest, block, prefix_caching=False)
    return EngineModel("small", STEP, limits, Derived("test"))


@pytest.mark.slow
@settings(max_examples=150)
@given(
    requests=st.lists(st.tuples(st.floats(0, 0.3), st.integers(1, 70), st.integers(1, 25)), min_size=1, max_size=25),
    seqs=st.integers(1, 8),
    budget=st.integers(1, 48),
    kv_tokens=st.integers(115, 300),  # the longest request, 95 tokens, fits in whole blocks of up to 20
    block=st.integers(1, 20),
)
def test_the_core_and_the_simpy_twin_give_the_same_times(
    requests: list[tuple[float, int, int]], seqs: int, budget: int, kv_tokens: int, block: int
) -> None:
    gaps, n_in, n_out = zip(*requests, strict=True)
    arrived = np.cumsum(np.array(gaps) + 1e-7 * np.arange(1, len(gaps) + 1) ** 0.5)  # no two at the same instant
    model = engine(seqs, budget, kv_tokens, block)
    run = simulate_engine(Workload.of(arrived, n_in, n_out), model)
    twin = simulate_with_simpy(arrived.tolist(), n_in, n_out, model)
    assert np.allclose(run.ttft_s, [s.first - s.sent for s in twin], rtol=0, atol=1e-9)
    assert np.allclose(run.e2e_s, [s.last - s.sent for s in twin], rtol=0, atol=1e-9)


def test_chunked_prompts_and_pre_emptions_are_among_the_cases_compared() -> None:
    model = engine(seqs=6, budget=16, kv_tokens=120, block=4)
    arrived, n_in, n_out = np.arange(12) * 0.01 + 0.001, [30] * 12, [40] * 12
    run = simulate_engine(Workload.of(arrived, n_in, n_out), model)
    assert run.preemptions > 0
    twin = simulate_with_simpy(arrived.tolist(), n_in, n_out, model)
    assert np.allclose(run.e2e_s, [s.last - s.sent for s in twin], rtol=0, atol=1e-9)
