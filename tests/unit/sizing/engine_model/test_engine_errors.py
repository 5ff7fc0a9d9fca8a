"""The table of errors: medians by hand, void points shown and not counted, both sides of saturation apart."""

import math
from dataclasses import replace

import numpy as np
import pytest
from engine_records import closed, engine, load_point

from reference.sizing.engine_model.errors import compare, saturated
from reference.sizing.engine_model.formulas import alone_s, by_formula, by_queueing, floor, side_by_side
from reference.sizing.engine_model.predict import Estimate, predict, saturation
from reference.sizing.engine_model.replay import Load
from reference.sizing.hardware import accelerator
from reference.sizing.roofline import Deployment
from reference.sizing.shapes import shape


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    return [load_point(engine(), closed(c), rng) for c in (2, 4, 8, 32)]


@pytest.fixture(scope="module")
def predictions(points):
    return [predict(engine(), point) for point in points]


def off(point, share, metric="output_tok_s", **more):
    """The point with one figure measured so that the prediction is `share` too high."""
    return point.model_copy(update={metric: getattr(point, metric) / (1 + share), **more})


def test_medians_are_of_absolute_errors_on_each_side_of_saturation(points, predictions):
    shares = (0.1, -0.3, 0.2, 0.5)
    table = compare(predictions, [off(p, s) for p, s in zip(points, shares, strict=True)])
    assert table.median_error("output_tok_s", saturated=False) == pytest.approx(0.2)
    assert table.median_error("output_tok_s", saturated=True) == pytest.approx(0.5)  # 32 users, 16 seats
    assert table.median_error("output_tok_s") == pytest.approx(0.25)
    assert table.worst("output_tok_s").load == "32 users"
    assert table.median_error("tpot_p50_ms") == pytest.approx(0, abs=1e-9)
    with pytest.raises(KeyError, match="unknown metric 'speed'"):
        table.median_error("speed")


def test_void_points_are_shown_and_not_counted(points, predictions):
    measured = [*points[:3], off(points[3], 9.0, void="the client was <late>")]
    table = compare(predictions, measured)
    assert math.isnan(table.median_error("output_tok_s", saturated=True))
    assert table.median_error("output_tok_s") == pytest.approx(0, abs=1e-9)
    assert sum(row.void is not None for row in table.rows) == 5
    page = table._repr_html_()
    assert "void: the client was &lt;late&gt;" in page
    assert "<caption>" in page
    assert "above saturation" not in page
    assert table.to_dict()["median_relative_error"]["output_tok_s"]["above"] is None
    assert list(table.as_dataframe()["void"].notna()) == [False] * 15 + [True] * 5


def test_coverage_counts_what_lies_within_the_intervals(points, predictions):
    wide = [
        replace(p, metrics={m: Estimate(e.value, 0.9 * e.value, 1.1 * e.value) for m, e in p.metrics.items()})
        for p in predictions
    ]
    assert compare(wide, points).coverage() == 1.0
    shifted = compare(wide, [off(p, 0.4) for p in points])
    assert shifted.coverage("output_tok_s") == 0.0
    assert shifted.coverage() == pytest.approx(0.8)  # one metric of five


def test_the_knee_is_that_of_each_curve(points, predictions):
    assert compare(predictions[:2], points[:2]).knee is None
    table = compare(predictions, points)
    assert table.knee[0] == table.knee[1]
    # Measured throughput that stops at four users moves the measured knee and not the predicted one.
    flat = [points[0], points[1], *(p.model_copy(update={"output_tok_s": points[1].output_tok_s}) for p in points[2:])]
    moved = compare(predictions, flat)
    assert moved.knee == (table.knee[0], 4.0)
    assert "measured" in moved._repr_html_()


def test_a_prediction_beside_another_load_is_refused(points, predictions):
    with pytest.raises(ValueError, match="the prediction of 4 users stands beside 2 users"):
        compare(predictions[1:2], points[:1])
    with pytest.raises(ValueError, match="one prediction per point is needed, got 4 for 1"):
        compare(predictions, points[:1])


def test_an_open_loop_is_saturated_when_it_does_not_keep_up(points):
    rng = np.random.default_rng(0)
    calm = load_point(engine(), Load(128, 32, 100, rate=2.0, warmup=20, cooldown=10), rng)
    assert not saturated(calm, 16)
    assert saturated(calm.model_copy(update={"request_s": 1.7}), 16)
    assert not saturated(points[0], 16)
    assert saturated(points[3], 16)


def test_alone_all_methods_agree_with_the_step_time():
    model = engine(kv_us=0.0)
    one = Load(128, 32, 8, concurrency=1)
    expected = 1e3 * model.step.step_s(1, 0)
    for found in (by_formula(model, one), by_queueing(model, one)):
        assert found.tpot_p50_ms == pytest.approx(expected)
        assert found.ttft_p50_ms == pytest.approx(1e3 * alone_s(model, 128))
    simulated = predict(model, one)
    assert simulated.tpot_p50_ms == pytest.approx(expected, rel=1e-6)
    assert simulated.ttft_p50_ms == pytest.approx(1e3 * alone_s(model, 128), rel=1e-6)


@pytest.mark.parametrize("users", [1, 3, 16, 40])
def test_a_closed_loop_by_formula_keeps_littles_law(users):
    model, load = engine(), Load(128, 32, 100, concurrency=users)
    found = by_formula(model, load)
    in_system = found.request_s * (found.ttft_p50_ms + 31 * found.tpot_p50_ms) / 1e3
    assert in_system == pytest.approx(users)


def test_above_capacity_formula_and_queue_have_no_steady_state():
    model = engine()
    limit = saturation(model, 128, 32)
    calm, over = (Load(128, 32, 500, rate=share * limit) for share in (0.3, 1.4))
    assert math.isinf(by_queueing(model, over).ttft_p50_ms)
    assert math.isinf(by_formula(model, over).ttft_p50_ms)
    assert by_queueing(model, over).request_s == pytest.approx(limit)
    assert by_formula(model, calm).request_s == pytest.approx(0.3 * limit)
    # Mean wait of M/D/1 is rho / (2 (1 - rho)) services; below half load the median request does not wait.
    assert by_queueing(model, calm).ttft_p50_ms == pytest.approx(1e3 * alone_s(model, 128))
    assert by_queueing(model, Load(128, 32, 500, rate=0.9 * limit)).ttft_p50_ms > 2e3 * alone_s(model, 128)


def test_nothing_is_faster_than_the_roofline():
    from reference.sizing.engine_model.derived import engine_from_deployment

    deployment = Deployment(shape("llama-3.1-8b"), accelerator("h100"))
    model = engine_from_deployment(deployment, context=4096)
    for users in (1, 8, 64):
        load = Load(512, 128, 3 * users, concurrency=users)
        least, found = floor(deployment, load, users), by_formula(model, load)
        assert found.tpot_p50_ms > least.tpot_p50_ms
        assert found.ttft_p50_ms > least.ttft_p50_ms
        assert found.output_tok_s < least.output_tok_s


def test_the_ladder_shows_every_method_beside_the_measurement(points):
    void = points[1].model_copy(update={"void": "no"})
    ladder = side_by_side(engine(), [points[0], void, points[2]])
    assert [row[0] for row in ladder.rows] == ["2 users"] * 3 + ["8 users"] * 3
    assert ladder.median_error("simulation", "output_tok_s") == pytest.approx(0, abs=1e-9)
    assert ladder.median_error("queueing", "output_tok_s") > 0.02
    frame = ladder.as_dataframe()
    assert frame["simulation error"].abs().max() < 1e-9
    assert "<caption>" in ladder._repr_html_()
