"""The most surprising verdict is the one that is furthest off, and nobody picks it."""

import dataclasses

import pytest

from reference.sizing.claims import claims, most_surprising, questions
from reference.sizing.claims.surprising import factor_off

RECORDS = {record.id: record for record in claims()}
WEIGHTS = RECORDS["q1.weights-fp16"]


def failed(stated: float, computed: float | None, id: str = "x", implied: bool = False):
    return dataclasses.replace(
        WEIGHTS, id=id, stated=stated, computed=computed, verdict="does-not-hold", implied=implied
    )


def test_a_factor_is_the_same_in_both_directions() -> None:
    assert factor_off(failed(2.0, 10.0)) == factor_off(failed(10.0, 2.0)) == 5


@pytest.mark.parametrize(("stated", "computed"), [(1.0, None), (1.0, 0.0), (0.0, 1.0), (1.0, -1.0)])
def test_no_factor_is_made_up_where_there_is_none(stated: float, computed: float | None) -> None:
    assert factor_off(failed(stated, computed)) is None
    assert most_surprising(1, [failed(stated, computed)]) is None


def test_the_largest_factor_of_the_printed_figures_wins() -> None:
    near, far = failed(1.0, 2.0, "near"), failed(1.0, 0.1, "far")
    hidden = failed(1.0, 1000.0, "hidden", implied=True)
    holds = dataclasses.replace(failed(1.0, 1e6, "holds"), verdict="holds")
    found = most_surprising(1, [near, holds, far, hidden])
    assert found is not None
    assert (found.claim.id, found.factor) == ("far", pytest.approx(10))
    alone = most_surprising(1, [hidden, holds])
    assert alone is not None
    assert alone.claim.id == "hidden"


def test_every_question_has_a_surprise_that_does_not_hold() -> None:
    for question in questions():
        found = most_surprising(question, RECORDS.values())
        assert found is not None
        assert found.claim.question == question
        assert RECORDS[found.claim.id].verdict == "does-not-hold"
        assert found.factor > 1
        assert found.to_dict()["reason"] == found.claim.reason
