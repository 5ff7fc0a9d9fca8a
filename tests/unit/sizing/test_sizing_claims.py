"""The ledger and its verdicts, apart from any question."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sizing import Q
from reference.sizing.claims import (
    claims,
    close_to,
    enough,
    not_above,
    over_choices,
    over_range,
    questions,
    reaches,
    to_dict,
)
from reference.sizing.claims.ledger import _Entry, _judge, claim


@given(stated=st.floats(0.1, 1e6), factor=st.floats(0.5, 2), tolerance=st.floats(0.001, 0.5))
def test_close_to_holds_exactly_within_its_tolerance(stated: float, factor: float, tolerance: float) -> None:
    outcome = close_to(stated, stated * factor, "because", tolerance)
    assert (outcome.verdict == "holds") == (abs(stated * factor / stated - 1) <= tolerance)


@given(stated=st.floats(0.1, 1e6), other=st.floats(0.1, 1e6))
def test_one_sided_verdicts_follow_the_order(stated: float, other: float) -> None:
    if abs(stated / other - 1) < 1e-6:
        return
    assert (enough(stated, other, "").verdict == "holds") == (stated > other)
    assert (not_above(stated, other, "").verdict == "holds") == (stated > other)
    assert (reaches(stated, other, "").verdict == "holds") == (other > stated)


def test_units_are_converted_before_they_are_compared() -> None:
    assert enough(Q(1, "GB"), Q(999, "MB"), "").verdict == "holds"
    assert not_above(Q(500, "ms"), Q(1, "s"), "").verdict == "does-not-hold"


@given(threshold=st.floats(1.5, 98.5), rising=st.booleans())
def test_depends_finds_the_threshold_at_which_it_flips(threshold: float, rising: bool) -> None:
    outcome = over_range(
        7, lambda x: (x >= threshold) == rising, variable="x", low=1, high=100, unit="tokens", reason="because"
    )
    assert outcome.verdict == "depends"
    assert outcome.variable == "x"
    assert outcome.threshold == pytest.approx(threshold, rel=1e-4)
    assert ("above" if rising else "below") in outcome.reason


def test_condition_that_never_flips_in_range_is_not_a_depends() -> None:
    outcome = over_range(7, lambda x: x > 500, variable="x", low=1, high=100, search=(1, 1000), reason="because")
    assert outcome.verdict == "does-not-hold"
    assert outcome.threshold == pytest.approx(500, rel=1e-3)
    assert over_range(7, lambda x: x < 500, variable="x", low=1, high=100, reason="because").verdict == "holds"


def test_choices_depend_only_if_they_differ() -> None:
    mixed = over_choices(1, {"a": True, "b": False}, variable="provider", reason="r")
    assert mixed.verdict == "depends"
    assert mixed.threshold == ["a"]
    assert over_choices(1, {"a": True}, variable="provider", reason="r").verdict == "holds"
    assert over_choices(1, {"b": False}, variable="provider", reason="r").verdict == "does-not-hold"
    with pytest.raises(ValueError, match="provider"):
        over_choices(1, {}, variable="provider", reason="r")


@dataclass(frozen=True)
class Inputs:
    used: float = 2.0
    unused: float = 3.0

    @property
    def doubled(self) -> float:
        return self.used * 2


def test_evidence_of_a_claim_names_the_assumptions_that_were_read() -> None:
    entry = _Entry("t.x", 0, "s", 4.0, False, lambda a, stated: enough(stated, a.doubled, "r"))
    record = _judge(entry, Inputs())
    assert record.evidence.to_dict()["assumptions"] == {"used": 2.0}
    assert record.verdict == "holds"
    assert _judge(entry, Inputs(used=3)).verdict == "does-not-hold"


@pytest.mark.slow
def test_an_id_is_used_once() -> None:
    with pytest.raises(ValueError, match="used twice"):
        claims(1)
        claim("q1.weights-fp16", question=1, statement="s", stated=1)(lambda a, stated: enough(1, 1, ""))


def test_unknown_question_is_named() -> None:
    with pytest.raises(KeyError, match="question 99"):
        claims(99)


@pytest.mark.slow
def test_json_form_has_the_documented_fields_and_a_tally() -> None:
    records = claims()
    document = json.loads(json.dumps(to_dict(records)))
    needed = {"id", "question", "statement", "stated", "unit", "computed", "verdict", "reason", "evidence"}
    assert all(needed <= set(record) for record in document["claims"])
    assert sum(document["verdicts"].values()) == len(records) > 0
    assert set(document["verdicts"]) == {"holds", "does-not-hold", "depends"}
    assert {record["question"] for record in document["claims"]} <= set(questions())
