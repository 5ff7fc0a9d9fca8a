"""The order is the design: harm and a lost candidate roll back whatever else is broken, a broken surrounding pauses,
and only what has been shown safe is promoted. A split that is off is not harm: it says nothing about the version. No
check at all is not safety, hence `required and`."""


def decide(rollout, policy, seen):
    step = rollout["step"]
    share, bake = policy["steps"][step], policy["bake_s"][step]
    age = seen["now"] - rollout["step_started_at"]
    state = {one["check"]: one["state"] for one in seen["checks"]}
    harm = [name for name in state if state[name] == "harm" and name != "sample ratio"]
    required = [name for name in state if name == "error rate" or name.startswith("latency")]
    waiting = [name for name in required if state[name] != "safe"]

    if harm:
        return ["roll back", 0.0, harm]
    if seen["candidate_problem"]:
        return ["roll back", 0.0, ["candidate"]]
    if seen["registry_problem"]:
        return ["pause", share, ["registry"]]
    if state.get("sample ratio") == "harm":
        return ["pause", share, ["sample ratio"]]
    if age < 0:
        return ["hold", share, []]
    if seen["silent"]:
        return ["pause", share, ["silence"]]
    if age < bake or seen["candidate_requests"] < policy["least_requests"]:
        return ["hold", share, []]
    if required and not waiting:
        last = step + 1 == len(policy["steps"])
        return ["finish", share, []] if last else ["promote", policy["steps"][step + 1], []]
    if age >= policy["patience"] * max(bake, policy["silence_s"]):
        return ["pause", share, waiting]
    return ["hold", share, waiting]
