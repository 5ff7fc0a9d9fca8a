"""All gates of one candidate, or of several at once: the artefact first, and the engine only if that passed."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reference.serving.rollout.gates.artefact import ArtefactGate
from reference.serving.rollout.gates.evidence import Ask, Evidence, collect
from reference.serving.rollout.gates.limits import GateLimits
from reference.serving.rollout.gates.operations import CostGate, LatencyGate
from reference.serving.rollout.gates.quality import AccuracyGate, RegressionGate, UnsafeGate
from reference.serving.rollout.interfaces import Engine, Gate
from reference.serving.rollout.types import GateResult, GateVerdict, ModelVersion, RolloutError
from reference.serving.rollout.versions.predict import Prediction
from reference.serving.rollout.versions.task import Case, content_hash

ENGINE_GATES = ("accuracy", "regression", "unsafe answers", "latency p95", "cost per request")
WARM_UP = 4

Pair = tuple[ModelVersion, ModelVersion | None]  # a candidate, and production if there is one


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
    return run_gates_together([(candidate, production)], engine, ask, cases, limits, judge)[0]


def run_gates_together(
    pairs: Sequence[Pair],
    engine: Engine,
    ask: Ask,
    cases: Sequence[Case],
    limits: GateLimits | None = None,
    judge: Callable[[str], str] | None = None,
) -> tuple[GateReport, ...]:
    """Judge several candidates in one pass, which asks every version once, also one that stands in several pairs.

    All else as `run_gates`; `seconds` of each report is that of the whole pass.
    """
    limits, begun = limits or GateLimits(), time.perf_counter()
    scans = [ArtefactGate(limits).check(*pair) for pair in pairs]
    whole = [pair for pair, scan in zip(pairs, scans, strict=True) if scan.verdict is GateVerdict.PASS]
    answers, refused = _ask_all(whole, engine, ask, cases) if whole else ({}, {})
    results = []
    for (candidate, production), scan in zip(pairs, scans, strict=True):
        if scan.verdict is not GateVerdict.PASS:
            undecided, reason = GateVerdict.NOT_ENOUGH_DATA, "not run: the artefact was refused"
            said = [GateResult(gate, undecided, reason) for gate in ENGINE_GATES]
        elif problem := _problem(refused, candidate, production):
            said = [GateResult(gate, GateVerdict.FAIL, problem) for gate in ENGINE_GATES]
        else:
            theirs = answers[production.served_as] if production else ()
            evidence = Evidence(answers[candidate.served_as], theirs)
            said = [gate.check(candidate, production) for gate in _gates(limits, evidence, judge)]
        results.append((scan, *said))
    seconds, sha256 = time.perf_counter() - begun, content_hash(tuple(cases))
    return tuple(
        GateReport(candidate.version, production.version if production else "", said, len(cases), sha256, seconds)
        for (candidate, production), said in zip(pairs, results, strict=True)
    )


def _problem(refused: Mapping[str, str], candidate: ModelVersion, production: ModelVersion | None) -> str:
    """Why the engine refused one of the two, "" if it serves both."""
    return next((refused[one.served_as] for one in (production, candidate) if one and one.served_as in refused), "")


def _ask_all(
    pairs: Sequence[Pair], engine: Engine, ask: Ask, cases: Sequence[Case]
) -> tuple[dict[str, tuple[Prediction, ...]], dict[str, str]]:
    """(answers, why the engine refused it), each by served name. Loads what is missing, and unloads that again."""
    had, loaded, refused = engine.loaded(), set[str](), dict[str, str]()
    try:
        for name, path in {one.served_as: one.path for pair in pairs for one in reversed(pair) if one}.items():
            try:
                engine.load(name, path)
                loaded.add(name)
            except RolloutError as error:
                refused[name] = str(error)
        # A version is asked only where there is somebody to compare it with.
        names = dict.fromkeys(one.served_as for pair in pairs if not _problem(refused, *pair) for one in pair if one)
        for name in names:
            ask(name, cases[:WARM_UP])  # the first use of an adapter takes seconds, which is no latency
        return collect(ask, tuple(names), cases), refused
    finally:
        for name in loaded - had:
            engine.unload(name)


def _gates(limits: GateLimits, evidence: Evidence, judge: Callable[[str], str] | None) -> list[Gate]:
    return [
        AccuracyGate(limits, evidence),
        RegressionGate(limits, evidence),
        UnsafeGate(limits, evidence, judge),
        LatencyGate(limits, evidence),
        CostGate(limits, evidence),
    ]
