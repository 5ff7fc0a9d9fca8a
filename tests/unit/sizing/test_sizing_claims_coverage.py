"""Every figure of the source has a verdict that a function returned, and every record judges a figure."""

import dataclasses
import re
from collections import Counter

import pytest

from reference.sizing.claims import claims, figure_counts, judge, judged_figures, questions, stated_figures
from reference.sizing.claims.coverage import JudgedFigure, _judge, _row, carries
from reference.sizing.claims.givens import what_turns
from reference.sizing.claims.ledger import default_assumptions

pytestmark = pytest.mark.filterwarnings("ignore::reference.sizing.bands.ImplausibleWarning")
FIGURES = stated_figures()
RECORDS = {record.id: record for record in claims()}
JUDGED = judged_figures(records=RECORDS.values())


def test_every_figure_has_a_verdict() -> None:
    assert {one.figure.id: one.reason for one in JUDGED if one.verdict is None} == {}


def test_every_record_judges_a_figure_of_its_question() -> None:
    assert set(RECORDS) == {id for figure in FIGURES for id in figure.records}


def test_no_figure_is_listed_twice() -> None:
    def repeated(of: list[object]) -> list[object]:
        return [one for one, times in Counter(of).items() if times > 1]

    assert repeated([figure.id for figure in FIGURES]) == []
    assert repeated([(figure.question, figure.says) for figure in FIGURES]) == []
    own = [(one.question, one.values, one.unit, one.records[0]) for one in FIGURES if one.values and one.records]
    # Both lists of the hybrid search hold 20 passages, and one record judges what becomes of them.
    assert repeated(own) == [(2, (20.0,), "", "q2.fused-20")]


def test_every_question_lists_figures_of_known_kinds() -> None:
    assert {figure.question for figure in FIGURES} == set(questions())
    for figure in FIGURES:
        assert figure.kind in ("claim", "given", "definition", "statement"), figure.id
        assert bool(figure.values) == (figure.kind != "statement"), figure.id
        assert bool(figure.field) == (figure.kind == "given"), figure.id
        assert re.fullmatch(r"[a-z0-9-]+", figure.key), figure.id
        assert len(figure.records) == len(set(figure.records)), figure.id


def _with(id: str, **changes: object) -> JudgedFigure:
    figure = next(one for one in FIGURES if one.id == id)
    return _judge(dataclasses.replace(figure, **changes), RECORDS)  # type: ignore[arg-type]


def test_a_figure_without_a_record_has_no_verdict_and_says_so() -> None:
    assert _with("q1.weights", records=()).verdict is None
    assert _with("q6.context", records=()).verdict is None
    gone = _with("q1.weights", records=("q1.nothing",))
    assert (gone.verdict, "q1.nothing" in gone.reason) == (None, True)


def test_a_record_that_never_read_the_figure_does_not_judge_it() -> None:
    assert _with("q1.weights").verdict == RECORDS["q1.weights-fp16"].verdict
    other = _with("q1.weights", values=(150.0,))
    assert (other.verdict, "150" in other.reason) == (None, True)
    assert _with("q1.weights", records=("q1.total-cost",)).verdict is None
    assert _with("q1.weights", values=(140_000.0,), unit="MB").verdict is not None
    second = _with("q1.weights", records=("q1.total-cost", "q1.weights-fp16"))
    assert (second.verdict, "first" in second.reason) == (None, True)


def test_a_figure_that_holds_names_what_rests_on_it_and_does_not() -> None:
    cap = _with("q6.cap", records=("q6.cap-average", "q6.cap-tail"))
    assert (cap.verdict, RECORDS["q6.cap-tail"].verdict) == ("holds", "does-not-hold")
    assert cap.reason.endswith("; of what rests on it does not hold: q6.cap-tail")
    assert _with("q6.cap", records=("q6.cap-tail", "q6.cap-average")).reason == RECORDS["q6.cap-tail"].reason


def test_a_given_figure_must_be_what_the_question_assumes_and_be_read() -> None:
    assert _with("q2.documents").verdict == "given"
    assert _with("q2.documents", values=(9_000.0,)).verdict is None
    unknown = _with("q2.documents", field="papers")
    assert (unknown.verdict, "papers" in unknown.reason) == (None, True)
    unread = {field.name for field in dataclasses.fields(default_assumptions(2))}
    own = [record for record in RECORDS.values() if record.question == 2]
    unread -= {name for record in own for name in record.evidence.to_dict()["assumptions"]}
    for name in unread:
        assert what_turns(2, name).read_by == ()


@pytest.mark.parametrize("value", [7.0, 70.0, 175.0, 3.0])
def test_numbers_in_lists_and_names_count_as_read(value: float) -> None:
    assert carries(RECORDS["q1.model-sizes"], value, "") == (value in (7.0, 70.0, 175.0, 3.0))


def test_what_turns_is_what_the_ledger_says_under_the_other_value() -> None:
    found = what_turns(2, "documents")
    base = default_assumptions(2)
    for factor, ids in found.turned.items():
        changed = dataclasses.replace(base, documents=round(base.documents * factor))
        assert ids
        for id in found.read_by:
            assert (judge(id, changed).verdict != RECORDS[id].verdict) == (id in ids)
    assert "q2.chunks" in found.reason
    with pytest.raises(KeyError, match="documents"):
        what_turns(2, "nothing")


def test_given_figures_name_what_turns_with_them() -> None:
    reasons = {one.figure.id: one.reason for one in JUDGED if one.verdict == "given"}
    assert reasons
    for id, reason in reasons.items():
        assert re.search(r"read by \d+ records", reason), id


def test_coverage_counts_the_verdicts() -> None:
    found = figure_counts(judged=JUDGED)
    assert found["figures"] == found["with-verdict"] == len(FIGURES)
    assert sum(found[name] for name in ("holds", "does-not-hold", "depends", "given")) == len(FIGURES)
    lost = [*JUDGED, JudgedFigure(FIGURES[0], None, "nothing")]
    assert figure_counts(judged=lost)["with-verdict"] == figure_counts(judged=lost)["figures"] - 1
    assert figure_counts(1)["figures"] == sum(figure.question == 1 for figure in FIGURES)


def test_a_row_with_an_unknown_or_a_missing_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"figures/q1\.toml"):
        _row(1, {"key": "x", "says": "y", "kind": "claim", "why": "z"})
    with pytest.raises(ValueError, match=r"figures/q1\.toml"):
        _row(1, {"key": "x", "says": "y"})


def test_the_owasp_categories_of_question_6_are_those_that_rules_cite() -> None:
    from reference.agents.rules.registry import registry
    from reference.sizing.claims.q6 import Q6Assumptions

    cited = {rule.owasp for rule in registry().values() if rule.owasp}
    assert len(cited) == Q6Assumptions().owasp_covered
    assert all(category.endswith(":2021") for category in cited)
    assert cited.isdisjoint({"A04:2021", "A09:2021"})
