import pytest
from hypothesis import given
from hypothesis import strategies as st
from sizing_strategies import parallel_degrees, tokens

from reference.sizing import (
    Infeasible,
    Q,
    accelerator,
    accelerator_keys,
    fit_memory,
    kv_bytes_per_token,
    magnitude,
    shape,
    shape_keys,
    weights_bytes,
    without_gqa,
)

# Random deployments are odd on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::reference.sizing.bands.ImplausibleWarning")


@pytest.mark.parametrize(
    ("key", "kib"),
    [
        ("llama-2-7b", 512),
        ("llama-2-70b", 320),
        ("llama-3.1-8b", 128),
        ("llama-3.1-70b", 320),
        ("mixtral-8x7b", 128),
        ("qwen2.5-7b", 56),
        ("smollm2-135m", 22.5),
    ],
)
def test_kv_per_token_is_two_layers_heads_dim_bytes(key: str, kib: float) -> None:
    assert magnitude(kv_bytes_per_token(shape(key)), "KiB/token") == pytest.approx(kib)


def test_without_grouping_the_cache_grows_by_the_group_size() -> None:
    grouped = shape("llama-3.1-70b")
    ratio = kv_bytes_per_token(without_gqa(grouped)) / kv_bytes_per_token(grouped)
    assert magnitude(ratio, "") == pytest.approx(8)


def test_more_gpus_than_kv_heads_copies_them() -> None:
    model = shape("qwen2.5-72b")
    assert kv_bytes_per_token(model, gpus=16) == 2 * kv_bytes_per_token(model, gpus=8)
    assert kv_bytes_per_token(model, gpus=4) == kv_bytes_per_token(model, gpus=1)


def test_seventy_billion_in_16_bits_weigh_141_gigabytes() -> None:
    assert magnitude(weights_bytes(shape("llama-3.1-70b")), "GB") == pytest.approx(141.107, abs=0.001)
    assert weights_bytes(shape("llama-3.1-70b"), "int4") == weights_bytes(shape("llama-3.1-70b")) / 4


def test_two_a100_leave_less_than_nine_gigabytes_for_three_8k_sequences() -> None:
    plan = fit_memory(shape("llama-3.1-70b"), accelerator("a100-80"), 2, context=tokens(8192))
    # 2 x (79.25 GiB x 0.9 - 1.5 GiB) - 141.107 GB, by hand.
    assert magnitude(plan.kv_pool, "GB") == pytest.approx(2 * (79.25 * 0.9 - 1.5) * 1.073741824 - 141.107413, abs=1e-4)
    assert plan.sequences() == 3


@pytest.mark.slow
@given(
    key=st.sampled_from(shape_keys()), device=st.sampled_from(accelerator_keys()), data=st.data(),
    dtype=st.sampled_from(["bf16", "fp8", "int4"]), context=st.integers(1, 4096), sequences=st.integers(1, 300),
    utilisation=st.floats(0.3, 1.0),
)  # fmt: skip
def test_a_plan_fits_or_the_shortfall_is_told(
    key: str, device: str, data: st.DataObject, dtype: str, context: int, sequences: int, utilisation: float
) -> None:
    model, gpus = shape(key), data.draw(st.sampled_from(parallel_degrees(key)))
    refusal = None
    try:
        plan = fit_memory(
            model, accelerator(device), gpus, context=tokens(context), sequences=sequences, weight_dtype=dtype,
            gpu_memory_utilization=utilisation,
        )  # fmt: skip
    except Infeasible as error:
        refusal = error
    if refusal is not None:
        assert magnitude(refusal.shortfall, "byte") > 0
        assert f"{gpus} x {accelerator(device).name}" in str(refusal)
        return
    assert plan.sequences() >= sequences
    parts = sum(magnitude(part, "byte") for _, part in plan.stack())
    assert parts == pytest.approx(magnitude(plan.memory, "byte"), rel=1e-9)
    used = magnitude(plan.weights + plan.overhead + plan.kv_pool, "byte")
    assert used <= magnitude(plan.memory, "byte") * utilisation * (1 + 1e-9)
    assert plan.kv_tokens() * magnitude(plan.kv_per_token, "byte/token") <= magnitude(plan.kv_pool, "byte") * (1 + 1e-9)


@pytest.mark.slow
@given(missing=st.floats(0.001, 500), context=st.integers(16, 8192), sequences=st.integers(1, 20))
def test_the_shortfall_is_exactly_what_is_missing(missing: float, context: int, sequences: int) -> None:
    model, card = shape("llama-3.1-8b"), accelerator("h100")
    plan = fit_memory(model, card, context=tokens(context), sequences=sequences)
    blocks = -(-context // 16)
    spare = magnitude(plan.kv_pool, "GB") - sequences * blocks * 16 * 128 * 1024 / 1e9
    with pytest.raises(Infeasible) as caught:
        fit_memory(
            model, card, context=tokens(context), sequences=sequences, also_resident=Q(spare + missing, "GB")
        )  # fmt: skip
    assert magnitude(caught.value.shortfall, "GB") == pytest.approx(missing, rel=1e-6, abs=1e-7)
    fit_memory(model, card, context=tokens(context), sequences=sequences, also_resident=Q(spare - 1e-6, "GB"))


def test_every_mend_named_does_mend() -> None:
    model, card = shape("llama-3.1-70b"), accelerator("a100-80")
    with pytest.raises(Infeasible) as caught:
        fit_memory(model, card, 2, context=tokens(8192), sequences=10)
    mends = " ".join(caught.value.mends)
    assert "4 GPUs" in mends
    fit_memory(model, card, 4, context=tokens(8192), sequences=10)
    assert "fp8 weights" in mends
    fit_memory(model, card, 2, context=tokens(8192), sequences=10, weight_dtype="fp8")
    assert "2 x NVIDIA H200 SXM" in mends
    fit_memory(model, accelerator("h200"), 2, context=tokens(8192), sequences=10)
    shorter = next(int(m.split()[3].replace(",", "")) for m in caught.value.mends if "context" in m)
    fit_memory(model, card, 2, context=tokens(shorter), sequences=10)
    with pytest.raises(Infeasible):
        fit_memory(model, card, 2, context=tokens(shorter + 16), sequences=10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gpus": 3}, "64 attention heads"),
        ({"gpus": 0}, "at least 1"),
        ({"gpus": True}, "at least 1"),
        ({"gpu_memory_utilization": 1.2}, "gpu_memory_utilization"),
        ({"gpu_memory_utilization": 0}, "gpu_memory_utilization"),
        ({"sequences": 0}, "sequences"),
        ({"context": Q(200_000, "token/request")}, "131,072"),
        ({"weight_dtype": "bf8"}, "bf8"),
    ],
)
def test_senseless_arguments_are_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        fit_memory(shape("llama-3.1-70b"), accelerator("h200"), **{"gpus": 2, **arguments})  # type: ignore[arg-type]
    assert not isinstance(caught.value, Infeasible)


def test_seven_billion_draft_does_not_fit_beside_the_seventy() -> None:
    with pytest.raises(Infeasible) as caught:
        fit_memory(
            shape("llama-2-70b"), accelerator("a100-80"), 2, also_resident=weights_bytes(shape("llama-2-7b")),
        )  # fmt: skip
    assert magnitude(caught.value.shortfall, "GB") > 1
