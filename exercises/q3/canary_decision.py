"""Build it: the decision of one look at a rollout, as the controller of question 3 takes it."""

from __future__ import annotations

from random import Random
from typing import Any

from exercises.model import Build, Case, Exercise, Kind, Params, Wrong
from reference.serving.rollout.control.decide import Situation
from reference.serving.rollout.control.decide import decide as decide_in_reference
from reference.serving.rollout.statistics.verdict import verdict
from reference.serving.rollout.types import CheckResult, CheckState, Decision, Phase, Policy, RolloutState

HARMLESS = ("error rate", "latency, typical", "latency, p95", "feedback", "business", "sample ratio")


def draw(random: Random) -> dict[str, object]:
    first = random.choice([0.02, 0.05, 0.1])
    return {
        "steps": [first, 0.25, 0.5, 1.0],
        "bake_s": random.choice([[3600, 1800, 1800, 900], [86400, 21600, 21600, 21600], [7200, 3600, 3600, 3600]]),
        "least_requests": random.choice([200, 500, 1000]),
        "patience": random.choice([3, 5, 7]),
        "silence_s": random.choice([300, 600]),
    }


def prompt(p: Params) -> str:
    shares = ", ".join(f"{share:.0%}" for share in p["steps"])
    return f"""A rollout gives the candidate {shares} of the users in turn. Every few seconds a controller looks at the
checks and decides. Write the pure function `decide(rollout, policy, seen)` that takes this decision; the docstring in
the stub states its arguments.

It returns `[decision, share, because]`: what to do, the share of users on the candidate from then on, and a list of
names, which is empty unless the rule says "because of". Harm comes first: nothing that is broken may keep a bad
version in service. The first of these that applies, in this order:

1. Checks other than `"sample ratio"` are in the state `"harm"`: `"roll back"`, share 0.0, because of these, in the
   order given.
2. The candidate is lost: `"roll back"`, share 0.0, because of `"candidate"`.
3. The registry does not answer: `"pause"`, because of `"registry"`.
4. The check `"sample ratio"` is in the state `"harm"` (users do not reach the candidate at the share that is set, so
   nothing can be compared): `"pause"`, because of `"sample ratio"`.
5. The step begins later than now (a clock went back): `"hold"`.
6. An arm is silent: `"pause"`, because of `"silence"`.
7. The step is younger than its bake time: `"hold"`.
8. The candidate had fewer than `least_requests` requests at this step: `"hold"`.
9. All required checks are in the state `"safe"`: at the last step `"finish"`, else `"promote"` to the share of the next
   step. Required are `"error rate"` and every check whose name begins with `"latency"`. Where not
   one of these is among the checks, nothing has been shown.
10. The step is at least `patience` times as old as the longer of its bake time and `silence_s`: `"pause"`, because of
    the required checks that are not safe, in the order given.
11. Otherwise `"hold"`, because of the same.

Where no share is named it stays that of the present step. Your policy has bake times of {p["bake_s"]} seconds and asks
for {p["least_requests"]} requests."""


STUB = '''def decide(rollout: dict, policy: dict, seen: dict) -> list:
    """[decision, share, because]: "promote", "finish", "hold", "pause" or "roll back"; a number; a list of names.

    rollout: {"step": index into policy["steps"], "step_started_at": seconds}.
    policy: {"steps": shares, rising to 1.0, "bake_s": seconds per step, "patience": number, "least_requests": number,
        "silence_s": seconds}.
    seen: {"now": seconds, "checks": [{"check": name, "state": "harm", "safe", "undecided" or "no data"}, ...], may be
        empty, "candidate_requests": number at this step, "silent": the arm without outcomes or "",
        "registry_problem": text or "", "candidate_problem": text or ""}. A text that is not empty says that the
        registry does not answer, or that the candidate is lost.
    """
    raise NotImplementedError
'''


def _policy(policy: dict[str, Any]) -> Policy:
    return Policy(
        steps=tuple(policy["steps"]), bake_s=tuple(policy["bake_s"]), patience=policy["patience"],
        least_requests=policy["least_requests"], silence_s=policy["silence_s"],
    )  # fmt: skip


