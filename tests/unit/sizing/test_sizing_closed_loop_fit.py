import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sizing import BadPoint, LoadMeasurement, fit_load

# vLLM 0.32 on two shared CPU cores, SmolLM2-135M, closed loop: concurrency, tok/s, TPOT ms, TTFT ms (p50s).
LONG_PROMPTS = [  # 128 tokens in, 32 out
    (1, 24.6, 34, 227), (2, 35.4, 46, 456), (4, 66.6, 37, 724), (8, 77.1, 62, 1710), (16, 94.8, 106, 2746),
    (32, 102, 198, 5515),
]  # fmt: skip
SHORT_PROMPTS = [(1, 32.7), (2, 36.6), (4, 31.4), (8, 39.0), (16, 62.0), (32, 87.2)]  # 16 in, 64 out, TPOT alone


def point(
    concurrency: int, tpot: float, ttft: float, n_in: int = 128, n_out: int = 64, rate: float | None = None
) -> dict[str, float]:
    """A load point; without a rate, the one that Little's law gives for its times."""
    if rate is None:
        rate = concurrency * n_out / ((ttft + (n_out - 1) * tpot) / 1000)
    times = {"output_tok_s": rate, "tpot_ms": tpot, "ttft_ms": ttft}
    return {"concurrency": concurrency, "n_in": n_in, "n_out": n_out, **times}


@given(a=st.floats(1, 100), b=st.floats(0, 20), t0=st.floats(1, 500), t1=st.floats(0, 200))
def test_linear_engine_is_predicted_exactly(a: float, b: float, t0: float, t1: float) -> None:
    points = [point(c, a + b * c, t0 + t1 * c) for c in (1, 4, 16)]
    model = fit_load(points)
    assert model.step_base_ms == pytest.approx(a, rel=1e-5, abs=1e-6)
    assert model.step_per_sequence_ms == pytest.approx(b, rel=1e-4, abs=1e-5)
    table = model.compare([point(c, a + b * c, t0 + t1 * c) for c in (2, 8)])
    for metric in ("output_tok_s", "tpot_ms", "ttft_ms"):
        assert table.median_error(metric) < 1e-4


def test_points_of_another_request_shape_are_refused_with_the_way_out() -> None:
    points = [point(1, 10, 10), point(2, 10, 10), point(4, 10, 10, n_in=256)]
    with pytest.raises(
        BadPoint, match=r"n_in and n_out must be the same at all points, got 128/64, 256/64.*engine_model"
    ):
        fit_load(points)
    with pytest.raises(BadPoint, match="n_in and n_out must be the same"):
        fit_load(points[:2]).compare(points[2:])


def test_recorded_throughput_is_predicted_within_the_target_from_three_points() -> None:
    recorded = {c: point(c, tpot, ttft, 128, 32, rate) for c, rate, tpot, ttft in LONG_PROMPTS}
    table = fit_load([recorded[c] for c in (1, 4, 16)]).compare([recorded[c] for c in (2, 8, 32)])
    assert table.median_error("output_tok_s") < 0.15
    assert table.median_error("ttft_ms") < 0.2


def test_recorded_step_time_is_predicted_within_the_target_from_three_points() -> None:
    recorded = {c: point(c, tpot, 100, 16, 64) for c, tpot in SHORT_PROMPTS}  # no TTFT on record: only TPOT is judged
    table = fit_load([recorded[c] for c in (1, 4, 16)]).compare([recorded[c] for c in (2, 8, 32)])
    assert table.median_error("tpot_ms") < 0.15


@pytest.mark.slow
@given(data=st.lists(st.tuples(st.integers(1, 64), st.floats(1, 500), st.floats(1, 5000)), min_size=2, max_size=6))
def test_prediction_never_falls_with_load(data: list[tuple[int, float, float]]) -> None:
    if len({c for c, _, _ in data}) < 2:
        return
    model = fit_load([point(*row) for row in data])
    one, many = model.predict(1), model.predict(64)
    assert 0 <= one.tpot_ms <= many.tpot_ms * (1 + 1e-9)
    assert 0 <= one.ttft_ms <= many.ttft_ms * (1 + 1e-9)


def test_prediction_outside_the_fitted_range_is_flagged() -> None:
    model = fit_load([point(c, 20 + c, 50 + c) for c in (2, 4, 16)])
    assert model.predict(8).extrapolated == ()
    assert model.predict(32).extrapolated == ("concurrency 32 outside 2..16",)
    with pytest.raises(BadPoint, match="concurrency must be at least 1, got 0"):
        model.predict(0)
    table = model.compare([point(8, 28, 58), point(32, 1, 1)])
    assert table.median_error("tpot_ms", include_extrapolated=False) < 1e-6
    assert table.median_error("tpot_ms") > 1
    assert math.isnan(model.compare([]).median_error("tpot_ms"))


def test_errors_are_signed_and_relative_to_the_measurement() -> None:
    model = fit_load([point(c, 10, 10) for c in (1, 2)])
    row = next(r for r in model.compare([point(2, 20, 10)]).rows if r.metric == "tpot_ms")
    assert row.error == pytest.approx(-0.5)


def test_median_of_an_even_number_of_rows_is_the_middle_of_two() -> None:
    model = fit_load([point(c, 10, 10) for c in (1, 4)])
    table = model.compare([point(2, 8, 10), point(3, 5, 10)])
    assert table.median_error("tpot_ms") == pytest.approx((0.25 + 1.0) / 2)


@pytest.mark.slow
def test_tables_render_with_their_medians() -> None:
    table = fit_load([point(c, 10 + c, 10) for c in (1, 4)]).compare([point(2, 12, 10)])
    assert set(table.to_dict()["median_relative_error"]) == {"output_tok_s", "tpot_ms", "ttft_ms"}
    assert len(table.as_dataframe()) == 3
    assert "median absolute error" in table._repr_html_()


@pytest.mark.parametrize("field", ["concurrency", "n_in", "n_out", "output_tok_s", "tpot_ms", "ttft_ms"])
@pytest.mark.parametrize("bad", [None, -1, 0, float("nan"), True, "3"])
def test_bad_point_names_its_field(field: str, bad: object) -> None:
    points: list[dict[str, object]] = [dict(point(1, 10, 10)), dict(point(2, 10, 10))]
    if bad is None:
        del points[0][field]
    else:
        points[0][field] = bad
    with pytest.raises(BadPoint, match=field):
        fit_load(points)


def test_too_little_data_is_refused() -> None:
    with pytest.raises(BadPoint, match="two different concurrencies"):
        fit_load([point(4, 10, 10), point(4, 11, 11)])
    with pytest.raises(KeyError, match="e2e"):
        fit_load([point(1, 10, 10), point(2, 10, 10)]).compare([]).median_error("e2e")


def test_extra_fields_of_a_point_are_ignored() -> None:
    assert LoadMeasurement.of({**point(1, 10, 10), "gpu": "none"}).tpot_ms == 10
