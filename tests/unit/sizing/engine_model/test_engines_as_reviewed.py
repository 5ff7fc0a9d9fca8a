"""No figure, bound or message of the engine model, of evidence or of error rates changes unseen."""

from __future__ import annotations

import json

import pytest
from reviewed import differences
from reviewed_engines import DECLARED, REWRITE, as_reviewed, declared_now, found

REVIEWED = as_reviewed()
AT_ONCE = 10  # expressions of a test
PARTS = [
    pytest.param(module, start, id=f"reference.sizing.{module}-{start}")
    for module, values in REVIEWED.items()
    for start in range(0, len(values), AT_ONCE)
]


@pytest.mark.parametrize("module", json.loads(DECLARED.read_text("utf-8")))
def test_constants_and_defaults_are_those_that_were_reviewed(module: str) -> None:
    assert not differences(declared_now(module), json.loads(DECLARED.read_text("utf-8"))[module]), REWRITE


@pytest.mark.parametrize(("module", "start"), PARTS)
def test_values_and_errors_are_those_that_were_reviewed(module: str, start: int) -> None:
    wanted = dict(list(REVIEWED[module].items())[start : start + AT_ONCE])
    assert not differences(found(module, wanted), wanted), REWRITE
