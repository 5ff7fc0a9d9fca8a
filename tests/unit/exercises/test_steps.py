"""The wrong step of a worked answer is the first that does not follow from the lines above it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.steps import first_wrong, other_steps

STEPS = ("1", "2", "3", "4")


@given(st.lists(st.floats(1, 1e6), min_size=4, max_size=4), st.integers(0, 3), st.floats(1.001, 5))
def test_the_step_that_was_broken_is_found(numbers, broken, factor):
    said = list(numbers)
    said[broken] *= factor
    assert first_wrong(STEPS, numbers, said) == STEPS[broken]


def test_of_two_wrong_steps_the_first_is_named():
    assert first_wrong(STEPS, [1, 2, 3, 4], [1, 9, 9, 4]) == "2"


def test_an_answer_without_a_mistake_is_no_exercise():
    with pytest.raises(ValueError, match="every step holds"):
        first_wrong(STEPS, [1, 2, 3, 4], [1, 2, 3, 4 + 1e-12])
    with pytest.raises(ValueError):
        first_wrong(STEPS, [1, 2, 3], [1, 2, 3, 4])


def test_every_other_step_is_a_mistake():
    assert [one.value for one in other_steps(STEPS, "3")] == ["1", "2", "4"]
    assert {one.slip for one in other_steps(STEPS, "3")} == {"other_step"}
