"""The subcommands that run an engine: gates, drill, engine."""

from __future__ import annotations

import json
from pathlib import Path

import typer


def gates(candidate: str, model: str, adapter: Path | None, cases: int, as_json: bool) -> None:
    from reference.serving.rollout.gates import run_gates
    from reference.serving.rollout.registry import RegistryDownError
    from reference.serving.rollout.types import GateVerdict
    from reference.serving.rollout.versions.engine import VllmAdapters, adapter_engine
    from reference.serving.rollout.versions.predict import predict
    from reference.serving.rollout.versions.shipped import from_folder, shipped
    from reference.serving.rollout.versions.task import test_cases
    from workbook import console
    from workbook.errors import FAILED
    from workbook.rollout.common import plain, registry

    log = console.stderr() if as_json else console.stdout()
    found = registry(model)
    production = None
    try:
        registered = {one.version for one in found.versions(model)}
        if alias := found.alias(model, "production"):
            production = found.get(model, alias)
    except RegistryDownError as error:
        registered = set()
        console.say(log, f"no comparison with production: {error}")
    if adapter:
        version = from_folder(adapter, candidate, model)
    else:
        version = found.get(model, candidate) if candidate in registered else shipped(candidate)
    if production is None:
        console.say(log, "no production version: `workbook rollout versions --register --production v1.0` names one")
    served = [one for one in (version, production) if one]
    with adapter_engine(lambda line: console.say(log, line), served) as engine:
        adapters = VllmAdapters(engine)
        report = run_gates(
            version, production, adapters, lambda name, some: predict(engine, name, some), test_cases()[:cases]
        )
    if as_json:
        console.emit_json("rollout", {"gates": plain(report.to_dict())})
    else:
        for one in report.results:
            console.say(log, f"{one.gate:<18}{one.verdict:<17}{one.reason}")
        against = report.production or "nothing"
        console.say(
            log, f"{candidate} against {against}: {report.verdict} ({report.seconds:.0f} s, {report.cases} cases)"
        )
    if report.verdict is not GateVerdict.PASS:
        raise typer.Exit(FAILED)


def drill(candidate: str, production: str, users: int, out: Path | None, as_json: bool) -> None:
    import tempfile
    import uuid

    from reference.serving.rollout.drill import Drill
    from reference.serving.rollout.registry import MlflowRegistry
    from reference.serving.rollout.versions.engine import adapter_engine
    from reference.serving.rollout.versions.shipped import shipped
    from workbook import console
    from workbook.errors import FAILED
    from workbook.rollout.common import plain, stores

    log = console.stderr() if as_json else console.stdout()
    store, outcomes = stores()
    rollout = f"drill-{uuid.uuid4().hex[:8]}"
    pair = [shipped(production), shipped(candidate)]
    with tempfile.TemporaryDirectory(prefix="drill-") as folder:
        registry = MlflowRegistry(folder=Path(folder))  # of its own: a drill moves no alias of the team
        for one in pair:
            registry.register(one)
        registry.set_alias(pair[0].name, "production", production)
        # Its own prefix too: routers of the real model must not follow a drill.
        store.prefix = outcomes.prefix = rollout
        with adapter_engine(lambda line: console.say(log, line), pair) as engine:
            result = Drill(engine, store, outcomes, registry, users=users).run(
                rollout, candidate, say=lambda line: console.say(log, line)
            )
    if out:
        out.write_text(json.dumps(plain(result.to_dict()), allow_nan=False), encoding="utf-8")
    summary = {
        "rollout": rollout,
        "phase": result.state.phase.value,
        "reason": result.state.reason,
        "requests": len(result.requests),
        "failed_requests": result.failed_requests,
        "rollback_s": result.rollback_s,
        "out": str(out) if out else None,
    }
    if as_json:
        console.emit_json("rollout", {"drill": summary})
    else:
        back = "" if result.rollback_s is None else f"; {result.rollback_s:.1f} s from the first bad answer to the last"
        console.say(
            log,
            f"{candidate}: {summary['phase']} after {len(result.requests)} requests, "
            f"{result.failed_requests} failed{back}",
        )
    if result.failed_requests:
        raise typer.Exit(FAILED)


def engine() -> None:
    import time

    from reference.serving.rollout.versions.engine import adapter_engine
    from workbook import console

    log = console.stdout()
    with adapter_engine(lambda line: console.say(log, line)) as found:
        console.say(log, f"export WORKBOOK_ROLLOUT_ENGINE_URL={found.root_url} WORKBOOK_ENGINE_KEY={found.api_key}")
        console.say(log, "Ctrl-C stops it")
        while True:
            time.sleep(3600)
