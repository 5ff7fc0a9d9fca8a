"""Decisions: what must hold for every state and everything a look can find."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.serving.rollout.control.decide import Situation, decide
from reference.serving.rollout.types import CheckResult, CheckState, Decision, Phase, Policy, RolloutState

POLICY = Policy(bake_s=(100.0, 50.0, 50.0, 50.0), least_requests=10)
NAMES = ("error rate", "latency, typical", "latency, p95", "feedback", "business", "sample ratio")

states = st.builds(
    RolloutState,
    rollout_id=st.just("r"),
    model=st.just("m"),
    baseline=st.just("a"),
    candidate=st.just("b"),
    phase=st.sampled_from(Phase),
    step=st.integers(0, 3),
    share=st.sampled_from(POLICY.steps),
    step_started_at=st.floats(0, 1000),
    generation=st.integers(1, 9),
    paused_by=st.sampled_from(["", "registry", "silence", "person", "alias"]),
)
checks = st.lists(st.sampled_from(CheckState), min_size=6, max_size=6).map(
    lambda found: tuple(CheckResult(name, state, "") for name, state in zip(NAMES, found, strict=True))
)
problems = st.sampled_from(["", "", "", "down"])
situations = st.builds(
    Situation,
    now=st.floats(0, 3000),
    checks=st.one_of(st.just(()), checks),
    candidate_requests=st.integers(0, 100),
    silent=st.sampled_from(["", "", "candidate"]),
    registry_problem=problems,
    alias_problem=problems,
    candidate_problem=problems,
)


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(states, situations)
def test_no_promotion_without_evidence(state, seen):
    decision, reason, cause = decide(state, POLICY, seen)
    assert reason
    assert bool(cause) == (decision is Decision.PAUSE)
    if decision not in (Decision.PROMOTE, Decision.FINISH):
        return
    by_name = {one.check: one.state for one in seen.checks}
    assert not state.over
    assert not any((seen.silent, seen.registry_problem, seen.alias_problem, seen.candidate_problem))
    assert seen.candidate_requests >= POLICY.least_requests
    assert seen.now - state.step_started_at >= POLICY.bake_s[state.step]
    assert CheckState.HARM not in by_name.values()
    if decision is Decision.PROMOTE:
        assert all(by_name.get(name) is CheckState.SAFE for name in NAMES[:3])
        assert state.step < 3


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(states, situations)
def test_harm_always_wins_while_the_rollout_runs(state, seen):
    harm = any(one.state is CheckState.HARM and one.check != "sample ratio" for one in seen.checks)
    decision = decide(state, POLICY, seen)[0]
    if harm:
        assert decision is (Decision.HOLD if state.over else Decision.ROLL_BACK)
    elif not seen.candidate_problem:
        assert decision is not Decision.ROLL_BACK
