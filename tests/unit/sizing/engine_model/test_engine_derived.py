"""Engines that nobody measured: never faster than the roofline that they come from, and honest about where from."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.sizing.engine_model import derived
from reference.sizing.engine_model.derived import (
    deployment_of,
    engine_from_deployment,
    fitted,
    knots_for,
    record_for,
    shares_of,
    transfer_errors,
    transferred,
)
from reference.sizing.engine_model.known import best_known_engine
from reference.sizing.hardware import accelerator
from reference.sizing.memory import Infeasible
from reference.sizing.roofline import Deployment
from reference.sizing.shapes import shape
from reference.sizing.units import Q

BF16 = "h100-llama-3.1-8b-bf16"


def h100(model="llama-3.1-8b", **more):
    return Deployment(shape(model), accelerator("h100"), **more)


@settings(max_examples=60)
@given(
    batch=st.integers(1, 256),
    context=st.integers(0, 8192),
    setting=st.sampled_from([("llama-3.1-8b", 1), ("llama-3.1-70b", 4), ("mixtral-8x7b", 4)]),
    key=st.sampled_from(["h100", "a100-80"]),
)
def test_a_derived_step_is_never_faster_than_the_roofline_it_comes_from(batch, context, setting, key):
    deployment = Deployment(shape(setting[0]), accelerator(key), gpus=setting[1])
    model = engine_from_deployment(deployment, context=8192)
    found = model.step.step_s(batch, batch * context)
    # Between knots the curve is a straight line; the weights that a mixture of experts reads bend upwards there.
    assert found >= deployment.step_seconds(batch, context) * (0.93 if deployment.shape.experts > 1 else 0.9999)


def test_a_derived_curve_bends_at_the_ridge():
    deployment = h100()
    knots = knots_for(deployment, 2048)
    ridge = 989e12 / 3350e9  # FLOP per byte, times two bytes per weight, over two FLOP per weight
    beyond = [knot for knot in knots if ridge < knot <= 1.1 * ridge]
    assert beyond
    memory, arithmetic, _ = deployment.step_parts(min(beyond), 0)
    assert arithmetic * deployment.compute_efficiency > 0.9 * memory * deployment.bandwidth_efficiency
    assert knots[0] == 1
    assert knots[-1] == 2048


def test_the_cache_of_a_derived_engine_is_the_memory_plans():
    deployment = h100()
    model = engine_from_deployment(deployment, context=8192, max_num_seqs=64, prefix_caching=False)
    assert model.limits.kv_tokens == deployment.memory_plan(Q(8192, "token/request")).kv_tokens()
    assert (model.limits.max_num_seqs, model.limits.prefix_caching) == (64, False)
    assert model.evidence.badge == "DERIVED"
    assert model.calibrated is None
    with pytest.raises(Infeasible):
        engine_from_deployment(h100("llama-3.1-70b"), context=8192)


def test_a_measured_deployment_is_taken_as_measured_and_another_is_derived():
    measured = best_known_engine(h100(), context=8192)
    assert measured == fitted(BF16).model
    assert measured.evidence.badge == "MEASURED"
    assert record_for(h100()).key == BF16
    for other in (h100(weight_dtype="int4"), h100(gpus=2), Deployment(shape("llama-3.1-8b"), accelerator("a100-80"))):
        assert record_for(other) is None
        assert best_known_engine(other, context=8192).evidence.badge == "DERIVED"
    # Nothing longer than the measured engine allowed was measured.
    assert best_known_engine(h100(), context=16384).evidence.badge == "DERIVED"
    with pytest.raises(KeyError, match=r"no calibration record 'tpu'; known: .*h100"):
        fitted("tpu")


def test_transferred_to_itself_an_engine_stays_what_it_was():
    source = fitted(BF16)
    shares = shares_of(source)
    again = transferred(source, deployment_of(source.record), context=8192, uncertainty="none")
    step = source.model.step
    for knot, share in zip(shares.knots, shares.share, strict=True):
        assert 0 < share <= 1
        if share < 1:
            assert again.step.curve(knot) == pytest.approx(step.curve(knot), rel=1e-6)
    # Load points tell the cache's reads from the rest of a step only roughly: a fit that came out faster than the
    # bandwidth is taken back to it.
    for name, share in (("kv_s", shares.kv), ("pair_s", shares.pair)):
        if share < 1:
            assert getattr(again.step, name) == pytest.approx(getattr(step, name))
        else:
            assert getattr(again.step, name) >= getattr(step, name)
    assert (again.overhead_s, again.step.sequence_s) == (source.model.overhead_s, step.sequence_s)


def test_transfer_says_from_where_and_how_far_off_it_was():
    errors = transfer_errors()
    assert set(errors) == {"output_tok_s", "tpot_p50_ms", "ttft_p50_ms"}
    assert all(0 < error < 0.4 for error in errors.values())
    model = transferred(fitted(BF16), h100("llama-3.1-70b", gpus=4, weight_dtype="fp8"), context=8192)
    text = model.evidence.summary()
    assert model.evidence.badge == "DERIVED"
    assert f"{errors['output_tok_s']:.0%}" in text
    assert "vllm_sweep" in text
    assert BF16 in text
    assert model.calibrated is None


def test_the_error_of_a_transfer_is_that_of_closed_loops_that_count(monkeypatch):
    """Void points were not measured well, and open loops past saturation say how long somebody waited."""

    def point(load, void=None, rate=None):
        figures = dict.fromkeys(("output_tok_s", "tpot_p50_ms", "ttft_p50_ms"), 100.0)
        return SimpleNamespace(concurrency=load, void=void, rate=rate, **figures)

    points = [point(4), point(8, void="the client erred"), point(None, rate=2.0), point(None, "late", 3.0)]
    record = SimpleNamespace(points=points, limits=SimpleNamespace(max_model_len=2048))
    replayed = []

    def replay(model, load):
        replayed.append(load)
        return {"output_tok_s": 110.0, "tpot_p50_ms": 80.0, "ttft_p50_ms": 100.0}

    for name, fake in {
        "fitted": lambda key: SimpleNamespace(record=record),
        "transferred": lambda *given, **more: None,
        "deployment_of": lambda record: None,
        "replay": replay,
        "Load": SimpleNamespace(of=lambda point: point),
    }.items():
        monkeypatch.setattr(derived, name, fake)
    errors = transfer_errors(("here", "there"))
    assert replayed == [points[0]] * 2
    assert errors == pytest.approx({"output_tok_s": 0.1, "tpot_p50_ms": 0.2, "ttft_p50_ms": 0.0})


def test_efficiencies_of_one_gpu_say_nothing_about_another():
    with pytest.raises(ValueError, match="its efficiencies say nothing about a100-80"):
        transferred(fitted(BF16), Deployment(shape("llama-3.1-8b"), accelerator("a100-80")), context=8192)
    source = fitted(BF16)
    homeless = replace(source, record=source.record.model_copy(update={"hardware": None}))
    with pytest.raises(ValueError, match="say nothing about h100"):
        transferred(homeless, h100(), context=8192)
    with pytest.raises(ValueError, match=r"which is not in hardware\.toml"):
        deployment_of(homeless.record)
