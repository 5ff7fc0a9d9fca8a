"""A rollout on the live engine under load: users ask, the controller looks, and everything that happens is kept.

The drill is what the notebook and ``workbook rollout drill`` run. Its users are made up; its engine, router,
statistics, registry and state store are the real ones. The truth is known here (the test cases have an intent), so "the
message reached the right team" is the business metric, and one user in five says whether it helped.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from reference.serving.engine.handle import Engine
from reference.serving.rollout.control.controller import Controller
from reference.serving.rollout.gates.quality import unsafe_by_guardrails
from reference.serving.rollout.interfaces import Registry, StateStore
from reference.serving.rollout.routing.client import VersionedClient
from reference.serving.rollout.routing.recorder import MemoryOutcomes, RedisOutcomes, VersionMetrics
from reference.serving.rollout.routing.router import Router
from reference.serving.rollout.statistics.monitor import SequentialMonitor
from reference.serving.rollout.types import CANDIDATE, Phase, Policy, RolloutError, RolloutState
from reference.serving.rollout.versions.engine import VllmAdapters
from reference.serving.rollout.versions.predict import ask, in_a_loop
from reference.serving.rollout.versions.task import ROUTER_MODEL, Case, label, test_cases

# Minutes of traffic, not days: the shares and the order are the real ones, the bake times are not, and so little
# traffic cannot show that +10 % latency is absent. A step is left once it has baked without harm.
DRILL_POLICY = Policy(
    bake_s=(60.0, 15.0, 15.0, 10.0), least_requests=30, require_safe=False, silence_s=20.0, lease_s=10.0, drain_s=3.0
)
WINDOW_S, GRACE_S, WARM_UP = 2.0, 0.5, 60


class UnsafeAnswerError(RuntimeError):
    """The answer broke the contract: the client counts an error and asks the baseline instead."""


@dataclass(frozen=True)
class Asked:
    """One request of the drill; times in seconds since its start.

    `arm`: whose turn it was; `error`: the candidate's answer failed (the user may still have got the baseline's);
    `failed`: the user got no answer.
    """

    begun: float
    ended: float
    arm: str
    version: str
    share: float
    error: bool
    failed: bool
    right: bool | None


@dataclass
class DrillResult:
    """What happened; `decisions`: (seconds since the start, decision, reason) from the audit log."""

    rollout_id: str
    candidate: str
    state: RolloutState
    began: float
    requests: list[Asked] = field(default_factory=list)
    decisions: list[tuple[float, str, str]] = field(default_factory=list)
    audit: list[dict[str, Any]] = field(default_factory=list)
    looks: list[float] = field(default_factory=list)

    @property
    def failed_requests(self) -> int:
        return sum(one.failed for one in self.requests)

    @property
    def rollback_s(self) -> float | None:
        """From the end of the first bad answer to the last answer that the candidate gave; None without a bad answer,
        and where nothing went back: so little traffic may let a bad version through.
        """
        if self.state.phase is not Phase.ROLLED_BACK:
            return None
        bad = [one.ended for one in self.requests if one.arm == CANDIDATE and one.error]
        last = [one.ended for one in self.requests if one.arm == CANDIDATE]
        return max(last) - min(bad) if bad else None

    @property
    def decided_s(self) -> float | None:
        """From the decision to roll back to the last answer of the candidate: routers and requests under way."""
        at = [when for when, decision, _ in self.decisions if decision == "roll back"]
        last = [one.ended for one in self.requests if one.arm == CANDIDATE]
        return max(0.0, max(last) - at[0]) if at and last else None

    def to_dict(self) -> dict[str, Any]:
        import dataclasses

        return dataclasses.asdict(self) | {
            "failed_requests": self.failed_requests,
            "rollback_s": self.rollback_s,
            "decided_s": self.decided_s,
        }


class Drill:
    """One model's users. `served`: version -> name under which the engine serves it."""

    def __init__(
        self,
        engine: Engine,
        store: StateStore,
        outcomes: MemoryOutcomes | RedisOutcomes,
        registry: Registry,
        *,
        users: int = 8,
        salt: str = "drill",
        seed: int = 7,
        cases: Sequence[Case] | None = None,
    ) -> None:
        self.engine, self.store, self.outcomes, self.registry = engine, store, outcomes, registry
        self.adapters = VllmAdapters(engine)
        self.users, self.salt, self.seed = users, salt, seed
        self.cases = tuple(cases or test_cases())
        self.metrics = VersionMetrics()
        self._intent = {case.text: case.intent for case in self.cases}
        self._unsafe = unsafe_by_guardrails()

    def run(
        self,
        rollout_id: str,
        candidate: str,
        policy: Policy = DRILL_POLICY,
        *,
        longest_s: float = 300.0,
        after_s: float = 8.0,
        look_s: float = 0.5,
        say: Callable[[str], None] = print,
        model: str = ROUTER_MODEL,
    ) -> DrillResult:
        """Start the rollout and drive it under load until it is over, then `after_s` longer.

        Raises RolloutError if it cannot be started, or is not over within `longest_s` (it is aborted then).
        """
        controller = Controller(
            rollout_id,
            self.store,
            self.outcomes,
            self.registry,
            self.adapters,
            # Windows of seconds: the drill must see in a minute what a service sees in a day.
            make_monitor=lambda policy, state: SequentialMonitor(
                policy, state, window_s=WINDOW_S, grace_s=GRACE_S, warm_up=WARM_UP
            ),
        )
        state = controller.start(model, candidate, policy)
        found = {one.version: one.served_as for one in self.registry.versions(model)}
        result = DrillResult(rollout_id, candidate, state, time.time())
        in_a_loop(lambda: self._drive(controller, found, result, policy, longest_s, after_s, look_s, say, model))
        loaded = self.store.load(rollout_id)
        assert loaded is not None
        result.state, result.audit = loaded[0], self.store.audit(rollout_id)
        result.decisions = [
            (one["at"] - result.began, str(one["evidence"].get("decision", "")), str(one["state"]["reason"]))
            for one in result.audit
        ]
        if result.state.reason.startswith("drill: not over"):
            raise RolloutError(f"{rollout_id}: not over after {longest_s:g} s; raise longest_s or shorten bake_s")
        return result

    async def _drive(
        self,
        controller: Controller,
        served: dict[str, str],
        result: DrillResult,
        policy: Policy,
        longest_s: float,
        after_s: float,
        look_s: float,
        say: Callable[[str], None],
        model: str,
    ) -> None:
        client = self.engine.async_client(timeout=30.0)
        router = Router(self.salt, self.store.active, fresh_s=0.25)
        # Both adapters' first use takes seconds, which is no latency of theirs.
        for version in {result.state.baseline, result.candidate}:
            await ask(client, served[version], self.cases[0].text)
        stop = asyncio.Event()
        users = [
            asyncio.create_task(self._user(n, client, router, served, result, stop, model)) for n in range(self.users)
        ]
        said, over_at = "", None
        try:
            while True:
                await asyncio.sleep(look_s)
                begun = time.perf_counter()
                await asyncio.to_thread(controller.tick)
                result.looks.append(time.perf_counter() - begun)
                now = time.time() - result.began
                found = await asyncio.to_thread(self.store.load, result.rollout_id)
                assert found is not None
                state = found[0]
                line = f"{now:5.0f} s  {state.share:4.0%}  {state.phase}: {state.reason}"
                if line[7:] != said:
                    said = line[7:]
                    say(line)
                if state.over and over_at is None:
                    over_at = now
                if over_at is not None and now - over_at >= after_s and not state.pending:
                    return
                if over_at is None and now > longest_s:
                    await asyncio.to_thread(controller.abort, f"drill: not over after {longest_s:g} s")
        finally:
            stop.set()
            await asyncio.gather(*users, return_exceptions=True)
            await client.close()
            controller.release()

    async def _user(
        self,
        number: int,
        client: Any,
        router: Router,
        served: dict[str, str],
        result: DrillResult,
        stop: asyncio.Event,
        model: str,
    ) -> None:
        rng = random.Random(f"{self.seed}:{number}")

        async def answer(version: str, text: str) -> str:
            said, _, _ = await ask(client, served[version], text)
            if found := self._unsafe(said):
                raise UnsafeAnswerError(found)
            return said

        def judge(text: str, said: str) -> tuple[int | None, int | None]:
            right = int(label(said) == self._intent[text])
            return (right if rng.random() < 0.2 else None), right

        versioned = VersionedClient(
            router, model, answer, self.outcomes, judge=judge, metrics=self.metrics, clock=self.store.now
        )
        while not stop.is_set():
            # Another person at every request: users, not requests, are what the statistics count.
            user, case = f"user-{rng.randrange(10**9)}", rng.choice(self.cases)
            begun = time.time() - result.began
            state = router.state(model)
            share = state.share if state else 0.0
            error = failed = False
            right: bool | None = None
            try:
                got = await versioned.ask(user, case.text)
                error, version = got.retried, got.route.version
                right = label(got.text) == case.intent
            except Exception:
                error = failed = True
                version = router.route(user, model).version
            arm = CANDIDATE if version == result.candidate else "baseline"
            result.requests.append(Asked(begun, time.time() - result.began, arm, version, share, error, failed, right))
            await asyncio.sleep(rng.expovariate(20.0))  # 50 ms between two requests of one browser tab
