"""No constant, default or bound of sizing changes without somebody reading the change, nor does a record thaw."""

from __future__ import annotations

import pytest
from reviewed import REWRITE, as_reviewed, differences, plain
from reviewed_declarations import MODULES, declared

REVIEWED = as_reviewed("declarations")


def test_the_modules_are_those_that_were_reviewed():
    assert list(REVIEWED) == MODULES, REWRITE


@pytest.mark.parametrize("module", MODULES)
def test_declarations_are_those_that_were_reviewed(module):
    assert not differences(plain(declared(module)), REVIEWED[module]), REWRITE
