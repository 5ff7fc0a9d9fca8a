import dataclasses

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sizing_strategies import batches, deployments, outputs, prompts, tokens

from reference.sizing import (
    Deployment,
    Q,
    accelerator,
    closed_loop,
    compute_roof,
    decode_step_time,
    magnitude,
    prefill_time,
    ridge_batch,
    shape,
)
from reference.sizing.memory import BYTES
from reference.sizing.roofline import bandwidth_roof, prefill_flops, step_limit, weights_read_time

# Random deployments are odd on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::reference.sizing.bands.ImplausibleWarning")

A100_PAIR = Deployment(shape("llama-3.1-70b"), accelerator("a100-80"), 2)
H100 = Deployment(shape("llama-3.1-8b"), accelerator("h100"))


def least_flops_per_token(replica: Deployment) -> float:
    """2 FLOPs per weight that a token must pass, by hand and without attention, embeddings, norms or logits."""
    s = replica.shape
    attention = s.hidden * s.head_dim * (2 * s.heads + 2 * s.kv_heads)
    return 2.0 * s.layers * (attention + s.active_experts * 3 * s.hidden * s.ffn)


def least_bytes_per_step(replica: Deployment, batch: float, context: float) -> float:
    """Bytes any decode step must read: attention and active experts of every layer, and the KV of every sequence."""
    s = replica.shape
    weights = least_flops_per_token(replica) / 2 * BYTES[replica.weight_dtype]
    kv = 2 * s.layers * s.kv_heads * s.head_dim * BYTES[replica.kv_dtype] * context
    return weights + batch * kv


@given(replica=deployments(), concurrency=batches, n_in=prompts, n_out=outputs)
def test_throughput_never_exceeds_the_compute_roof(
    replica: Deployment, concurrency: int, n_in: int, n_out: int
) -> None:
    point = closed_loop(replica, concurrency, tokens(n_in), tokens(n_out))
    peak = replica.gpus * magnitude(replica.hardware.peak_flops(replica.weight_dtype), "FLOP/s")
    done = magnitude(point.request_rate, "request/s") * (n_in + n_out - 1) * least_flops_per_token(replica)
    assert done <= peak
    assert point.request_rate <= compute_roof(replica, tokens(n_in), tokens(n_out)) * (1 + 1e-9)


@given(replica=deployments(), concurrency=batches, n_in=prompts, n_out=st.integers(2, 4000))
def test_throughput_never_exceeds_the_bandwidth_roof(
    replica: Deployment, concurrency: int, n_in: int, n_out: int
) -> None:
    point = closed_loop(replica, concurrency, tokens(n_in), tokens(n_out))
    bandwidth = replica.gpus * magnitude(replica.hardware.bandwidth, "byte/s")
    steps = magnitude(point.request_rate, "request/s") * (n_out - 1) / concurrency
    assert steps * least_bytes_per_step(replica, concurrency, n_in) <= bandwidth * (1 + 1e-9)


@given(replica=deployments(), batch=batches, context=prompts)
def test_decode_step_is_never_faster_than_either_roof(replica: Deployment, batch: int, context: int) -> None:
    step = magnitude(decode_step_time(replica, batch, tokens(context)), "s")
    roof = magnitude(bandwidth_roof(replica, batch, tokens(context)), "token/s")
    assert batch / step <= roof * (1 + 1e-9)
    assert batch * least_flops_per_token(replica) / step <= replica.peak * (1 + 1e-9)


@given(replica=deployments(), n_in=prompts)
def test_prefill_is_never_faster_than_the_dense_peak(replica: Deployment, n_in: int) -> None:
    flops = magnitude(prefill_flops(replica, tokens(n_in)), "FLOP")
    assert flops >= n_in * least_flops_per_token(replica)
    assert magnitude(prefill_time(replica, tokens(n_in)), "s") >= flops / replica.peak * (1 - 1e-9)


@given(replica=deployments(), a=st.integers(1, 500), b=st.integers(1, 500), context=prompts)
def test_step_time_never_falls_with_batch(replica: Deployment, a: int, b: int, context: int) -> None:
    low, high = sorted((a, b))
    assert replica.step_seconds(low, context) <= replica.step_seconds(high, context) * (1 + 1e-12)


@given(context=prompts, batch=st.integers(2, 60))
def test_memory_bound_step_is_linear_in_batch(context: int, batch: int) -> None:
    assume(step_limit(H100, batch + 1, tokens(context)) == "memory bandwidth")
    before, here, after = (H100.step_seconds(b, context) for b in (batch - 1, batch, batch + 1))
    assert after - here == pytest.approx(here - before, rel=1e-6)