def reference(rollout: dict[str, Any], policy: dict[str, Any], seen: dict[str, Any]) -> list[Any]:
    limits, step = _policy(policy), rollout["step"]
    share = limits.steps[step]
    state = RolloutState("r", "m", "v1", "v2", Phase.RUNNING, step, share, rollout["step_started_at"], 1)
    checks = [CheckResult(one["check"], CheckState(one["state"]), "") for one in seen["checks"]]
    found = Situation(
        seen["now"], checks, seen["candidate_requests"], seen["silent"], seen["registry_problem"], "",
        seen["candidate_problem"],
    )  # fmt: skip
    decision, _, cause = decide_in_reference(state, limits, found)
    said = verdict(limits, checks)
    if decision is Decision.ROLL_BACK:
        return ["roll back", 0.0, list(said.harm) or ["candidate"]]
    if decision is Decision.PROMOTE:
        return ["promote", limits.steps[step + 1], []]
    if decision is Decision.PAUSE and cause != "not shown safe":
        return ["pause", share, [cause]]
    # The reference says why it holds in words only: a step that has baked with enough requests waits for its checks.
    age = seen["now"] - rollout["step_started_at"]
    baked = age >= limits.bake_s[step] and seen["candidate_requests"] >= limits.least_requests
    return [str(decision.value), share, list(said.waiting) if baked and decision is not Decision.FINISH else []]


def _decided(rollout: dict[str, Any], policy: dict[str, Any], seen: dict[str, Any], wrong: str) -> list[Any]:
    """The same by hand, with one thing wrong."""
    step = rollout["step"]
    share, bake = policy["steps"][step], policy["bake_s"][step]
    age = seen["now"] - rollout["step_started_at"]
    states = [(one["check"], one["state"]) for one in seen["checks"]]
    counts = wrong == "mismatch_as_harm"
    harm = [name for name, state in states if state == "harm" and (counts or name != "sample ratio")]
    required = [(name, state) for name, state in states if name.startswith(("error rate", "latency"))]
    fine = {"silence_promoted": ("safe", "no data"), "no_harm_for_safe": ("safe", "undecided", "no data")}
    waiting = [name for name, state in required if state not in fine.get(wrong, ("safe",))]
    early: list[Any] = (
        ["hold", share, []] if age < bake or seen["candidate_requests"] < policy["least_requests"] else []
    )
    if wrong == "harm_waits" and early:
        return early
    if harm:
        return ["roll back", 0.0, harm]
    if seen["candidate_problem"]:
        return ["roll back", 0.0, ["candidate"]]
    if seen["registry_problem"]:
        return ["pause", share, ["registry"]]
    if ("sample ratio", "harm") in states:
        return ["pause", share, ["sample ratio"]]
    if age < 0:
        return ["hold", share, []]
    if seen["silent"] and wrong != "silence_promoted":
        return ["pause", share, ["silence"]]
    if early:
        return early
    if not waiting and (required or wrong in fine):
        return ["finish", share, []] if share == 1.0 else ["promote", policy["steps"][step + 1], []]
    late = age >= policy["patience"] * max(bake, policy["silence_s"])
    return ["pause" if late else "hold", share, waiting]


def silence_promoted(rollout: dict[str, Any], policy: dict[str, Any], seen: dict[str, Any]) -> list[Any]:
    return _decided(rollout, policy, seen, "silence_promoted")


def no_harm_for_safe(rollout: dict[str, Any], policy: dict[str, Any], seen: dict[str, Any]) -> list[Any]:
    return _decided(rollout, policy, seen, "no_harm_for_safe")


def harm_waits(rollout: dict[str, Any], policy: dict[str, Any], seen: dict[str, Any]) -> list[Any]:
    return _decided(rollout, policy, seen, "harm_waits")


def mismatch_as_harm(rollout: dict[str, Any], policy: dict[str, Any], seen: dict[str, Any]) -> list[Any]:
    return _decided(rollout, policy, seen, "mismatch_as_harm")


