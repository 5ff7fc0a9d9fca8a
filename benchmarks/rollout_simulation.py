"""How often a canary stops a good release and lets a bad one through: sequential tests against fixed thresholds.

Nothing is timed here: these are simulated rates with their 95 % Wilson intervals, `rounds` rollouts each (in the rows).
"""

from __future__ import annotations

import dataclasses
from typing import Any

from benchmarks.common import Result
from reference.serving.rollout.simulation import fixed_thresholds as fixed
from reference.serving.rollout.simulation.rollouts import Rule, Sequential, Summary, many, summarize
from reference.serving.rollout.simulation.scenario import Scenario
from reference.serving.rollout.types import Policy

WINDOW_S = 300.0
# Rollouts of the first three scenarios, which carry the claims, and of the others; a busy service takes 3 s a rollout.
ROUNDS, BUSY_ROUNDS = (2000, 500), 60
SERVICE = Scenario("harmless")
SCENARIOS = (
    SERVICE,
    dataclasses.replace(SERVICE, name="latency +10 %", latency_ratio=1.10),
    dataclasses.replace(SERVICE, name="errors doubled", error_ratio=2.0),
    dataclasses.replace(SERVICE, name="5 % of answers 3 times as slow", tail_share=0.05, tail_ratio=3.0),
    dataclasses.replace(SERVICE, name="goals met -10 %", goal_ratio=0.9),
    dataclasses.replace(SERVICE, name="harmless, both arms fail for 5 min every 2 h", outage_every_s=7200.0),
    dataclasses.replace(SERVICE, name="harmless, 20 % too many users on the candidate", skew=1.2),
    dataclasses.replace(SERVICE, name="harmless, 0.5 users/s", units_per_s=0.5),
    dataclasses.replace(SERVICE, name="latency +10 %, 0.5 users/s", units_per_s=0.5, latency_ratio=1.10),
    dataclasses.replace(SERVICE, name="errors doubled, 0.5 users/s", units_per_s=0.5, error_ratio=2.0),
    dataclasses.replace(SERVICE, name="harmless, 100 users/s", units_per_s=100.0),
    dataclasses.replace(SERVICE, name="latency +10 %, 100 users/s", units_per_s=100.0, latency_ratio=1.10),
    dataclasses.replace(SERVICE, name="errors doubled, 100 users/s", units_per_s=100.0, error_ratio=2.0),
)


def rules(scenario: Scenario, policy: Policy) -> dict[str, Any]:
    """Name -> maker of a fresh rule."""
    fitted = fixed.fitted(scenario, policy)

    def thresholds(setting: fixed.Thresholds) -> Any:
        return lambda: fixed.FixedThreshold(policy, setting)

    def sequential() -> Rule:
        return Sequential(policy)

    return {
        "sequential": sequential,
        fitted.name: thresholds(fitted),
        fixed.ARGO_EXAMPLE.name: thresholds(fixed.ARGO_EXAMPLE),
        fixed.FLAGGER_EXAMPLE.name: thresholds(fixed.FLAGGER_EXAMPLE),
    }


def _rows(said: Summary) -> list[dict[str, Any]]:
    target = {"target": f"{said.scenario}: {said.rule}", "scenario": said.scenario, "rule": said.rule, "rounds": said.n}
    back = {"p25": said.rolled_back_low, "p75": said.rolled_back_high}
    early = {"p25": said.stopped_early_low, "p75": said.stopped_early_high}
    values = [
        {"metric": "promoted", "unit": "share", "median": said.promoted},
        {"metric": "rolled back", "unit": "share", "median": said.rolled_back} | back,
        {"metric": "stopped before 25 %", "unit": "share", "median": said.stopped_early} | early,
        {"metric": "duration", "unit": "h", "median": said.hours_p50},
        {"metric": "users on the candidate", "unit": "users", "median": said.units_p50},
    ]
    return [target | {k: round(v, 4) if isinstance(v, float) else v for k, v in value.items()} for value in values]


def run(quick: bool = False) -> Result:
    policy = Policy()
    result = Result(
        "rollout_simulation",
        "How often does a canary stop a good release, and let a bad one past 5 %?",
        {
            "policy": dataclasses.asdict(policy),
            "baseline": dataclasses.asdict(SERVICE),
            "looks": f"one every {WINDOW_S:g} s, every one may decide",
            "p25, p75": "of shares: the ends of the 95 % Wilson interval",
            "Argo, Flagger": "the settings of the projects' own examples; thresholds at the limits: errors "
            "doubled and p95 +10 %, the baseline's true values known, 3 failures tolerated, every 5 minutes",
            "seeds": "1 to `rounds`, the same for every rule",
        },
    )
    for index, scenario in enumerate(SCENARIOS[:3] if quick else SCENARIOS):
        n = 4 if quick else ROUNDS[0] if index < 3 else BUSY_ROUNDS if scenario.units_per_s > 50 else ROUNDS[1]
        for name, make in rules(scenario, policy).items():
            result.rows += _rows(
                summarize(scenario.name, name, many(scenario, policy, make, n, 1, WINDOW_S), policy.steps[0])
            )
    return result
