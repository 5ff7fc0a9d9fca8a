"""How fast the way back is, on the live engine under load, and what routing adds to a request.

Every rollback is a whole rollout of v1.2-unsafe that skipped its gates, on one engine; states and outcomes are in
Redis. A rollout in which it got through is counted in the conclusions and has no time.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import Result, spread

ROLLBACKS, LOOKUPS = 5, 5000


def _routing(url: str, fresh_s: float, n: int) -> list[float]:
    """Milliseconds of `Router.route` with its state in Redis, read again every `fresh_s`."""
    from reference.serving.redis_store import connect
    from reference.serving.rollout.control.redis_state import RedisStateStore
    from reference.serving.rollout.routing.router import Router
    from reference.serving.rollout.types import Phase, Policy, RolloutState

    store = RedisStateStore(connect(url), f"routing-{fresh_s:g}")
    store.acquire("r", "bench", 60)
    store.save(RolloutState("r", "m", "a", "b", Phase.RUNNING, 0, 0.25, 0.0, 1), Policy(), "bench", {})
    router, times = Router("salt", store.active, fresh_s=fresh_s), []
    for number in range(n):
        begun = time.perf_counter()
        router.route(f"user-{number}", "m")
        times.append(1e3 * (time.perf_counter() - begun))
    return times


def _row(target: str, metric: str, unit: str, values: Sequence[float]) -> dict[str, object]:
    return {"target": target, "metric": metric, "unit": unit} | spread(values)


def run(quick: bool = False) -> Result:
    from reference.serving.redis_store import connect, private_redis
    from reference.serving.rollout.control.redis_state import RedisStateStore
    from reference.serving.rollout.drill import DRILL_POLICY, Drill
    from reference.serving.rollout.registry import MlflowRegistry
    from reference.serving.rollout.routing.recorder import RedisOutcomes
    from reference.serving.rollout.versions.engine import adapter_engine
    from reference.serving.rollout.versions.shipped import shipped

    result = Result(
        "rollout_drill",
        "How long does a bad version keep answering, and what does routing cost?",
        {
            "model": "SmolLM2-135M-Instruct with rank-4 adapters, vLLM on the CPU",
            "load": "8 users who ask without pause; every request is another person's",
            "bake_s": list(DRILL_POLICY.bake_s),
            "look": "every 0.5 s; routers read the state every 0.25 s",
        },
    )
    with private_redis() as server, tempfile.TemporaryDirectory() as folder:
        for fresh_s in (1.0, 0.0):
            times = _routing(server.url, fresh_s, 200 if quick else LOOKUPS)
            name = f"state read {'at every request' if fresh_s == 0 else f'every {fresh_s:g} s'}"
            result.rows.append(_row(name, "routing", "ms", times))
        if quick:
            return result
        registry = MlflowRegistry(folder=Path(folder))
        for version in ("v1.0", "v1.1", "v1.2-unsafe"):
            registry.register(shipped(version))
        registry.set_alias("intent-router", "production", "v1.1")
        redis = connect(server.url)
        with adapter_engine(lambda line: None) as engine:
            runs = []
            for number in range(ROLLBACKS):
                drill = Drill(engine, RedisStateStore(redis), RedisOutcomes(redis), registry, seed=number)
                runs.append(drill.run(f"bad-{number}", "v1.2-unsafe", say=lambda line: None))
    stopped = [one for one in runs if one.state.phase.value == "rolled back"]
    whole = [one.rollback_s for one in stopped if one.rollback_s is not None]
    after = [one.decided_s for one in stopped if one.decided_s is not None]
    answers = [[r for r in one.requests if r.version == "v1.2-unsafe"] for one in runs]
    unsafe = [sum(r.error for r in some) / len(some) for some in answers]
    met = [len(some) for some in answers]
    result.rows += [
        _row("v1.2-unsafe", "answers outside the contract", "share", unsafe),
        _row("v1.2-unsafe", "first bad answer to the candidate's last", "s", whole),
        _row("v1.2-unsafe", "decision to the candidate's last answer", "s", after),
        _row("v1.2-unsafe", "requests that reached it", "requests", met),
        _row("v1.2-unsafe", "highest share", "share", [max(e["state"]["share"] for e in one.audit) for one in runs]),
        _row("v1.2-unsafe", "requests in all", "requests", [len(one.requests) for one in runs]),
        _row("v1.2-unsafe", "requests without an answer", "requests", [one.failed_requests for one in runs]),
    ]
    result.conclusions.append(f"{len(stopped)} of {len(runs)} rollouts were rolled back")
    return result