@given(replica=deployments(), n_in=prompts, share=st.floats(0, 1))
def test_cached_tokens_never_make_prefill_slower(replica: Deployment, n_in: int, share: float) -> None:
    whole = prefill_time(replica, tokens(n_in))
    rest = prefill_time(replica, tokens(n_in), tokens(int(n_in * share)))
    assert rest <= whole * (1 + 1e-9)


@pytest.mark.slow
@given(batch=batches, context=prompts)
def test_quantised_weights_never_decode_slower(batch: int, context: int) -> None:
    fp8 = dataclasses.replace(H100, weight_dtype="fp8")
    assert fp8.step_seconds(batch, context) <= H100.step_seconds(batch, context)


@given(batch=st.integers(1, 4000))
def test_ridge_batch_is_where_the_limit_changes(batch: int) -> None:
    ridge = ridge_batch(H100)
    assert ridge is not None
    limit = step_limit(H100, batch, tokens(0))
    assert limit == ("compute" if batch >= ridge else "memory bandwidth")
    edges = [step_limit(H100, edge, tokens(0)) for edge in (ridge - 1, ridge)]
    assert edges == ["memory bandwidth", "compute"]


def test_prefill_flops_are_two_per_parameter_plus_attention() -> None:
    # Llama-2-7B by hand: layers 6.476e9 parameters, one row of logits, causal attention.
    seven = Deployment(shape("llama-2-7b"), accelerator("h100"))
    n = 1000
    layers = 32 * (4 * 4096 * 4096 + 3 * 4096 * 11008 + 2 * 4096)
    by_hand = 2 * layers * n + 4 * 32 * 4096 * n * n / 2 + 2 * 32000 * 4096
    assert magnitude(prefill_flops(seven, tokens(n)), "FLOP") == pytest.approx(by_hand, rel=1e-12)


def test_attention_makes_prefill_superlinear() -> None:
    one, two = (magnitude(prefill_flops(H100, tokens(n)), "FLOP") for n in (8192, 16384))
    assert two > 2.05 * one


def test_experts_are_read_as_they_are_hit() -> None:
    mixtral = Deployment(shape("mixtral-8x7b"), accelerator("h100"), 2)
    one, all_of_them = mixtral.weight_bytes_read(1), mixtral.weight_bytes_read(1000)
    assert one == pytest.approx(mixtral.shape.active_parameters * 2, rel=0.03)
    assert all_of_them == pytest.approx(mixtral.shape.total_parameters * 2, rel=0.01)
    assert one < mixtral.weight_bytes_read(4) < all_of_them


def test_mixture_of_experts_reaches_its_ridge_later_than_a_dense_model() -> None:
    mixtral, llama = (Deployment(shape(key), accelerator("h100"), 2) for key in ("mixtral-8x7b", "llama-3.1-8b"))
    dense, sparse = ridge_batch(llama), ridge_batch(mixtral)
    assert dense is not None
    assert sparse is not None
    assert sparse > 2 * dense


def test_ridge_disappears_under_long_contexts() -> None:
    assert ridge_batch(Deployment(shape("llama-2-7b"), accelerator("h100")), tokens(4096)) is None


def test_seventy_billion_on_two_h100_cannot_pass_48_tokens_a_second_alone() -> None:
    pair = Deployment(shape("llama-3.1-70b"), accelerator("h100"), 2)
    assert magnitude(weights_read_time(pair), "ms") == pytest.approx(21.06, abs=0.01)
    point = closed_loop(pair, 1, tokens(100), tokens(500))
    assert magnitude(point.output_rate, "token/s") < 48


def test_tensor_parallel_costs_communication() -> None:
    free = dataclasses.replace(A100_PAIR, all_reduce_latency=Q(0, "us"))
    assert A100_PAIR.communication(1) > free.communication(1) > 0
    assert H100.communication(1000) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"gpus": 3},
        {"compute_efficiency": 0},
        {"bandwidth_efficiency": 1.1},
        {"gpu_memory_utilization": 0},
        {"weight_dtype": "fp3"},
        {"host_overhead": Q(-1, "ms")},
    ],
)
def test_impossible_deployments_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        dataclasses.replace(A100_PAIR, **change)  # type: ignore[arg-type]


def test_senseless_loads_are_refused() -> None:
    with pytest.raises(ValueError, match="batch"):
        decode_step_time(H100, 0, tokens(10))
    with pytest.raises(ValueError, match="cached"):
        prefill_time(H100, tokens(10), tokens(11))
    with pytest.raises(ValueError, match="concurrency"):
        closed_loop(H100, 0.5, tokens(10), tokens(10))
    with pytest.raises(ValueError, match="output"):
        closed_loop(H100, 1, tokens(10), tokens(0))
