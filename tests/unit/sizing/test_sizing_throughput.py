import dataclasses

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sizing_strategies import batches, deployments, outputs, prompts, tokens

from reference.sizing import (
    Deployment,
    Infeasible,
    Q,
    Unreachable,
    accelerator,
    capacity,
    closed_loop,
    magnitude,
    shape,
)

# Random deployments are odd on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::reference.sizing.bands.ImplausibleWarning")

H100_PAIR_FP8 = Deployment(shape("llama-3.1-70b"), accelerator("h100"), 2, weight_dtype="fp8")


@pytest.mark.parametrize(
    ("concurrency", "tokens_per_second", "itl_ms", "ttft_ms"),
    [(1, 51.7, 18.6, 407), (25, 623, 38.8, 689), (50, 814, 59.7, 835)],
)
def test_closed_loop_comes_near_published_measurements(
    concurrency: int, tokens_per_second: float, itl_ms: float, ttft_ms: float
) -> None:
    # NVIDIA NIM 1.8.0, Llama-3.3-70B FP8, 2 x H100, 5,000 tokens in, 500 out (docs.nvidia.com/nim/benchmarking/llm).
    # Nothing was fitted to these points but the order of COMPUTE_EFFICIENCY, so 25 % is what the model is good for.
    point = closed_loop(H100_PAIR_FP8, concurrency, tokens(5000), tokens(500))
    assert magnitude(point.output_rate, "token/s") == pytest.approx(tokens_per_second, rel=0.25)
    assert magnitude(point.tpot, "ms/token") == pytest.approx(itl_ms, rel=0.25)
    assert magnitude(point.ttft, "ms") == pytest.approx(ttft_ms, rel=0.25)


@given(replica=deployments(), concurrency=batches, n_in=prompts, n_out=outputs)
def test_littles_law_holds_in_the_closed_loop(replica: Deployment, concurrency: int, n_in: int, n_out: int) -> None:
    point = closed_loop(replica, concurrency, tokens(n_in), tokens(n_out))
    in_system = magnitude(point.request_rate, "request/s") * magnitude(point.e2e, "s")
    assert in_system == pytest.approx(concurrency, rel=1e-9)
    parts = magnitude(point.ttft, "s") + (n_out - 1) * magnitude(point.tpot, "s/token")
    if n_out > 1:
        assert parts == pytest.approx(magnitude(point.e2e, "s"), rel=1e-9)


@given(replica=deployments(), a=batches, b=batches, n_in=prompts, n_out=outputs)
def test_throughput_never_falls_with_concurrency(replica: Deployment, a: int, b: int, n_in: int, n_out: int) -> None:
    low, high = (closed_loop(replica, c, tokens(n_in), tokens(n_out)) for c in sorted((a, b)))
    assert low.request_rate <= high.request_rate * (1 + 1e-9)
    assert low.e2e <= high.e2e * (1 + 1e-9)


@pytest.mark.slow
@given(replica=deployments(), n_in=st.integers(16, 4000), n_out=st.integers(1, 1000), data=st.data())
def test_capacity_is_the_smallest_of_its_limits_and_fits_in_memory(
    replica: Deployment, n_in: int, n_out: int, data: st.DataObject
) -> None:
    slots = data.draw(st.integers(1, 512))
    try:
        found = capacity(replica, tokens(n_in), tokens(n_out), max_num_seqs=slots)
    except (Infeasible, ValueError):
        assume(False)
    assert found.binding in found.limits
    assert all(found.request_rate <= limit * (1 + 1e-9) for limit in found.limits.values())
    assert magnitude(found.concurrency, "request") <= slots
    plan = replica.memory_plan(tokens(n_in + n_out))
    held = magnitude(found.concurrency, "request") * (n_in + n_out / 2)
    assert held <= max(plan.kv_tokens(), n_in + n_out / 2) * (1 + 1e-9)


@pytest.mark.slow
@given(n_in=st.integers(100, 3000), n_out=st.integers(10, 1000), ttft=st.floats(0.3, 5), tpot=st.floats(0.03, 0.2))
def test_capacity_holds_both_latency_targets(n_in: int, n_out: int, ttft: float, tpot: float) -> None:
    targets = {"ttft_target": Q(ttft, "s"), "tpot_target": Q(tpot, "s/token")}
    try:
        found = capacity(H100_PAIR_FP8, tokens(n_in), tokens(n_out), **targets)
    except Unreachable:
        alone = closed_loop(H100_PAIR_FP8, 1, tokens(n_in), tokens(n_out))
        assert alone.ttft > targets["ttft_target"] or alone.tpot > targets["tpot_target"]
        return
    assert found.ttft <= targets["ttft_target"] * (1 + 1e-6)
    assert found.tpot <= targets["tpot_target"] * (1 + 1e-6)
    free = capacity(H100_PAIR_FP8, tokens(n_in), tokens(n_out))
    assert found.request_rate <= free.request_rate * (1 + 1e-9)


def test_kv_memory_binds_the_seventy_on_two_a100() -> None:
    found = capacity(Deployment(shape("llama-3.1-70b"), accelerator("a100-80"), 2), tokens(1155), tokens(211))
    assert found.binding == "KV memory"
    assert "KV memory" in str(found)


def test_engine_slots_bind_a_small_model() -> None:
    found = capacity(Deployment(shape("llama-3.1-8b"), accelerator("h200")), tokens(100), tokens(50), max_num_seqs=4)
    assert found.binding == "max_num_seqs"
    assert magnitude(found.concurrency, "request") == 4


def test_a_strict_target_binds() -> None:
    one = capacity(H100_PAIR_FP8, tokens(1155), tokens(211), tpot_target=Q(25, "ms/token"))
    assert one.binding == "TPOT target"
    assert magnitude(one.tpot, "ms/token") == pytest.approx(25, rel=1e-3)
    two = capacity(H100_PAIR_FP8, tokens(1155), tokens(211), ttft_target=Q(150, "ms"))
    assert two.binding == "TTFT target"
    assert magnitude(two.ttft, "ms") == pytest.approx(150, rel=1e-3)


def test_target_missed_on_an_idle_replica_is_unreachable_and_says_why() -> None:
    with pytest.raises(Unreachable, match=r"TTFT of 50 ms.*shorter prompt"):
        capacity(H100_PAIR_FP8, tokens(1155), tokens(211), ttft_target=Q(50, "ms"))


def test_shared_prefix_is_held_once() -> None:
    replica = Deployment(shape("llama-3.1-70b"), accelerator("a100-80"), 2)
    own = capacity(replica, tokens(1155), tokens(211), cached=tokens(500))
    shared = capacity(replica, tokens(1155), tokens(211), cached=tokens(500), cached_is_shared=True)
    none = capacity(replica, tokens(1155), tokens(211))
    assert none.request_rate < own.request_rate < shared.request_rate
    assert shared.concurrency > own.concurrency == none.concurrency


def test_what_does_not_fit_is_infeasible_not_slow() -> None:
    with pytest.raises(Infeasible):
        capacity(dataclasses.replace(H100_PAIR_FP8, gpus=1, weight_dtype="bf16"), tokens(100), tokens(100))
