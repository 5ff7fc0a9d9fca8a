"""One replica: what a step costs, what gets into it, and that leaps change nothing."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.sizing.engine_model.model import EngineLimits, EngineModel, StepTime
from reference.sizing.evidence import Derived
from reference.sizing.fleet.engine import simulate_closed_loop, simulate_engine
from reference.sizing.fleet.workload import Workload

STEP = StepTime((1, 8, 64), (0.004, 0.005, 0.02), sequence_s=3e-5, kv_s=1e-6, pair_s=1e-8)


def engine(**more: object) -> EngineModel:
    numbers = {"max_num_seqs": 8, "max_num_batched_tokens": 64, "kv_tokens": 4000, "max_model_len": 4000}
    limits = EngineLimits(**(numbers | {k: v for k, v in more.items() if k not in ("overhead_s", "noise_cv")}))  # type: ignore[arg-type]
    other = {k: v for k, v in more.items() if k in ("overhead_s", "noise_cv")}
    return EngineModel("small", STEP, limits, Derived("test"), **other)  # type: ignore[arg-type]


def test_a_request_alone_costs_what_the_model_says() -> None:
    model = engine(overhead_s=0.01)
    run = simulate_engine(Workload.of([5.0], 150, 4), model)
    first = STEP.prefill_s(150, budget=64)
    decodes = [STEP.step_s(1, 150 + made) for made in (1, 2, 3)]
    assert run.ttft_s[0] == pytest.approx(first + 0.01, abs=1e-12)
    assert run.e2e_s[0] == pytest.approx(first + sum(decodes) + 0.01, abs=1e-12)
    assert run.tpot_s[0] == pytest.approx(sum(decodes) / 3, abs=1e-12)
    assert (run.steps, run.tokens_out) == (3 + 3, 4)


@pytest.mark.slow
@settings(max_examples=60)
@given(
    requests=st.lists(st.tuples(st.floats(0, 0.5), st.integers(1, 300), st.integers(1, 90)), min_size=1, max_size=40),
    seqs=st.integers(1, 16),
    kv_tokens=st.integers(400, 1500),
    block=st.integers(1, 20),
    shared=st.integers(0, 100),
)
def test_leaps_give_the_times_of_single_steps(
    requests: list[tuple[float, int, int]], seqs: int, kv_tokens: int, block: int, shared: int
) -> None:
    gaps, n_in, n_out = zip(*requests, strict=True)
    arrived = np.cumsum(np.array(gaps) + 1e-7 * np.arange(1, len(gaps) + 1) ** 0.5)  # no two at the same instant
    model = engine(max_num_seqs=seqs, kv_tokens=kv_tokens, max_model_len=kv_tokens // block * block, block_tokens=block)
    workload = Workload.of(arrived, n_in, n_out, shared=np.minimum(shared, np.array(n_in) - 1))
    leaps, steps = simulate_engine(workload, model), simulate_engine(workload, model, leaps=False)
    assert np.allclose(leaps.ttft_s, steps.ttft_s, rtol=0, atol=1e-9)
    assert np.allclose(leaps.e2e_s, steps.e2e_s, rtol=0, atol=1e-9)
    assert leaps.steps == steps.steps
    assert leaps.preemptions == steps.preemptions
    assert (leaps.hit_tokens == steps.hit_tokens).all()


def test_noise_changes_single_times_and_keeps_the_mean() -> None:
    arrived = np.arange(400) * 10.0
    quiet = simulate_engine(Workload.of(arrived, 10, 200), engine())
    noisy = simulate_engine(Workload.of(arrived, 10, 200), engine(noise_cv=0.2), seed=3)
    single = simulate_engine(Workload.of(arrived, 10, 200), engine(noise_cv=0.2), seed=3, leaps=False)
    # The mean of 199 steps spreads by 0.2 / sqrt(199) = 1.4 %, that of 400 of them by 0.07 %.
    for run in (noisy, single):
        assert float(np.mean(run.tpot_s / quiet.tpot_s)) == pytest.approx(1, abs=0.003)
        assert float(np.std(run.tpot_s / quiet.tpot_s)) == pytest.approx(0.2 / math.sqrt(199), rel=0.15)


def test_a_batch_beyond_max_num_seqs_waits_and_a_pool_that_fills_pre_empts_the_latest() -> None:
    full = simulate_engine(Workload.of(np.arange(20) * 1e-3, 10, 50), engine(max_num_seqs=4))
    assert full.most_running == 4
    assert full.preemptions == 0
    tight = simulate_engine(
        Workload.of(np.arange(4) * 1e-3, 32, 60), engine(kv_tokens=200, max_model_len=200, prefix_caching=False)
    )
    assert tight.preemptions > 0
    assert tight.most_kv_tokens <= 200
    assert np.argmax(tight.e2e_s) == 3, "the latest admitted gives way"
    assert tight.tokens_out == 4 * 60


def test_a_common_prefix_is_read_once_and_a_history_where_the_last_turn_ran() -> None:
    at = np.arange(4) * 5.0
    run = simulate_engine(
        Workload.of(at, [100, 200, 100, 200], 8, shared=40, session=[1, 1, 2, 2], history=[0, 100, 0, 140]), engine()
    )
    # Whole blocks of 16; the last turn of session 1 left 100 + 8 - 1 tokens, which is less than shared + history.
    assert run.hit_tokens.tolist() == [0, 96, 32, 96]
    assert run.ttft_s[2] == pytest.approx(STEP.prefill_s(68, 32, 64), abs=1e-9)
    without = simulate_engine(Workload.of(at, 100, 8, shared=40), engine(prefix_caching=False))
    assert without.hit_tokens.sum() == 0


def test_a_history_is_gone_once_as_many_blocks_were_allocated_as_are_free() -> None:
    def second_turn(between: int) -> int:
        at, n_in = np.arange(between + 2) * 5.0, np.full(between + 2, 100)
        session = np.array([7, *([-1] * between), 7])
        history = np.array([0, *([0] * between), 90])
        return int(
            simulate_engine(Workload.of(at, n_in, 13, session=session, history=history), engine()).hit_tokens[-1]
        )

    # A stranger takes 7 blocks of 250, so 35 of them fit beside what the session left and the 36th pushes it out.
    assert second_turn(35) == 80
    assert second_turn(36) == 0


def test_one_after_the_other_a_closed_loop_is_the_sum_of_its_requests() -> None:
    run = simulate_closed_loop(engine(overhead_s=0.5), 1, [30] * 5, [6] * 5)
    alone = STEP.prefill_s(30) + sum(STEP.step_s(1, 30 + made) for made in range(1, 6))
    assert run.sent_s == pytest.approx(np.arange(5) * alone, abs=1e-9)
    assert run.e2e_s == pytest.approx(np.full(5, alone + 0.5), abs=1e-9)


def test_a_closed_loop_keeps_its_number_in_flight_and_a_larger_one_makes_more_tokens() -> None:
    runs = [simulate_closed_loop(engine(max_num_seqs=64), c, [20] * 200, [40] * 200) for c in (1, 4, 16)]
    for run, concurrency in zip(runs, (1, 4, 16), strict=True):
        assert run.most_running <= concurrency
        in_flight = [
            (run.sent_s <= at).sum() - (run.sent_s + run.e2e_s <= at + 1e-9).sum()
            for at in run.sent_s[concurrency:-concurrency]
        ]
        assert set(in_flight) == {concurrency}
    rates = [run.output_rate(40, 159) for run in runs]
    assert rates[0] < rates[1] < rates[2]
    with pytest.raises(ValueError, match="concurrency"):
        simulate_closed_loop(engine(), 0, [1], [1])


def test_what_can_never_fit_is_refused_with_field_count_and_limit() -> None:
    with pytest.raises(ValueError, match=r"max_model_len \(500\) in 2 of 3 requests"):
        simulate_engine(Workload.of([0, 1, 2], [495, 495, 5], 10), engine(max_model_len=500))
    with pytest.raises(ValueError, match="whole blocks"):
        simulate_engine(
            Workload.of([0.0], 30, 10), engine(kv_tokens=40, max_model_len=40, block_tokens=16, max_num_seqs=1)
        )


PLAIN = """
from reference.sizing.fleet.oracle_designs import random_case
from reference.sizing.fleet.simulate import simulate
for seed in range(6):
    workload, design = random_case(seed, 150)
    run = simulate(workload, design, seed=seed)
    print(run.e2e_s.tobytes().hex(), run.outcome.tolist(), run.hit_tokens.tolist(), run.steps, run.replica_hours)
"""


@pytest.mark.slow
def test_without_compilation_the_result_is_the_same() -> None:
    said = [
        subprocess.run(
            [sys.executable, "-c", PLAIN],
            env=os.environ | {"NUMBA_DISABLE_JIT": off},
            check=True,
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[3],
        ).stdout
        for off in ("0", "1")
    ]
    assert said[0] == said[1]
    assert said[0].count("\n") == 6
