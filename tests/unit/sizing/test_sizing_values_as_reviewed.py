"""No value and no message of the sizing core changes without somebody reading the change."""

from __future__ import annotations

import numpy as np
import pytest
from reviewed import REWRITE, VALUES, as_reviewed, differences, plain, same, values_of

REVIEWED = {module: values for name in VALUES for module, values in as_reviewed(name).items()}
SLOW = tuple(f"reference.sizing.claims.{name}" for name in ("q1.design", "q1.day", "q2.design", "q2.drivers"))
MODULES = [pytest.param(one, marks=pytest.mark.slow) if one in SLOW else one for one in REVIEWED]


@pytest.mark.parametrize("module", MODULES)
def test_values_are_those_that_were_reviewed(module):
    wanted = REVIEWED[module]
    assert not differences(values_of(module, wanted), wanted), REWRITE


def test_a_value_that_differs_is_named():
    found = {"a": 1.0, "b": [1, {"c": "x"}], "d": 1 + 1e-12, "new": 0}
    assert differences(found, {"a": 1.1, "b": [1, {"c": "y"}], "d": 1.0}) == {
        "a": (1.0, 1.1), "b": ([1, {"c": "x"}], [1, {"c": "y"}]), "new": (0, None),
    }  # fmt: skip


@pytest.mark.parametrize(("found", "wanted"), [(True, 1), (1, True), ("1", 1), ([1], [1, 2]), ({}, {"a": 1})])
def test_what_is_of_another_kind_or_length_is_not_the_same(found, wanted):
    assert not same(found, wanted)


def test_a_long_array_is_told_by_its_sum_and_some_places():
    told = plain(np.append(np.arange(99.0), np.nan))
    assert told == {"shape": [100], "sum": 4850.0, "some": [0.0, 20.0, 40.0, 60.0, 80.0]}
