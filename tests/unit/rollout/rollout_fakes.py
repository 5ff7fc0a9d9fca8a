"""A rollout's surroundings in memory, with a clock that tests turn and faults that they place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from reference.serving.rollout.control.controller import Controller
from reference.serving.rollout.control.store import MemoryStateStore
from reference.serving.rollout.types import (
    BASELINE,
    CANDIDATE,
    CheckResult,
    CheckState,
    ModelVersion,
    Outcome,
    Policy,
    RolloutError,
)

POLICY = Policy(
    steps=(0.05, 0.25, 0.5, 1.0), bake_s=(100.0, 50.0, 50.0, 50.0), least_requests=10, silence_s=60.0, lease_s=30.0
)
MODEL = "intent-router"


class Crash(Exception):
    """The process dies here."""


class Fault:
    """Counts the calls that change something, and dies before or after the one that is chosen."""

    def __init__(self) -> None:
        self.calls, self.at, self.after = 0, -1, False

    def around(self, call: Callable[[], object]) -> object:
        number = self.calls
        self.calls += 1
        if number == self.at and not self.after:
            raise Crash
        result = call()
        if number == self.at:
            raise Crash
        return result


@dataclass
class FakeRegistry:
    fault: Fault
    aliases: dict[str, str] = field(default_factory=lambda: {"production": "v1.0"})
    known: list[str] = field(default_factory=lambda: ["v1.1", "v1.0", "v0.9"])
    down: bool = False

    def _up(self) -> None:
        if self.down:
            raise RolloutError("registry: no answer")

    def get(self, model: str, version: str) -> ModelVersion:
        self._up()
        if version not in self.known:
            raise RolloutError(f"version: {version} is not registered")
        return ModelVersion(model, version, "0" * 64, f"/tmp/{version}", version)

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        self._up()
        return tuple(self.get(model, one) for one in self.known)

    def alias(self, model: str, alias: str) -> str | None:
        self._up()
        return self.aliases.get(alias)

    def set_alias(self, model: str, alias: str, version: str) -> None:
        self._up()
        self.fault.around(lambda: self.aliases.__setitem__(alias, version))


@dataclass
class FakeEngine:
    fault: Fault
    names: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)

    def loaded(self) -> set[str]:
        return set(self.names)

    def load(self, served_as: str, path: str) -> None:
        if served_as in self.broken:
            raise RolloutError(f"adapter {served_as}: the engine refuses it")
        self.fault.around(lambda: self.names.add(served_as))

    def unload(self, served_as: str) -> None:
        self.fault.around(lambda: self.names.discard(served_as))


class FaultyStore(MemoryStateStore):
    def __init__(self, fault: Fault, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.fault = fault

    def save(self, *arguments) -> None:
        self.fault.around(lambda: super(FaultyStore, self).save(*arguments))


class Source:
    """Outcomes in a list; the cursor is the position."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def read(self, rollout_id: str, after: str) -> tuple[list[Outcome], str]:
        start = int(after or 0)
        return self.outcomes[start:], str(len(self.outcomes))


class ScriptedMonitor:
    """States as the test sets them; remembers what it was given."""

    def __init__(self, world: World) -> None:
        self.world, self.seen, self.shares, self.last_at = world, 0, [], {}

    def add(self, outcomes) -> None:
        self.seen += len(outcomes)
        for one in outcomes:
            self.last_at[one.arm] = max(one.at, self.last_at.get(one.arm, 0.0))

    def look(self, now: float) -> tuple[CheckResult, ...]:
        names = ("error rate", "latency, typical", "latency, p95", "feedback", "sample ratio")
        return tuple(CheckResult(name, self.world.states.get(name, CheckState.SAFE), "scripted") for name in names)

    def shares_from(self, history) -> None:
        self.shares = list(history)

    def share_changed(self, at: float, share: float) -> None:
        self.shares.append((at, share))


class World:
    """Store, registry, engine and traffic of one rollout, and controllers on them."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy, self.now = policy, 1000.0
        self.fault = Fault()
        self.store = FaultyStore(self.fault, lambda: self.now)
        self.registry, self.engine = FakeRegistry(self.fault), FakeEngine(self.fault)
        self.source = Source()
        self.states: dict[str, CheckState] = {}
        self.monitors: list[ScriptedMonitor] = []

    def controller(self, owner: str = "one", **options) -> Controller:
        def make(policy, state):
            self.monitors.append(ScriptedMonitor(self))
            return self.monitors[-1]

        options = {"make_monitor": make} | options
        clock = options.pop("clock", lambda: self.now)
        return Controller(
            "r1", self.store, self.source, self.registry, self.engine, clock=clock, owner=owner, **options
        )

    def pass_time(self, seconds: float, arms=(BASELINE, CANDIDATE), requests: int = 20) -> None:
        for index in range(requests):
            at = self.now + seconds * (index + 1) / requests
            self.source.outcomes += [Outcome(arm, f"u{len(self.source.outcomes)}", at, False, 0.5) for arm in arms]
        self.now += seconds

    def state(self):
        found = self.store.load("r1")
        return found[0] if found else None
