"""Many findings, one quiet answer: the same whatever the order, complete, and only where a comment may stand."""

from __future__ import annotations

import random
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.agents.diff.lines import touched
from reference.agents.orchestrator import aggregate
from reference.agents.orchestrator.aggregate import (
    DOUBLE,
    HARD_CAP,
    MINOR,
    MUTED,
    OUTSIDE,
    OVER_CAP,
    POSTED_BEFORE,
    REPORT_ONLY,
    UNKNOWN,
)
from reference.agents.rules import registry
from reference.agents.sources import from_texts
from reference.agents.types import Agent, AgentReport, Finding, Severity

OLD = [f"line_{n} = {n}" for n in range(1, 61)]
NEW = list(OLD)
for _at in (4, 5, 6, 30, 31):  # two hunks with added lines
    NEW[_at] += "0"
del NEW[50:52]  # and one where lines are only gone
CHANGE = from_texts(
    {"a.py": "\n".join(OLD) + "\n", "b.py": "x = 1\n"}, {"a.py": "\n".join(NEW) + "\n", "b.py": "x = 2\ny = 3\n"}
)
RULES = sorted(registry())
EVERY = frozenset(RULES)
WITH_FIELDS = next(rule for rule in RULES if registry()[rule].fields)
POSTABLE = [rule for rule in RULES if registry()[rule].posted]


def finding(rule: str = "quality/bug", line: int = 5, **changes) -> Finding:
    entry = registry()[rule]
    values = dict.fromkeys(entry.fields, "x")
    path = changes.pop("path", "a.py")
    made = Finding(entry.agent, rule, entry.severity, path, line, line, values, "ast", f"line {line}")
    return replace(made, **changes)


def told(*findings: Finding, **options):
    return aggregate(CHANGE, [AgentReport(one.agent, (one,)) for one in findings], **options)


@st.composite
def any_finding(draw):
    rule = draw(st.sampled_from(RULES))
    line = draw(st.one_of(st.sampled_from([5, 6, 7, 31, 32, 50]), st.integers(1, 62)))
    changes = {
        "path": draw(st.sampled_from(["a.py", "a.py", "b.py", "gone.py"])),
        "end_line": line + draw(st.sampled_from([0, 0, 1, 30])),
        "severity": draw(st.sampled_from(list(Severity))),
        "confidence": draw(st.sampled_from([0.3, 0.9])),
        "evidence": draw(st.sampled_from(["p", "q", "r"])),
        "tool": draw(st.sampled_from(["ast", "ruff"])),
    }
    made = finding(rule, line, **changes)
    return draw(st.sampled_from([made, made, made, replace(made, rule="quality/none"), replace(made, values={})]))


def reports_of(findings):
    return [AgentReport(agent, tuple(one for one in findings if one.agent is agent)) for agent in Agent]


def identity(one: Finding):
    return (one.rule, one.path, one.severity, one.confidence, one.evidence, one.tool, tuple(one.values))


FINDINGS = st.lists(any_finding(), max_size=40)
OPTIONS = st.fixed_dictionaries(
    {
        "cap": st.integers(1, 12),
        "minimum": st.sampled_from(list(Severity)),
        "muted": st.sampled_from([frozenset(), EVERY, frozenset(RULES[::2])]),
    }
)


@pytest.mark.slow
@given(FINDINGS, OPTIONS, st.randoms())
@settings(max_examples=120, deadline=None)
def test_any_order_of_reports_and_findings_gives_the_same_answer(findings, options, rng: random.Random):
    before = frozenset(one.fingerprint for one in findings[::3])
    first = aggregate(CHANGE, reports_of(findings), posted_before=before, **options)
    rng.shuffle(findings)
    shuffled = reports_of(findings)
    rng.shuffle(shuffled)
    assert aggregate(CHANGE, shuffled, posted_before=before, **options) == first


@pytest.mark.slow
@given(FINDINGS, OPTIONS)
@settings(max_examples=120, deadline=None)
def test_what_holds_for_every_answer(findings, options):
    before = frozenset(one.fingerprint for one in findings[::4])
    made = aggregate(CHANGE, reports_of(findings), posted_before=before, **options)
    posted = [one for comment in made.comments for one in comment.findings]
    left = [one for group in made.left_out.values() for one in group]
    # complete: each finding is posted or left out, once
    assert Counter(map(identity, [*posted, *left])) == Counter(map(identity, findings))
    # a place that the change touched and that GitHub takes, within one hunk
    for comment in made.comments:
        file = CHANGE.file(comment.path)
        lead = comment.findings[0]
        assert lead.line in touched(file)
        lines = set(range(comment.start_line or comment.line, comment.line + 1))
        assert any(lines <= {one.new for one in hunk.lines} for hunk in file.hunks)
        assert comment.severity is max(one.severity for one in comment.findings)
    # critical ones are neither muted nor kept back by the cap
    assert all(one.severity is not Severity.CRITICAL for one in made.left_out.get(MUTED, ()))
    assert all(one.severity is not Severity.CRITICAL for one in made.left_out.get(MINOR, ()))
    critical = sum(one.severity is Severity.CRITICAL for one in made.comments)
    assert len(made.comments) <= max(options["cap"], critical)
    if any(one.severity is Severity.CRITICAL for one in made.left_out.get(OVER_CAP, ())):
        assert critical == HARD_CAP
    assert list(made.comments) == sorted(made.comments, key=lambda one: -one.severity)
    assert all(one.severity >= options["minimum"] for one in posted)
    assert all(one.rule not in options["muted"] for one in posted if one.severity is not Severity.CRITICAL)
    # no approval, and no request without something critical that stands
    stands = [*posted, *made.left_out.get(POSTED_BEFORE, ()), *made.left_out.get(OVER_CAP, ())]
    worst = any(one.severity is Severity.CRITICAL for one in stands)
    assert made.event == ("REQUEST_CHANGES" if worst else "COMMENT")


