"""The matcher and the figures: what counts as found, as false, as neither; and their intervals."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reference.agents.evaluation import matcher
from reference.agents.evaluation.ablations import ablations
from reference.agents.evaluation.cases import Case, Expected, Place
from reference.agents.evaluation.evaluate import run_cases, summarised
from reference.agents.evaluation.matcher import match, meets
from reference.agents.evaluation.metrics import clean_figures, cluster_bootstrap, latency, rates, suggest_posted
from reference.agents.types import Agent, Change, Finding, ReviewError, Severity
from workbook.figures import q6_running

QUALITY = frozenset({Agent.QUALITY})


def change() -> Change:
    return Change("r", "a", "b", ())


def finding(
    line: int, agent: Agent = Agent.QUALITY, rule: str = "quality/x", path: str = "a.py", end: int = 0
) -> Finding:
    return Finding(agent, rule, Severity.WARNING, path, line, end or line)


def case(kind: str = "quality", *expected: Expected, repository: str = "r", inserted: tuple[Place, ...] = ()) -> Case:
    return Case(f"{kind}-{repository}", repository, kind, change, expected, inserted=inserted)


def at(line: int, agents: frozenset[Agent] = QUALITY, **rest: Any) -> Expected:
    return Expected((Place("a.py", line, line),), agents, **rest)


@pytest.mark.parametrize(("line", "met"), [(7, True), (13, True), (6, False), (14, False)])
def test_three_lines_off_is_a_hit_and_four_are_not(line: int, met: bool) -> None:
    assert meets(finding(line), at(10)) is met


def test_path_and_specialist_must_be_the_expected_ones() -> None:
    assert not meets(finding(10, path="b.py"), at(10))
    assert not meets(finding(10, Agent.SECURITY), at(10))


def test_a_family_is_asked_for_by_the_rules_cwe(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = {"security/sql": SimpleNamespace(cwe=89), "security/xss": SimpleNamespace(cwe=79)}
    monkeypatch.setattr(matcher, "registry", lambda: rules)
    want = at(10, frozenset({Agent.SECURITY}), families=frozenset({"sql"}))
    assert meets(finding(10, Agent.SECURITY, "security/sql"), want)
    assert not meets(finding(10, Agent.SECURITY, "security/xss"), want)
    assert not meets(finding(10, Agent.SECURITY, "security/unknown"), want)


def test_one_finding_meets_one_expectation_and_the_second_is_false() -> None:
    twice = match(case("quality", at(10)), [finding(10), finding(11)])
    assert twice.found == 1
    assert len(twice.false) == 1
    one_for_two = match(case("quality", at(10), at(11)), [finding(10)])
    assert one_for_two.found == 1


def test_a_broad_finding_does_not_take_the_place_of_a_precise_one() -> None:
    outcome = match(case("quality", at(10), at(30)), [finding(9, end=31), finding(10)])
    assert outcome.found == 2
    assert outcome.false == ()


def test_where_many_remarks_are_right_none_of_them_is_false() -> None:
    tests = frozenset({Agent.TESTS})
    want = Expected((Place("a.py", 1, 5), Place("a.py", 50, 60)), tests, many=True)
    outcome = match(case("tests", want), [finding(2, Agent.TESTS), finding(55, Agent.TESTS), finding(90, Agent.TESTS)])
    assert (outcome.found, len(outcome.repeated), len(outcome.false)) == (1, 1, 1)


def test_remarks_on_inserted_code_without_tests_are_neither_right_nor_false() -> None:
    made = case("quality", at(10), inserted=(Place("a.py", 8, 12),))
    outcome = match(made, [finding(9, Agent.TESTS), finding(20, Agent.TESTS), finding(9, Agent.SECURITY)])
    assert len(outcome.neutral) == 1
    assert len(outcome.false) == 2


def test_every_comment_on_a_clean_change_is_false() -> None:
    outcome = match(case("clean"), [finding(1)], [finding(2, rule="quality/y")])
    assert len(outcome.false) == 1
    assert outcome.silent_wrong == {"quality/y": 1}


def test_precision_and_recall_of_a_specialist_and_of_all() -> None:
    outcomes = [
        match(case("quality", at(10)), [finding(10)]),
        match(case("quality", at(10)), []),
        match(case("clean"), [finding(1), finding(2, Agent.SECURITY)]),
        match(case("logic", at(5, frozenset({Agent.QUALITY, Agent.SECURITY}))), []),
        match(case("revert", at(5)), [finding(90)]),
    ]
    quality = rates(outcomes, "quality", Agent.QUALITY)
    assert (quality.tp, quality.fp, quality.fn) == (1, 1, 1)
    everything = rates(outcomes, "all")
    assert (everything.tp, everything.fp, everything.fn) == (1, 2, 2)
    assert everything.recall == pytest.approx(1 / 3)
    assert everything.f1 == pytest.approx(2 / 6)
    assert rates(outcomes, "x", leave_out=frozenset({"revert", "logic"})).recall == 0.5
    assert math.isnan(rates([], "none").precision)


def test_clean_releases_and_twins_are_told_apart() -> None:
    outcomes = [match(case("clean"), []), match(case("clean"), [finding(1)]), match(case("security"), [finding(1)] * 2)]
    clean, twins = clean_figures(outcomes), clean_figures(outcomes, twins=True)
    assert (clean.n, clean.false, clean.silent, clean.per_change) == (2, 1, 1, 0.5)
    assert (twins.n, twins.false, twins.silent) == (1, 2, 0)


def test_the_bootstrap_draws_repositories_not_cases() -> None:
    one = [match(case("clean", repository="a"), [finding(1)]) for _ in range(40)]
    assert cluster_bootstrap(one, lambda some: sum(len(x.false) for x in some) / len(some)) == (1.0, 1.0)
    two = one + [match(case("clean", repository="b"), []) for _ in range(40)]
    low, high = cluster_bootstrap(two, lambda some: sum(len(x.false) for x in some) / len(some))
    assert (low, high) == (0.0, 1.0)


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from("abcd")), min_size=1, max_size=20))
@example([(1, 0, "a")] * 12)  # where rounding could leave an end beside the share
@example([(0, 1, "a")] * 11)
def test_counts_add_up_and_intervals_hold_their_shares(shapes: list[tuple[int, int, str]]) -> None:
    outcomes = [
        match(case("quality", at(10), repository=name), [finding(10)] * right + [finding(90)] * wrong)
        for right, wrong, name in shapes
    ]
    row = rates(outcomes, "all")
    assert row.tp + row.fn == len(shapes)
    assert row.fp == sum(max(0, right - 1) + wrong for right, wrong, _ in shapes)
    assert row.recall_interval[0] <= row.recall <= row.recall_interval[1]


@pytest.mark.parametrize(("n", "line"), [(12, 10), (11, 90)])
def test_a_run_with_everything_or_nothing_right_can_be_drawn(n: int, line: int) -> None:
    row = rates([match(case("quality", at(10)), [finding(line)])] * n, "all")
    assert row.precision == row.recall == (line == 10)
    assert q6_running.precision_recall([q6_running.rates_row(row)], [], (0.6, 0.35)) is not None


def test_rules_are_judged_on_tuning_repositories_only() -> None:
    tuning, held = "flask", "flask2"
    names = {one: case("clean", repository=one).split for one in ("flask", "click", "rich", "idna", "h11", "mako")}
    tuning = next(one for one, split in names.items() if split == "tuning")
    held = next(one for one, split in names.items() if split == "held-out")
    bad = [match(case("clean", repository=tuning), [finding(1, rule="quality/noisy")]) for _ in range(4)]
    good = [match(case("quality", at(10), repository=tuning), [finding(10, rule="quality/good")]) for _ in range(9)]
    elsewhere = [match(case("clean", repository=held), [finding(1, rule="quality/held")])]
    rows = {row.rule: row for row in suggest_posted([*bad, *good, *elsewhere])}
    assert rows.keys() == {"quality/noisy", "quality/good"}
    assert rows["quality/noisy"].advice == "keep silent"
    assert rows["quality/good"].advice == "post"


def test_p95_is_a_measured_review() -> None:
    some = [replace(match(case("clean"), []), seconds=float(n)) for n in range(1, 21)]
    assert latency(some) == {"p50": 10.5, "p95": 19.0, "n": 20.0}
    assert latency([]) == {}


class Fixed:
    """Says the same about every change; breaks on the second."""

    def __init__(self) -> None:
        self.seen = 0

    def review_now(self, change: Change) -> Any:
        self.seen += 1
        if self.seen == 2:
            raise RuntimeError("broke")
        return SimpleNamespace(findings=(finding(10),), left_out={}, reports=(), cost=0.25)


def test_a_case_that_cannot_be_reviewed_is_named_and_counts_as_missed() -> None:
    cases = [case("quality", at(10), repository=name) for name in "abc"]
    outcomes, failed = run_cases(cases, Fixed(), workers=1)
    report = summarised(outcomes, failed, "ci", "both", "releases", ())
    assert list(failed.values()) == ["RuntimeError: broke"]
    assert report.kinds == {"quality": (2, 3)}
    assert report.cost == 0.5
    assert report.to_dict()["specialists"][1]["precision"] is None


def test_a_row_that_was_measured_before_is_taken_from_there_and_every_row_is_of_the_same_cases(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = "reference.agents.evaluation.ablations"
    cases = [case(repository=name) for name in "abcde"]
    reviewed: list[str] = []

    def run_cases(some: list[Case], reviewer: object) -> Any:
        reviewed.extend(one.repository for one in some)
        return [match(one, ()) for one in some], {}

    monkeypatch.setattr(f"{run}.build_cases", lambda profile, split: (cases, "releases", ()))
    monkeypatch.setattr(f"{run}.run_cases", run_cases)
    failed = {cases[0].id: "broke", cases[1].id: "broke too"}
    measured = summarised([match(one, (), seconds=7.0) for one in cases], failed, "ci", "held-out", "releases", ())
    first, second, *_ = ablations("ci", "held-out", tools_only=measured, every=2)
    assert reviewed == ["a", "c", "e"]
    assert [[one.case.repository for one in row.report.outcomes] for row in (first, second)] == [["a", "c", "e"]] * 2
    assert first.report.latency["p50"] == 7.0
    assert first.report.failed == {cases[0].id: "broke"}
    with pytest.raises(ReviewError, match=r"tools_only is of ci, held-out.*of ci, tuning"):
        ablations("ci", "tuning", tools_only=measured)
