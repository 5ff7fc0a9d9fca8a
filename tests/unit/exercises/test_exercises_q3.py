"""Question 3: what the exercises say agrees with the parts that they stand for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.catalogue import exercise, solution
from exercises.drawing import variant
from exercises.interviews.model import values
from exercises.interviews.q3 import INTERVIEW
from exercises.q3.canary_decision import reference as decide_reference
from exercises.q3.sticky_split import reference as split_reference
from reference.serving.rollout.routing.router import Router
from reference.serving.rollout.statistics.curves import p_value
from reference.serving.rollout.types import Phase, RolloutState
from reference.sizing.ab_tests import cases_to_exclude
from reference.sizing.claims.q3 import Q3Assumptions
from reference.sizing.claims.q3.way_back import kept

PEOPLE = [f"person {number}" for number in range(50)]
CHECKS = ("error rate", "latency, typical", "latency, p95", "feedback", "business", "sample ratio")
STATES = st.sampled_from(["harm", "safe", "undecided", "no data"])


def solved(name):
    space = {}
    exec(compile(solution(name).code, name, "exec"), space)
    return space


@st.composite
def looks(draw):
    """Any look at any rollout: the rules in all their overlaps."""
    policy = {
        "steps": [0.05, 0.25, 0.5, 1.0],
        "bake_s": draw(st.lists(st.integers(0, 900), min_size=4, max_size=4)),
        "patience": draw(st.integers(1, 4)),
        "least_requests": draw(st.integers(1, 3)),
        "silence_s": draw(st.integers(1, 600)),
    }
    names = draw(st.lists(st.sampled_from(CHECKS), unique=True))
    seen = {
        "now": draw(st.integers(0, 4000)),
        "checks": [{"check": name, "state": draw(STATES)} for name in names],
        "candidate_requests": draw(st.integers(0, 4)),
        "silent": draw(st.sampled_from(["", "", "baseline", "candidate"])),
        "registry_problem": draw(st.sampled_from(["", "", "no answer"])),
        "candidate_problem": draw(st.sampled_from(["", "", "gone"])),
    }
    return {"step": draw(st.integers(0, 3)), "step_started_at": draw(st.integers(0, 4000))}, policy, seen


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(looks())
def test_the_written_rules_decide_as_the_controller_does(look):
    assert solved("q3-canary-decision")["decide"](*look) == decide_reference(*look)


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.PAUSED])
def test_the_split_is_the_one_of_the_router(phase):
    users = [f"user-{number}" for number in range(500)]
    state = RolloutState("release-7", "m", "v1", "v2", phase, 0, 0.25, 0.0, 1)
    router = Router("salt", lambda model: state)
    routed = [user for user in users if router.route(user, "m").version == "v2"]
    assert split_reference(users, "release-7", "salt", 0.25, phase.value) == routed


def test_what_a_suite_tolerates_is_the_last_number_that_it_can_exclude():
    one = exercise("q3-clean-cases")
    for person in PEOPLE:
        p = variant(one, person)
        tolerated = one.answers(p)["tolerated"]
        assert cases_to_exclude(p["limit"], tolerated) <= p["suite"] < cases_to_exclude(p["limit"], tolerated + 1)


@pytest.mark.slow
def test_the_versions_on_standby_are_those_of_the_ledger():
    one = exercise("q3-way-back")
    for person in PEOPLE:
        p = variant(one, person)
        assumed = replace(
            Q3Assumptions(), parameters=p["parameters"], gpu_gb=p["gpus"] * p["gpu_gb"], usable=p["usable"],
            kv_least_gb=p["cache_gb"],
        )  # fmt: skip
        assert int(one.answers(p)["standby"]) == kept(assumed, 3).computed


def test_a_check_that_reaches_its_evidence_has_used_its_share_of_the_budget():
    one = exercise("q3-alarm-budget")
    for person in PEOPLE:
        p = variant(one, person)
        assert p_value(one.answers(p)["log_e"]) * p["checks"] == pytest.approx(p["alpha"])


def test_any_step_of_the_review_may_be_the_wrong_one():
    one = exercise("q3-rollback-review")
    assert {one.answers(variant(one, person))["wrong_step"] for person in PEOPLE} == {"1", "2", "3", "4"}


def test_a_big_version_alone_on_its_machine_comes_back_cold():
    now = values(INTERVIEW)
    loaded = {figure.name: figure.value for figure in INTERVIEW.design(now)}
    alone = {figure.name: figure.value for figure in INTERVIEW.design({**now, "weights_gb": 50})}
    assert alone["versions on standby"] == 0
    assert alone["way back"] > loaded["way back"] + 60


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"share": 1.0}, "two sides"), ({"error_ratio": 1}, "two different rates"), ({"weights_gb": 200}, "fits")],
)
def test_an_impossible_rollout_says_why(change, reason):
    with pytest.raises(ValueError, match=reason):
        INTERVIEW.design({**values(INTERVIEW), **change})