@given(FINDINGS)
@settings(max_examples=60, deadline=None)
def test_a_second_review_of_the_same_change_says_nothing_again(findings):
    options = {"cap": 50, "minimum": Severity.SUGGESTION}
    first = aggregate(CHANGE, reports_of(findings), **options)
    said = [one.fingerprint for comment in first.comments for one in comment.findings]
    again = aggregate(CHANGE, reports_of(findings), posted_before=said, **options)
    assert again.comments == ()
    assert again.event == first.event


def test_a_new_fault_beside_an_old_one_is_said_and_the_old_one_is_not():
    old = finding("security/sql-injection", 5)
    new = finding("quality/swallowed-error", 5, evidence="new")
    made = told(old, new, posted_before=[old.fingerprint])
    [comment] = made.comments
    assert [one.rule for one in comment.findings] == ["quality/swallowed-error"]
    assert [one.rule for one in made.left_out[POSTED_BEFORE]] == ["security/sql-injection"]


def test_old_findings_take_no_room_under_the_cap():
    rules = [rule for rule in POSTABLE if registry()[rule].severity is Severity.WARNING][:8]
    found = [finding(rule, 5 + n % 3, path="a.py", evidence=rule) for n, rule in enumerate(rules)]
    old = finding("quality/bug", 31)
    new = finding("quality/same-operands", 32)
    made = told(*found, old, new, posted_before=[one.fingerprint for one in (*found, old)], cap=1)
    assert [one.rule for comment in made.comments for one in comment.findings] == ["quality/same-operands"]


def test_the_same_meaning_of_two_agents_is_one_comment_and_the_worse_one_stays():
    mild = finding("quality/debug-leftover", 6)
    bad = finding("security/debug-server", 6, severity=Severity.CRITICAL)
    made = told(mild, bad)
    [comment] = made.comments
    assert [one.rule for one in comment.findings] == ["security/debug-server"]
    assert [one.rule for one in made.left_out[DOUBLE]] == ["quality/debug-leftover"]


def test_what_another_agent_says_of_a_posted_fault_is_not_new():
    mild, bad = finding("quality/debug-leftover", 6), finding("security/debug-server", 6, severity=Severity.CRITICAL)
    made = told(mild, bad, posted_before=[bad.fingerprint])
    assert (made.comments, set(made.left_out), made.event) == ((), {DOUBLE, POSTED_BEFORE}, "REQUEST_CHANGES")


def test_different_meanings_on_one_line_and_one_rule_on_several_share_a_comment():
    made = told(finding("quality/bug", 5), finding("tests/always-true", 5), finding("quality/bug", 31))
    [comment] = made.comments
    assert (comment.line, len(comment.findings), dict(made.left_out)) == (5, 3, {})


def test_the_same_line_twice_in_a_file_is_counted_twice():
    twins = [finding(line=line, evidence="same") for line in (5, 31)]
    assert told(*twins, posted_before=[twins[0].fingerprint]).comments != ()
    assert told(*twins, posted_before=[twins[0].fingerprint] * 2).comments == ()


@pytest.mark.parametrize(("one", "reason"), [
    (finding(line=20), OUTSIDE), (finding(line=1), OUTSIDE), (finding(line=900), OUTSIDE),
    (finding(path="gone.py"), UNKNOWN), (replace(finding(), rule="quality/none"), UNKNOWN),
    (finding(WITH_FIELDS, values={}), UNKNOWN),
    (finding("quality/complexity"), REPORT_ONLY), (finding(severity=Severity.SUGGESTION), MINOR),
])  # fmt: skip
def test_why_a_finding_is_left_out(one, reason):
    made = told(one)
    assert (made.comments, set(made.left_out), made.event) == ((), {reason}, "COMMENT")


def test_a_range_ends_with_its_hunk():
    assert [(one.start_line, one.line) for one in told(finding(line=5, end_line=35)).comments] == [(5, 10)]


@pytest.mark.parametrize("differs", [{"confidence": 0.5}, {"agent": Agent.TESTS}])
def test_findings_that_differ_in_one_thing_have_one_order(differs):
    one = finding(line=20)
    other = replace(one, **differs)
    assert told(one, other) == told(other, one)


def test_a_range_moves_to_the_first_line_that_the_change_touched():
    made = told(finding(line=1, end_line=40))
    assert [(one.start_line, one.line) for one in made.comments] == [(None, 5)]


def test_a_place_where_lines_are_only_gone_can_be_commented():
    assert [one.line for one in told(finding("security/check-removed", 50)).comments] == [50]


def test_forty_critical_findings_are_posted_up_to_the_hard_cap_and_the_rest_is_counted():
    texts = {f"f{n}.py": "x = 1\n" for n in range(40)}
    change = from_texts({}, texts)
    found = [finding("security/secret", 1, path=path) for path in texts]
    made = aggregate(change, reports_of(found), cap=3, muted=EVERY)
    assert (len(made.comments), len(made.left_out[OVER_CAP])) == (HARD_CAP, 10)


def test_nothing_found_is_a_comment_without_comments():
    made = aggregate(CHANGE, [])
    assert (made.comments, dict(made.left_out), made.event) == ((), {}, "COMMENT")


def test_the_groups_of_equal_meaning_name_rules_that_exist_each_once():
    from reference.agents import orchestrator

    text = (Path(orchestrator.__file__).parent / "equivalent.toml").read_text(encoding="utf-8")
    named = [rule for group in tomllib.loads(text)["groups"] for rule in group]
    assert set(named) <= set(registry())
    assert len(set(named)) == len(named)
