"""Voiding points by the client's own error."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.serving.load.calibration import CalibrationPoint, ClientCalibration, mark_void, send_valid
from reference.serving.load.records import LoadPoint, Summary
from reference.serving.load.runs import LoadRun


def error(in_flight: float, ttft: float, tpot: float = 0.0) -> CalibrationPoint:
    return CalibrationPoint(round(in_flight), None, in_flight, 50, ttft, ttft, tpot, tpot, 0, 0, 0, 0, 0)


def point(
    concurrency: int | None, ttft: float, tpot: float = 20.0, rate: float | None = None, in_flight: float = 1.0
) -> LoadPoint:
    def flat(x: float) -> Summary:
        return Summary(x, 0, x, x, x)

    return LoadPoint(
        "closed" if rate is None else "open", concurrency, rate, 30, 0, 0, 16, 16, 100, 10, flat(ttft), flat(tpot),
        flat(tpot), flat(900), in_flight, 1, "", 1,
    )  # fmt: skip


CALIBRATION = ClientCalibration(100, 20, (error(1, 2), error(16, -6), error(64, 30, 1.0)), {})


def test_a_point_whose_client_error_is_too_large_is_void_with_its_reason():
    run = mark_void(LoadRun((point(16, 100), point(16, 50), point(64, 200), point(64, 4000))), CALIBRATION, 0.10)
    assert [p.void for p in run.points] == [False, True, True, False]
    assert run.points[1].void_reason == (
        "the client's own error of TTFT is 6.0 ms at 16 in flight, 12% of the measured 50.0 ms (limit 10%)"
    )


def test_the_error_of_tpot_counts_as_well():
    run = mark_void(LoadRun((point(64, 4000, tpot=5.0),)), CALIBRATION, 0.10)
    assert "TPOT" in run.points[0].void_reason


def test_a_load_beyond_the_calibration_is_void():
    run = mark_void(LoadRun((point(128, 4000), point(None, 4000, rate=9.0, in_flight=80))), CALIBRATION)
    assert all("beyond the loads" in p.void_reason for p in run.points)


def test_an_open_loop_point_is_judged_by_its_number_in_flight():
    run = mark_void(
        LoadRun((point(None, 50, rate=9.0, in_flight=1), point(None, 50, rate=9.0, in_flight=60))), CALIBRATION
    )
    assert [p.void for p in run.points] == [False, True]


def test_a_void_calibration_point_is_no_evidence():
    broken = replace(CALIBRATION.points[2], void_reason="all failed", ttft_error_p50_ms=math.nan)
    run = mark_void(LoadRun((point(64, 4000),)), replace(CALIBRATION, points=(*CALIBRATION.points[:2], broken)))
    assert "beyond" in run.points[0].void_reason


def test_an_earlier_reason_stays():
    already = point(64, 200).as_void("half of the requests failed")
    reason = mark_void(LoadRun((already,)), CALIBRATION).points[0].void_reason
    assert reason.startswith("half of the requests failed; the client's own error")


# One request of ten was held up for half a second while the client was calibrated.
HELD_UP = replace(CALIBRATION, points=(replace(error(64, 2), ttft_error_mean_ms=50.0),))


def test_load_that_a_held_up_calibration_voids_is_sent_once_more_under_a_new_one():
    sent = [LoadRun((point(1, 100), point(16, 200))), LoadRun((point(1, 110), point(16, 210)))]
    run, ruler = send_valid(lambda: sent.pop(0), lambda: CALIBRATION, HELD_UP, least=2)
    assert [p.ttft_ms.p50 for p in run.valid()] == [110, 210]
    assert ruler is CALIBRATION


def test_load_with_points_enough_is_sent_once_whatever_else_is_void():
    sent = [LoadRun((point(1, 100), point(16, 50), point(64, 4000)))]
    run, ruler = send_valid(lambda: sent.pop(0), lambda: pytest.fail("calibrated again"), CALIBRATION, least=2)
    assert [p.void for p in run.points] == [False, True, False]
    assert ruler is CALIBRATION


def test_load_that_is_void_twice_is_not_measured_and_says_why():
    with pytest.raises(ValueError, match=r"not measured: 1 of 2 .* \(concurrency 16: the client's own error"):
        send_valid(lambda: LoadRun((point(1, 1000), point(16, 200))), lambda: HELD_UP, HELD_UP, least=2)


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.floats(1, 200), st.floats(-50, 50)), min_size=1, max_size=8),
    st.floats(1, 200),
    st.floats(0, 50),
)
def test_the_error_never_falls_with_the_load(known, low, step):
    calibration = ClientCalibration(100, 20, tuple(error(load, e) for load, e in known), {})
    first, second = calibration.error_at(low), calibration.error_at(low + step)
    if second is not None:
        assert first is not None
        assert second[0] >= first[0] - 1e-9


def test_tolerance_must_be_positive():
    with pytest.raises(ValueError, match="tolerance"):
        mark_void(LoadRun(()), CALIBRATION, 0.0)
