"""A fit gives back the model that a record was made from, uses what it is told to, and says what is missing."""

from dataclasses import replace

import numpy as np
import pytest
from engine_records import closed, engine, load_point, record

from reference.sizing.engine_model import direct
from reference.sizing.engine_model import fit as fit_module
from reference.sizing.engine_model.fit import TooLittle, fit_engine
from reference.sizing.engine_model.replay import Load, replay


@pytest.mark.slow
@pytest.mark.parametrize(("base_ms", "token_ms", "sequence_ms"), [(4, 0.094, 0.25), (20, 0.03, 0.05)])
def test_load_points_alone_predict_loads_between_and_beyond_them(base_ms, token_ms, sequence_ms):
    model = engine(base_ms, token_ms, sequence_ms)
    fitted = fit_engine(record(model, steps=False, loads=[closed(c) for c in (1, 4, 16)]))
    slow = Load(128, 32, 200, rate=2 / (32 * model.step.step_s(4, 600)))
    for load in (closed(2), closed(8), closed(32), slow):
        expected, found = replay(model, load), replay(fitted.model, load)
        assert found["output_tok_s"] == pytest.approx(expected["output_tok_s"], rel=0.05), load
        assert found["tpot_p50_ms"] == pytest.approx(expected["tpot_p50_ms"], rel=0.05), load


@pytest.mark.slow
def test_load_points_win_over_steps_that_were_too_fast():
    slow, fast = engine(base_ms=12), engine(base_ms=9)
    loads = [closed(c) for c in (1, 2, 4, 8, 16)]
    mixed = record(fast).model_copy(update={"points": record(slow, loads=loads).points})
    direct, refined = fit_engine(mixed, use=lambda point: False), fit_engine(mixed)
    assert direct.model.step.curve(1) == pytest.approx(9e-3, rel=0.02)
    assert refined.model.step.curve(1) == pytest.approx(12e-3, rel=0.07)


def test_only_points_that_are_chosen_and_not_void_are_used():
    model = engine()
    whole = record(model, loads=[closed(c) for c in (1, 2, 4, 8)])
    whole.points[3] = whole.points[3].model_copy(update={"void": "the machine slept", "output_tok_s": 1.0})
    fitted = fit_engine(whole, use=lambda point: point.concurrency != 2)
    assert [point.concurrency for point in fitted.used] == [1, 4]
    assert fitted.model.calibrated.batch == (1, 16)  # the steps went up to 16


def test_a_record_without_steps_needs_two_loads():
    one = record(engine(), steps=False, loads=[closed(4)])
    with pytest.raises(TooLittle, match="made-up has no steps and 1 usable load point"):
        fit_engine(one)
    with pytest.raises(TooLittle, match="0 usable"):
        fit_engine(one, use=lambda point: False)


def test_noise_of_steps_is_read_off_their_quartiles():
    fitted = fit_engine(record(engine()))
    assert fitted.model.noise_cv == pytest.approx(0.02 / 1.349, rel=1e-6)  # quartiles at 0.99 and 1.01 of the median


@pytest.mark.slow
def test_the_worst_residual_is_the_point_that_does_not_belong():
    whole = record(engine(), loads=[closed(c) for c in (1, 2, 4, 8, 16)])
    whole.points[2] = whole.points[2].model_copy(update={"ttft_p50_ms": 5 * whole.points[2].ttft_p50_ms})
    worst = fit_engine(whole).worst()
    assert (worst.what, worst.metric) == ("4 users", "ttft_p50_ms")
    assert worst.error < -0.5


def test_attention_over_the_cache_comes_from_the_shape_where_one_context_was_measured():
    model = engine()
    loads = [closed(c) for c in (1, 4)]
    known = record(model, steps=False, loads=loads, model="llama-3.1-8b", hardware="h100", read_gb_s=1000.0)
    guess = direct.unmeasured(known)
    assert guess[direct.KV] == pytest.approx(131072 / 1e12)  # 2 x 32 layers x 8 heads x 128 x 2 bytes, at 1 TB/s
    assert guess[direct.PAIR] == pytest.approx(4 * 32 * 32 * 128 / (989e12 * 0.5))
    assert direct.unmeasured(record(model)) == {}
    unknown = direct.unmeasured(record(model, steps=False, loads=loads))
    assert set(unknown.values()) == {0.0}


@pytest.mark.slow
def test_draws_explain_the_points_about_as_well_as_the_fit():
    model = engine()
    whole = record(model, loads=[closed(c) for c in (1, 4, 16)], noise=0.02, seed=3)
    fitted = fit_engine(whole)
    assert len(fitted.draws) == fit_module.DRAWS
    load = closed(8)
    best = replay(fitted.model, load)["output_tok_s"]
    drawn = [replay(draw, load)["output_tok_s"] for draw in fitted.draws]
    assert len(set(drawn)) > 5
    assert all(0.8 * best < rate < 1.2 * best for rate in drawn)


def test_open_loop_points_with_their_arrivals_are_simulated_as_they_came():
    model = engine()
    at = tuple(0.4 * k for k in range(40))
    load = Load(128, 32, 30, rate=2.5, arrivals=at, warmup=5, cooldown=5)
    point = load_point(model, load, np.random.default_rng(0))
    bunched = point.model_copy(update={"arrivals": [0.0] * 40})
    assert replay(model, Load.of(point))["ttft_p99_ms"] < 0.2 * replay(model, Load.of(bunched))["ttft_p99_ms"]
    assert replay(replace(model, overhead_s=1.0), Load.of(point))["ttft_p50_ms"] == pytest.approx(
        point.ttft_p50_ms + 996, rel=1e-6
    )
