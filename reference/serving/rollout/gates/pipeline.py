"""All gates of one candidate: the artefact first, and the engine only if that passed."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

from reference.serving.rollout.gates.artefact import ArtefactGate
from reference.serving.rollout.gates.evidence import Ask, Evidence, collect
from reference.serving.rollout.gates.limits import GateLimits
from reference.serving.rollout.gates.operations import CostGate, LatencyGate
from reference.serving.rollout.gates.quality import AccuracyGate, RegressionGate, UnsafeGate
from reference.serving.rollout.interfaces import Engine, Gate
from reference.serving.rollout.types import GateResult, GateVerdict, ModelVersion, RolloutError
from reference.serving.rollout.versions.task import Case, content_hash

ENGINE_GATES = ("accuracy", "regression", "unsafe answers", "latency p95", "cost per request")
WARM_UP = 4


@dataclasses.dataclass(frozen=True)
class GateReport:
    """What the gates said. `verdict` is PASS only if every gate passed; FAIL as soon as one failed."""

    candidate: str
    production: str
    results: tuple[GateResult, ...]
    cases: int
    cases_sha256: str
    seconds: float

    @property
    def verdict(self) -> GateVerdict:
        said = {one.verdict for one in self.results}
        for verdict in (GateVerdict.FAIL, GateVerdict.NOT_ENOUGH_DATA):
            if verdict in said:
                return verdict
        return GateVerdict.PASS

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"verdict": self.verdict.value}

    def __getitem__(self, gate: str) -> GateResult:
        return next(one for one in self.results if one.gate == gate)


def run_gates(
    candidate: ModelVersion,
    production: ModelVersion | None,
    engine: Engine,
    ask: Ask,
    cases: Sequence[Case],
    limits: GateLimits | None = None,
    judge: Callable[[str], str] | None = None,
) -> GateReport:
    """Judge a candidate on `cases`. Never raises for a bad model: an engine that refuses it is a failed gate.

    engine: loads both versions; ask(served_as, cases): their answers. The candidate is unloaded again if it was not
    loaded before.
    """
    limits, begun = limits or GateLimits(), time.perf_counter()
    results = [ArtefactGate(limits).check(candidate, production)]
    if results[0].verdict is GateVerdict.PASS:
        results += _engine_gates(candidate, production, engine, ask, cases, limits, judge)
    else:
        results += [
            GateResult(gate, GateVerdict.NOT_ENOUGH_DATA, "not run: the artefact was refused") for gate in ENGINE_GATES
        ]
    return GateReport(
        candidate.version,
        production.version if production else "",
        tuple(results),
        len(cases),
        content_hash(tuple(cases)),
        time.perf_counter() - begun,
    )


def _engine_gates(
    candidate: ModelVersion,
    production: ModelVersion | None,
    engine: Engine,
    ask: Ask,
    cases: Sequence[Case],
    limits: GateLimits,
    judge: Callable[[str], str] | None,
) -> list[GateResult]:
    had = engine.loaded()
    try:
        for one in (production, candidate):
            if one:
                engine.load(one.served_as, one.path)
    except RolloutError as error:
        return [GateResult(gate, GateVerdict.FAIL, str(error)) for gate in ENGINE_GATES]
    try:
        for one in (production, candidate):
            if one:
                ask(one.served_as, cases[:WARM_UP])  # the first use of an adapter takes seconds, which is no latency
        evidence = collect(ask, candidate.served_as, production.served_as if production else None, cases)
    finally:
        for one in (production, candidate):
            if one and one.served_as not in had:
                engine.unload(one.served_as)
    return [gate.check(candidate, production) for gate in _gates(limits, evidence, judge)]


def _gates(limits: GateLimits, evidence: Evidence, judge: Callable[[str], str] | None) -> list[Gate]:
    return [
        AccuracyGate(limits, evidence),
        RegressionGate(limits, evidence),
        UnsafeGate(limits, evidence, judge),
        LatencyGate(limits, evidence),
        CostGate(limits, evidence),
    ]
