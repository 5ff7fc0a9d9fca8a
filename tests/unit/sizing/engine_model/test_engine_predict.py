"""Predictions stay below the roofs, abstain outside of what was measured, and their intervals hold what is measured."""

import numpy as np
import pytest
from engine_records import closed, engine, load_point, record
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.sizing.engine_model.derived import engine_from_deployment
from reference.sizing.engine_model.fit import fit_engine
from reference.sizing.engine_model.predict import (
    OutsideCalibration,
    full,
    knee,
    predict,
    predict_closed,
    predict_open,
    saturation,
)
from reference.sizing.engine_model.replay import METRICS, replay
from reference.sizing.hardware import accelerator
from reference.sizing.knee import knee_index
from reference.sizing.roofline import Deployment, bandwidth_roof, compute_roof
from reference.sizing.shapes import shape
from reference.sizing.units import Q, magnitude


@pytest.fixture(scope="module")
def fitted():
    return fit_engine(record(engine(), loads=[closed(c) for c in (1, 4, 16)], noise=0.02, seed=1))


@settings(max_examples=15)
@given(
    users=st.integers(1, 200),
    n_in=st.integers(16, 3000),
    n_out=st.integers(8, 200),
    key=st.sampled_from(["a100-80", "h100", "l4"]),
    dtype=st.sampled_from(["bf16", "fp8"]),
)
def test_no_prediction_passes_a_roof(users, n_in, n_out, key, dtype):
    deployment = Deployment(
        shape("llama-3.1-8b"), accelerator(key), weight_dtype=dtype, bandwidth_efficiency=1.0, compute_efficiency=1.0
    )
    model = engine_from_deployment(deployment, context=4096, max_num_seqs=64)
    found = predict_closed(model, users, n_in, n_out, requests=users, warmup=0, cooldown=0)
    roof = magnitude(compute_roof(deployment, Q(n_in, "token/request"), Q(n_out, "token/request")), "request/s")
    assert found.request_s <= roof
    memory = magnitude(bandwidth_roof(deployment, min(users, 64), Q(n_in, "token/request")), "token/s")
    weights = magnitude(bandwidth_roof(deployment, 1, Q(16, "token/request")), "token/s")
    assert found.tpot_p50_ms >= 1e3 / weights * 0.999
    assert found.output_tok_s <= memory * 1.001


def test_a_prediction_outside_of_what_was_measured_says_so_and_abstains_if_strict(fitted):
    inside = predict_closed(fitted, 8, 128, 32, strict=True)
    assert inside.outside == ()
    for ask, words in (
        (lambda strict: predict_closed(fitted, 8, 1600, 32, strict=strict), "prompt 1600 outside 16..1536"),
        (lambda strict: predict_closed(fitted, 8, 128, 1900, strict=strict), "context 2028 outside 16..1536"),
        (lambda strict: predict_open(fitted, 1.0, 8, 32, strict=strict), "prompt 8 outside 16..1536"),
    ):
        assert words in ask(False).outside
        with pytest.raises(OutsideCalibration, match=f"abstains: .*{words}") as caught:
            ask(True)
        assert words in caught.value.outside


@pytest.mark.slow
def test_the_batch_is_judged_by_what_the_simulation_reached():
    few = fit_engine(record(engine(), steps=False, loads=[closed(c) for c in (1, 4)]))
    assert few.model.calibrated.batch == (1, 4)
    assert predict_closed(few, 8, 128, 32).outside == ("batch 8 outside 1..4",)
    # A slow open loop never has more than four at once, a fast one has.
    assert predict_open(few, 0.2, 128, 32).outside == ()
    assert "batch 16 outside 1..4" in predict_open(few, 50.0, 128, 32).outside
    # More users than seats: the batch stays at the seats, which were measured.
    whole = fit_engine(record(engine(), steps=False, loads=[closed(c) for c in (1, 16)]))
    assert predict_closed(whole, 100, 128, 32).outside == ()


