"""The decision of one look: a pure function of the state, the checks and what is known of everything around."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reference.serving.rollout.statistics.verdict import verdict
from reference.serving.rollout.types import CheckResult, Decision, Phase, Policy, RolloutState

# Causes of a pause that end by themselves once they are gone; all others wait for a person.
PASSING = ("registry", "silence", "outcomes", "engine")


@dataclass(frozen=True)
class Situation:
    """What a look found.

    Attributes:
        now: seconds since the epoch; candidate_requests: seen at this step.
        silent: the arms that had no outcome for policy.silence_s, "" if none.
        registry_problem, alias_problem, candidate_problem: what is wrong, "" if nothing is: the registry does not
            answer; an alias was moved by hand; the candidate is gone or corrupt.
        source_problem, engine_problem: the outcomes cannot be read; the engine does not answer or lost the baseline.
    """

    now: float
    checks: Sequence[CheckResult] = ()
    candidate_requests: int = 0
    silent: str = ""
    registry_problem: str = ""
    alias_problem: str = ""
    candidate_problem: str = ""
    source_problem: str = ""
    engine_problem: str = ""


def decide(state: RolloutState, policy: Policy, seen: Situation) -> tuple[Decision, str, str]:
    """(decision, reason, cause of a pause). Harm comes first: nothing that is broken may keep a bad version in service.

    No path promotes without outcomes of both arms: a check without data is never SAFE, and silence pauses.
    """
    if state.over:
        return Decision.HOLD, "the rollout is over", ""
    said = verdict(policy, seen.checks)
    if said.harm:
        return Decision.ROLL_BACK, "harm shown by: " + ", ".join(said.harm), ""
    if seen.candidate_problem:
        return Decision.ROLL_BACK, seen.candidate_problem, ""
    if state.phase is Phase.PAUSED and state.paused_by not in PASSING:
        return Decision.HOLD, f"paused ({state.paused_by}): waits for a person", ""
    for cause, problem in (
        ("registry", seen.registry_problem),
        ("outcomes", seen.source_problem),
        ("engine", seen.engine_problem),
        ("alias", seen.alias_problem),
    ):
        if problem:
            return Decision.PAUSE, problem, cause
    if said.mismatch:
        return Decision.PAUSE, "users do not reach the candidate at the share that is set", "sample ratio"
    age = seen.now - state.step_started_at
    if age < 0:
        return Decision.HOLD, "the clock is behind the start of the step", ""
    if seen.silent:
        return Decision.PAUSE, f"no outcome of {seen.silent} for {policy.silence_s:g} s", "silence"
    bake = policy.bake_s[state.step]
    if age < bake:
        return Decision.HOLD, f"bakes for {bake:g} s", ""
    if seen.candidate_requests < policy.least_requests:
        return Decision.HOLD, f"fewer than {policy.least_requests} requests at this step", ""
    if said.safe:
        if state.step + 1 == len(policy.steps):
            return Decision.FINISH, "the last step is baked", ""
        shown = "shown safe: latency and errors lie below their limits" if policy.require_safe else "no harm shown"
        return Decision.PROMOTE, shown, ""
    waiting = ", ".join(said.waiting) or "the checks"
    if age >= policy.patience * max(bake, policy.silence_s):
        return Decision.PAUSE, f"not shown safe in {policy.patience:g} bake times: {waiting}", "not shown safe"
    return Decision.HOLD, f"{'not shown safe yet' if policy.require_safe else 'no outcomes yet'}: {waiting}", ""