def cases(p: Params, random: Random) -> list[Case]:
    policy = dict(p)

    def case(group: str, step: int, age: float, states: dict[str, str] | None = None, **seen: Any) -> Case:
        begun = random.randrange(1_000_000, 9_000_000)
        names = list(HARMLESS)
        random.shuffle(names)
        found = {name: "safe" if name in HARMLESS[:3] else "undecided" for name in names} | (states or {})
        around = {
            "now": begun + int(age),
            "checks": [{"check": name, "state": state} for name, state in found.items()],
            "candidate_requests": p["least_requests"] + random.randrange(1, 500),
            "silent": "",
            "registry_problem": "",
            "candidate_problem": "",
        }
        arguments = {"rollout": {"step": step, "step_started_at": begun}, "policy": policy, "seen": around | seen}
        return Case(group, arguments)

    def bake(step: int) -> int:
        return int(p["bake_s"][step])

    def late(step: int) -> int:
        return int(p["patience"] * max(bake(step), p["silence_s"]))

    few: dict[str, Any] = {"candidate_requests": random.randrange(1, p["least_requests"])}
    middle = random.randrange(1, 3)
    quiet, harm, silence, split, patience = (
        "a quiet rollout", "harm comes first", "silence never promotes", "what is broken around it", "patience",
    )  # fmt: skip
    one, other = random.sample(HARMLESS[:5], 2)
    waits = random.choice(HARMLESS[:3])
    return [
        case(quiet, 0, random.randrange(1, bake(0))),
        case(quiet, 0, bake(0)),
        case(quiet, middle, bake(middle) + random.randrange(1, 60)),
        case(quiet, 3, bake(3) + random.randrange(1, 60)),
        case(quiet, middle, bake(middle) + 60, **few),
        case(harm, 0, random.randrange(1, bake(0)), {one: "harm"}),
        case(harm, middle, bake(middle) + 60, {one: "harm", other: "harm"}, registry_problem="no answer"),
        case(harm, 3, random.randrange(1, bake(3)), {other: "harm"}, silent="baseline"),
        case(harm, middle, random.randrange(1, bake(middle)), candidate_problem="gone from the engine"),
        case(silence, 0, bake(0) + 60, silent=random.choice(["baseline", "candidate"])),
        case(silence, middle, bake(middle) + 60, {waits: "no data"}),
        case(silence, middle, bake(middle) + 60, checks=[]),
        case(split, middle, bake(middle) + 60, {"sample ratio": "harm"}),
        case(split, 0, bake(0) + 60, {"sample ratio": "harm", waits: "undecided"}),
        case(split, middle, bake(middle) + 60, registry_problem="no answer"),
        case(split, 0, -random.randrange(1, 3600), silent="candidate"),
        case(patience, 0, bake(0) + 60, {waits: "undecided"}),
        case(patience, middle, late(middle) - 1, {waits: "undecided", "latency, p95": "undecided"}),
        case(patience, middle, late(middle), {waits: "undecided", "error rate": "undecided"}),
    ]


EXERCISE = Exercise(
    id="q3-canary-decision",
    kind=Kind.BUILD,
    title="One look, one decision",
    section="4.7",
    difficulty=2,
    minutes=20,
    points=8,
    draw=draw,
    prompt=prompt,
    hints=(
        "A row of `if ...: return ...` in the order of the list is all it takes.",
        "First reduce the checks to three things: who shows harm, is the split off, which required ones are not safe.",
        "`all([])` is true. Is a rollout without a single check shown safe?",
        "A state of `no data` is neither harm nor safe.",
    ),
    build=Build(
        name="decide",
        stub=STUB,
        reference=reference,
        wrong=(
            Wrong("silence_promoted", silence_promoted),
            Wrong("no_harm_for_safe", no_harm_for_safe),
            Wrong("harm_waits", harm_waits),
            Wrong("mismatch_as_harm", mismatch_as_harm),
        ),
        cases=cases,
    ),
)
