"""No figure, bound or message of the simulated fleet and of the planner changes unseen."""

from __future__ import annotations

import pytest
from reviewed import differences
from reviewed_fleets import REWRITE, as_reviewed, declarations, declared_now, found

# Those of the loops are met in test_core_as_reviewed.
REVIEWED, DECLARED = (
    {name: one for name, one in all_of.items() if ".core" not in name} for all_of in (as_reviewed(), declarations())
)
AT_ONCE = 6  # expressions of a test
PARTS = [
    pytest.param(module, start, id=f"reference.sizing.{module}-{start}")
    for module, values in REVIEWED.items()
    for start in range(0, len(values), AT_ONCE)
]


@pytest.mark.parametrize("module", DECLARED)
def test_constants_and_defaults_are_those_that_were_reviewed(module: str) -> None:
    assert not differences(declared_now(module), DECLARED[module]), REWRITE


@pytest.mark.parametrize(("module", "start"), PARTS)
def test_values_and_errors_are_those_that_were_reviewed(module: str, start: int) -> None:
    wanted = dict(list(REVIEWED[module].items())[start : start + AT_ONCE])
    assert not differences(found(module, wanted), wanted), REWRITE
