"""The knee of a curve: where it is known, and that one noisy point does not move it far."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sizing.knee import knee_of_curve

USERS = [1, 2, 4, 8, 16, 32, 64]


@given(a=st.floats(0.001, 10), b=st.floats(0.0001, 1), gain=st.floats(0.05, 0.5))
def test_doubling_the_users_at_the_knee_gains_what_was_asked(a, b, gain):
    def rate(c: float) -> float:
        return c / (a + b * c)

    at = knee_of_curve(USERS, [rate(c) for c in USERS], gain)
    assert rate(2 * at) / rate(at) - 1 == pytest.approx(gain, rel=1e-4)


@pytest.mark.slow
@given(where=st.integers(0, len(USERS) - 1), error=st.floats(-0.1, 0.1))
def test_one_point_that_is_a_tenth_off_moves_the_knee_by_less_than_a_third(where, error):
    rates = [c / (0.05 + 0.003 * c) for c in USERS]
    exact = knee_of_curve(USERS, rates)
    rates[where] *= 1 + error
    assert knee_of_curve(USERS, rates) == pytest.approx(exact, rel=1 / 3)


def test_what_does_not_flatten_or_is_no_sweep_is_refused():
    with pytest.raises(ValueError, match="does not flatten"):
        knee_of_curve(USERS, [2.0 * c**1.2 for c in USERS])
    with pytest.raises(ValueError, match="three points"):
        knee_of_curve([1, 2], [1.0, 2.0])
    with pytest.raises(ValueError, match="positive"):
        knee_of_curve([1, 2, 4], [1.0, 0.0, 2.0])
