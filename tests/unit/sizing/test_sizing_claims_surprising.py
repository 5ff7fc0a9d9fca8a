"""The most surprising verdict is the one that is furthest off, and nobody picks it."""

import dataclasses

import pytest

from reference.sizing.claims import Outcome, claims, close_to, most_surprising, questions
from reference.sizing.claims.ledger import _Entry, _judge, default_assumptions
from reference.sizing.claims.surprising import factor_off
from reference.sizing.units import Q

RECORDS = {record.id: record for record in claims()}
BUDGET = RECORDS["q1.within-budget"]


def failed(computed: float | None, id: str = BUDGET.id, **changed):
    """The claim about the budget, which the source prints, with another computed figure."""
    return dataclasses.replace(BUDGET, id=id, computed=computed, **{"verdict": "does-not-hold"} | changed)


def test_a_factor_is_the_same_in_both_directions() -> None:
    assert factor_off(failed(10.0, stated=2.0)) == factor_off(failed(2.0, stated=10.0)) == 5


@pytest.mark.parametrize(
    "changed", [{"computed": None}, {"computed": 0.0}, {"stated": 0.0}, {"computed": -1.0}, {"compared": False}]
)
def test_no_factor_is_made_up_where_there_is_none(changed) -> None:
    record = dataclasses.replace(failed(7.0), **changed)
    assert factor_off(record) is None
    found = most_surprising(1, [record])
    assert found is not None
    assert (found.factor, found.says, found.to_dict()["stated"], found.to_dict()["computed"]) == (None, "", None, None)


def test_the_largest_factor_wins_between_a_number_that_the_answer_prints_and_the_computed_one() -> None:
    stated = BUDGET.stated
    near, far = failed(stated / 2), failed(stated * 10)
    unprinted = failed(stated * 1000, id="q1.of-no-figure")
    another = failed(stated * 1000, stated=stated + 1)
    implied = failed(stated * 100, implied=True)
    judged_otherwise = failed(stated * 1000, compared=False)
    holds = failed(stated * 1000, verdict="holds")
    others = [near, unprinted, another, implied, judged_otherwise, holds]
    found = most_surprising(1, [*others, far])
    assert found is not None
    assert (found.claim, found.factor, found.says) == (far, pytest.approx(10), "budget for a month")
    alone = most_surprising(1, [judged_otherwise, implied, holds])
    assert alone is not None
    assert alone.claim is implied
    assert most_surprising(1, [holds]) is None


def judged(outcome: Outcome, stated: object = Q(10, "min")):
    return _judge(_Entry("q1.x", 1, "x", stated, False, lambda a, stated: outcome), default_assumptions(1))


def test_a_record_is_compared_only_if_its_verdict_is_that_of_its_two_figures() -> None:
    assert judged(close_to(Q(600, "s"), Q(5, "min"), "")).compared
    assert not judged(close_to(Q(601, "s"), Q(5, "min"), "")).compared, "held against another figure"
    assert not judged(Outcome(Q(5, "min"), "does-not-hold", "")).compared


def test_every_question_has_a_surprise_and_what_it_prints_is_the_pair_that_was_compared() -> None:
    for question in questions():
        found = most_surprising(question, RECORDS.values())
        assert found is not None
        record, told = RECORDS[found.claim.id], found.to_dict()
        assert (record.question, record.verdict, told["reason"]) == (question, "does-not-hold", record.reason)
        if found.factor is None:
            assert not [one for one in RECORDS.values() if one.question == question and factor_off(one) and one.compared
                        and one.verdict == "does-not-hold"]  # fmt: skip
            continue
        assert (told["stated"], told["computed"]) == (record.stated_text, record.computed_text)
        assert found.factor == max(record.stated / record.computed, record.computed / record.stated) > 1
        assert found.figure is not None
        assert any(value == pytest.approx(record.stated) for value in found.figure.values), found.figure
