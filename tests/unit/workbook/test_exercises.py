"""The check of an exercise tells right from wrong, and names the slip."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sizing import Q
from workbook.exercises import SLIPS, check


@given(st.floats(1e-6, 1e12), st.floats(-0.019, 0.019))
def test_answer_within_tolerance_is_right(expected, error):
    assert check(expected * (1 + error), expected).startswith("right")


@given(st.floats(1e-6, 1e12), st.sampled_from([factor for factor, _ in SLIPS]), st.booleans())
def test_typical_slip_is_named(expected, factor, inverse):
    given_answer = expected / factor if inverse else expected * factor
    said = check(given_answer, expected, tolerance=0.001)
    assert said.startswith("not yet: you are off by")
    assert any(text in said for other, text in SLIPS if other == factor)


def test_open_exercise_is_not_wrong():
    assert check(None, 5).startswith("not attempted")


def test_quantity_is_accepted_in_any_fitting_unit_and_refused_in_another():
    expected = Q(320, "KiB/token")
    assert check(Q(320 * 1024, "byte/token"), expected).startswith("right")
    assert "asks for" in check(Q(320, "token/s"), expected)


@pytest.mark.parametrize("wrong", [0, 7.3, 1e9])
def test_other_wrong_answer_is_not_right(wrong):
    assert check(wrong, 100).startswith("not yet")