def test_a_model_that_nobody_measured_is_outside_everywhere():
    with pytest.raises(OutsideCalibration, match="made up was not calibrated"):
        predict_closed(engine(), 1, 128, 32, strict=True)


@pytest.mark.slow
def test_nine_of_ten_intervals_hold_what_is_measured():
    held = total = 0
    load = closed(8, output_spread=0.3)
    for seed in range(40):
        rng = np.random.default_rng(1000 + seed)
        model = engine(rng.uniform(5, 20), rng.uniform(0.02, 0.1), rng.uniform(0.01, 0.2), noise_cv=0.05)
        loads = [closed(c, output_spread=0.3) for c in (1, 16)]
        predicted = predict(fit_engine(record(model, loads=loads, noise=0.03, seed=seed)), load)
        point = load_point(model, load, rng, noise=0.03, seed=seed)
        for metric in ("output_tok_s", "tpot_p50_ms", "ttft_p50_ms"):
            held += predicted[metric].holds(getattr(point, metric))
            total += 1
    assert 0.75 <= held / total <= 1.0
    assert total == 120


@pytest.mark.slow
def test_intervals_widen_with_the_noise_of_the_record():
    def width(noise):
        found = predict_closed(
            fit_engine(record(engine(), loads=[closed(c) for c in (1, 4, 16)], noise=noise)), 8, 128, 32
        )
        return found["tpot_p50_ms"].high / found["tpot_p50_ms"].low - 1

    assert width(0.001) < 0.5 * width(0.1)


def test_every_metric_lies_within_its_own_interval(fitted):
    found = predict_open(fitted, 5.0, 128, 32)
    for metric in METRICS:
        estimate = found[metric]
        assert estimate.low <= estimate.value <= estimate.high
    with pytest.raises(KeyError, match="unknown metric 'speed'; known: request_s"):
        found["speed"]
    assert found.evidence.badge == "SIMULATED"
    assert found.to_dict()["metrics"]["request_s"][0] == found.request_s


def test_below_saturation_an_open_loop_answers_what_arrives_and_above_it_does_not():
    model = engine()
    limit = saturation(model, 128, 32)
    calm, over = predict_open(model, 0.7 * limit, 128, 32), predict_open(model, 1.5 * limit, 128, 32)
    assert calm.request_s == pytest.approx(0.7 * limit, rel=0.05)
    assert over.request_s == pytest.approx(limit, rel=0.1)
    assert over.ttft_p50_ms > 10 * calm.ttft_p50_ms


def test_a_full_engine_is_limited_by_seats_or_by_its_cache():
    assert full(engine(), 128, 32) == 16
    assert full(engine(), 1900, 100) == 16384 // 16 // 125  # 2,000 tokens are 125 blocks


def test_the_knee_follows_the_rule_of_measured_curves():
    found = knee(engine(), 128, 32)
    assert found.concurrencies == (1, 2, 4, 8, 16, 32)
    rates = [replay(engine(), closed(c))["output_tok_s"] for c in found.concurrencies]
    assert found.output_tok_s == tuple(rates)
    assert found.concurrency == found.concurrencies[knee_index(found.concurrencies, rates)]
    assert found.concurrency < 32  # there are 16 seats: twice the users gain nothing


def test_knee_index_is_the_last_point_before_doubling_stops_paying():
    users, rates = (1, 2, 4, 8, 16, 32), (30, 55, 100, 180, 190, 191)
    assert users[knee_index(users, rates)] == 8
    assert users[knee_index(users, rates, gain=0.9)] == 1
    assert knee_index(users[:3], rates[:3]) == 2
    # Eight times the users at once count as four doublings' worth of gain: 80 % is asked for.
    assert knee_index((1, 8), (10, 17)) == 0
    assert knee_index((1, 8), (10, 19)) == 1
    with pytest.raises(ValueError, match="no points"):
        knee_index((), ())
