"""Users that an A/B test needs: textbook values, round trips and refusals."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sizing.ab_tests import detectable_latency, detectable_rate, users_for_latency, users_for_rate

Z_TWO_SIDED_5, Z_POWER_80 = 1.959964, 0.841621


def test_users_for_a_latency_are_those_of_the_two_sample_normal_formula() -> None:
    arm = 2 * ((Z_TWO_SIDED_5 + Z_POWER_80) * 0.6 / math.log(1.1)) ** 2
    assert users_for_latency(1.1, 0.6, alpha=0.05, power=0.8) == pytest.approx(2 * arm, abs=2)


def test_a_smaller_arm_needs_more_users() -> None:
    assert users_for_latency(1.1, 0.6, share=0.05) > 5 * users_for_latency(1.1, 0.6, share=0.5)
    assert users_for_rate(0.01, 0.02, share=0.05) > users_for_rate(0.01, 0.02, share=0.5)


@pytest.mark.parametrize(("ratio", "log_sd", "field"), [(1.0, 0.6, "ratio"), (0.0, 0.6, "ratio"), (1.1, 0.0, "log_sd"),
                                                        (1.1, math.nan, "log_sd"), (1.1, -1.0, "log_sd")])  # fmt: skip
def test_what_no_test_could_find_is_refused(ratio: float, log_sd: float, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        users_for_latency(ratio, log_sd)


@pytest.mark.slow
@given(st.floats(0.1, 2), st.floats(0.02, 0.5), st.integers(200, 10**6))
def test_what_users_can_detect_needs_as_many_users(log_sd: float, share: float, users: int) -> None:
    ratio = detectable_latency(log_sd, users, share)
    assert ratio is not None
    assert users_for_latency(ratio, log_sd, share) == pytest.approx(users, rel=1e-6, abs=1.5)


@given(st.floats(0.001, 0.3), st.floats(0.05, 0.5), st.integers(2000, 10**6))
def test_the_rate_that_users_can_detect_needs_no_more_users(rate: float, share: float, users: int) -> None:
    higher = detectable_rate(rate, users, share)
    if higher is not None:
        assert higher > rate
        assert users_for_rate(rate, higher, share) <= users * 1.001 + 2
