"""The sequential test beside fixed thresholds with the settings of Argo's and Flagger's own examples, simulated.

Neither product runs here: their rule does, on the same simulated windows with the same seeds. Nothing is timed.
"""

from __future__ import annotations

from benchmarks.peers.comparing import Part, shares
from benchmarks.rollout_simulation import SCENARIOS, WINDOW_S, rules
from reference.serving.rollout.simulation import fixed_thresholds as fixed
from reference.serving.rollout.simulation.rollouts import ROLLED_BACK, many
from reference.serving.rollout.types import Policy

N = 100


def compare(quick: bool = False) -> Part:
    policy, part, n = Policy(), Part(), 4 if quick else N
    for scenario in SCENARIOS[:3]:
        harmless = scenario is SCENARIOS[0]
        stopped: dict[str, int] = {}
        for name, make in rules(scenario, policy).items():
            runs = many(scenario, policy, make, n, 1, WINDOW_S)
            stopped[name] = sum(run.end == ROLLED_BACK if harmless else run.share <= policy.steps[0] for run in runs)
        what = "good release rolled back" if harmless else f"stopped at the first share: {scenario.name}"
        for name in (fixed.ARGO_EXAMPLE.name, fixed.FLAGGER_EXAMPLE.name):
            pair = (stopped["sequential"], n), (stopped[name], n)
            part.rows.append(shares(what, f"thresholds, {name}", *pair, more_is_better=not harmless))
    part.conditions = {
        "rollouts": f"{n} per rule and scenario, the same seeds for all, a look every {WINDOW_S:g} s",
        "peers": "the rule and the settings of the projects' examples, simulated; the products themselves do not run",
        "read together": "a rule that stops every release also stops every bad one: see what it does to a good one",
    }
    return part
