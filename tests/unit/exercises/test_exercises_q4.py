"""Question 4: what the exercises say agrees with the parts that they stand for."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.catalogue import exercise, solution
from exercises.drawing import variant
from exercises.interviews.model import values
from exercises.interviews.q4 import INTERVIEW
from exercises.q4.safe_threshold import reference as threshold_reference
from reference.moderation.evaluation.rates import claim_rate, upper_bound
from reference.sizing.claims.q4 import Q4Assumptions
from reference.sizing.claims.q4.design import corrected_design_q4
from reference.sizing.moderation_funnel import servers_for
from reference.sizing.review_staffing import Shifts, staffing

PEOPLE = [f"person {number}" for number in range(50)]


def solved(name):
    space = {}
    exec(compile(solution(name).code, name, "exec"), space)
    return space


@pytest.mark.slow
def test_the_instances_of_the_tier_are_those_that_the_funnel_counts():
    one = exercise("q4-tier-load")
    for person in PEOPLE:
        p = variant(one, person)
        found = one.answers(p)
        assert math.ceil(found["instances"]) == servers_for(found["calls"], p["calls_per_s"], p["ceiling"], spare=1)


def test_people_on_shift_and_payroll_are_those_of_the_staffing():
    one = exercise("q4-reviewers")
    for person in PEOPLE:
        p = variant(one, person)
        shifts = Shifts(p["contract_hours"], p["present"], p["at_desk"], p["shift_hours"], p["exposure_hours"])
        found = staffing(p["posts_per_minute"] * p["review_share"] / 60, p["seconds"], shifts, p["ceiling"])
        rounded = [math.ceil(one.answers(p)[name] - 1e-6) for name in ("on_shift", "payroll")]
        assert rounded == [found.on_shift, found.payroll]


@st.composite
def labelled(draw):
    """Scores with many ties, at least one post of each sort."""
    score = st.integers(0, 10).map(lambda tenth: tenth / 10)
    rows = draw(st.lists(st.tuples(score, st.booleans()), max_size=120))
    rows += [(draw(score), False)] * draw(st.integers(1, 60)) + [(draw(score), True)]
    thresholds = draw(st.lists(score, min_size=1, max_size=6))
    limit = draw(st.sampled_from([0.02, 0.05, 0.1, 0.3]))
    return [score for score, _ in rows], [wrong for _, wrong in rows], thresholds, limit


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(labelled())
def test_the_threshold_built_by_hand_is_the_one_of_the_reference(case):
    mine, theirs = solved("q4-safe-threshold")["safe_threshold"](*case), threshold_reference(*case)
    assert (mine is None) == (theirs is None)
    if theirs:
        assert mine == pytest.approx(theirs, rel=1e-6)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(labelled())
def test_a_chosen_threshold_shows_the_claim_and_no_lower_one_does(case):
    scores, violating, thresholds, limit = case
    clean = [score for score, wrong in zip(scores, violating, strict=True) if not wrong]

    def bound(threshold):
        return upper_bound(sum(score >= threshold for score in clean), len(clean))

    found = threshold_reference(*case)
    if found is None:
        assert all(bound(threshold) > limit for threshold in thresholds)
        return
    assert claim_rate("<", limit, found[1], len(clean)).verdict == "shown"
    assert all(bound(threshold) > limit for threshold in thresholds if threshold < found[0])


@pytest.mark.parametrize("name", ["q4-judge-review", "q4-claim-review"])
def test_any_step_of_a_review_may_be_the_wrong_one(name):
    one = exercise(name)
    assert {one.answers(variant(one, person))["wrong_step"] for person in PEOPLE} == {"1", "2", "3", "4"}


def test_the_interview_designs_what_the_notebook_does():
    a = replace(
        Q4Assumptions(), posts_per_minute=800_000, rules_share=0.5, judge_share=0.06, models_share=0.44,
        review_low=0.003, review_seconds=40, exposure_hours=3, judge_batch=4, clip_seconds=35,
    )  # fmt: skip
    plan = corrected_design_q4(a).plan("corrected")
    now = values(INTERVIEW)
    now |= {name: getattr(a, name) for name in now if hasattr(a, name)} | {"review_share": a.review_low}
    found = {figure.name: figure.value for figure in INTERVIEW.design(now)}
    assert found["people on the payroll"] == plan.reviewers.payroll
    assert found["LLM instances"] == plan.need("LLM").servers
    assert found["machines"] == pytest.approx(plan.machines_usd)
    assert found["cores"] == sum(one.servers for one in plan.needs if one.work.machine == "core")


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"review_share": 0.2}, "part of what comes to the LLM"), ({"rules_share": 1.0}, "all posts")],
)
def test_an_impossible_funnel_says_why(change, reason):
    with pytest.raises(ValueError, match=reason):
        INTERVIEW.design({**values(INTERVIEW), **change})
