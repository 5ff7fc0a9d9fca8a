"""What the expressions of fleets_as_reviewed.json are made of: fleets, loads, runs, requirements, stand-in simulators.

The keys of that file are evaluated in the names of their module and of this one. To pin another value, add its
expression with `null`. `python tests/unit/sizing/fleet/reviewed_fleets.py` writes all values anew; the difference is
what a reviewer reads.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import json
import math  # noqa: F401
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[3])]

import numpy as np  # noqa: E402
from plan_fleets import EFFORT, SMALL, calibrated, engine, engine_for  # noqa: E402, F401
from reviewed import evaluated, read, write  # noqa: E402
from reviewed_declarations import declared  # noqa: E402

from reference.sizing.engine_model.model import (  # noqa: E402
    CalibratedRange,  # noqa: F401
    EngineLimits,
    EngineModel,
    StepTime,
)
from reference.sizing.evidence import Derived  # noqa: E402
from reference.sizing.fleet.arrivals import RateProfile  # noqa: E402
from reference.sizing.fleet.day import DayProfile  # noqa: E402
from reference.sizing.fleet.design import (  # noqa: E402
    Admission,
    Autoscaling,
    FleetDesign,
    Outage,  # noqa: F401
    Region,
    Retry,
    Routing,  # noqa: F401
)
from reference.sizing.fleet.engine import EngineRun, simulate_engine  # noqa: E402
from reference.sizing.fleet.lengths import Lengths  # noqa: E402
from reference.sizing.fleet.oracle_designs import random_case  # noqa: E402
from reference.sizing.fleet.plan.candidates import Candidate  # noqa: E402
from reference.sizing.fleet.plan.day import Day  # noqa: E402
from reference.sizing.fleet.plan.formula import Guess  # noqa: E402
from reference.sizing.fleet.plan.make import Plan, Row, plan  # noqa: E402
from reference.sizing.fleet.plan.requirements import Requirements  # noqa: E402
from reference.sizing.fleet.plan.size import FULL, Sizing, Trials, default_simulate, size  # noqa: E402, F401
from reference.sizing.fleet.plan.window import Window  # noqa: E402
from reference.sizing.fleet.run import FleetRun  # noqa: E402
from reference.sizing.fleet.sessions import Sessions  # noqa: E402, F401
from reference.sizing.fleet.simulate import simulate  # noqa: E402
from reference.sizing.fleet.workload import Workload  # noqa: E402
from reference.sizing.hardware import accelerator  # noqa: E402, F401
from reference.sizing.roofline import Deployment  # noqa: E402

REVIEWED, DECLARED = HERE / "fleets_as_reviewed.json", HERE / "fleets_declared.json"
REWRITE = f"if it is meant: python tests/unit/sizing/fleet/{Path(__file__).name}, and read the difference"

ENGINE, NOISY = engine(), replace(engine(0.01, 1e-4), noise_cv=0.1)
SEATS, BUDGET = engine(max_num_seqs=3), engine(max_num_batched_tokens=40)
CACHE, NOCACHE = engine(kv_tokens=1100), replace(ENGINE, limits=replace(ENGINE.limits, prefix_caching=False))
ODD = replace(ENGINE, limits=EngineLimits(2, 8, 40, 33, block_tokens=32))
TINY = EngineModel(
    "tiny", StepTime((1, 8, 64), (0.004, 0.005, 0.02), 3e-5, 1e-6, 1e-8),
    EngineLimits(6, 16, 240, 240, 4, prefix_caching=False), Derived("test"),
)  # fmt: skip
A = Region("a", Autoscaling(1, 2, target_in_flight=3.0, every_s=0.25, down_after_s=0.4, cold_start_s=0.3, warm_pool=1,
                            warm_start_s=0.1, schedule=((1.0, 2),)), spill_to=("b",), spill_above=6.0)  # fmt: skip
B = Region("b", Autoscaling.fixed(2), zones=2, rtt_s=0.2)

LITTLE = replace(EFFORT, requests=60, slice=4, window_s=2.0, confirmations=2, threads=1, most_simulated=3)
STRICT = replace(SMALL, ttft_ms=21.0, tpot_ms=21.0, ttft_percentile=99.0, availability=0.9999, patience_s=2.0)
LOOSE = replace(SMALL, ttft_ms=9000.0, tpot_ms=900.0, ttft_percentile=50.0, tpot_percentile=50.0, availability=0.1)
TURNS = replace(SMALL, turns=3, turn_gap_s=2.0)
FLAT = replace(SMALL, prompt_p99=120.0, output_p99=12.0)
LONG = replace(SMALL, prompt_mean=300.0, prompt_p99=None, prompt_median=260.0, output_p99=None, output_median=7.0)
QUIET = replace(SMALL, users=900.0, messages_per_user=10.0)

UP, STEPS = RateProfile.linear([0, 2, 5], [1, 3, 0]), RateProfile.steps([0, 2, 5], [1, 3])
LOGN = Lengths.lognormal_from(median=100, p99=900)
QUANT = Lengths.from_quantiles({25: 60, 50: 100, 90: 400, 99: 900})
EVEN, SEEN = Lengths.uniform(3, 9), Lengths.empirical([3, 5, 5, 9])
RAMP, JUMP = DayProfile.of(range(24)), DayProfile.diurnal(0.8, 10)
WEEK = DayProfile.of([1, 2] * 12, weekdays=(5, 5, 5, 5, 5, 2, 1))

WINDOW = Window(70, 0.1, 0.2, 0.15, 0.03, 0.05, 0.04, 1.0, 0.99, 3.0, ())
SIZED = Sizing(SMALL.peak_rate, 4, 5, Guess(9.0, 11.0, 0.03, "TPOT target"), WINDOW, None, 3, 8)
A_DAY = Day(60.0, 2, 2, 5, "reactive", None, 3.0, 5, WINDOW, 1)
ROW = Row(Candidate("l4", 2, "bf16", "bf16 on 2 x l4", ENGINE, 3.0), "feasible", "", (SIZED,), 900.0, usd=900.0)


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _load(requests: int, rate: float) -> Workload:
    random = rng(6)
    at = np.cumsum(random.exponential(1 / rate, requests))
    return Workload.of(
        at, random.integers(5, 300, requests), random.integers(1, 30, requests), session=np.arange(requests) % 5,
        shared=4, region=np.arange(requests) % 2, horizon_s=float(at[-1]) + 0.7,
    )  # fmt: skip


LOAD, MANY = _load(30, 20.0), replace(_load(80, 90.0), region=np.zeros(80, np.int16))
SPARSE = replace(LOAD, session=np.where(np.arange(30) % 3, -1, 10**6 * np.arange(30)).astype(np.int32))


def _run(workload: Workload) -> FleetRun:
    retry = Retry(2, 0.3, backoff_s=0.1)
    design = FleetDesign(ENGINE, (A, B), admission=Admission(3, 8), retry=retry, usd_per_replica_hour=3.0)
    return simulate(workload, design, seed=3)


@functools.cache
def a_run() -> FleetRun:
    return _run(LOAD)


@functools.cache
def idle_run() -> FleetRun:
    return _run(Workload.of([], 1, 1, horizon_s=9.0))


@functools.cache
def alone_run() -> EngineRun:
    return simulate_engine(LOAD, ENGINE)


@functools.cache
def simulate_case(seed: int) -> FleetRun:
    return simulate(*random_case(seed, 12), seed=seed)


def evidence_of(run: FleetRun) -> str:
    """Without the point of validation, which takes seconds."""
    with patch("reference.sizing.fleet.oracle.validation_point", lambda: "a point"):
        return replace(run).evidence.summary()


def plain_arrays(state: Any) -> dict[str, Any]:
    """Name -> array, or its columns, or where a generator of random numbers stands."""

    def shown(value: Any) -> Any:
        if isinstance(value, np.random.Generator):
            return str(value.bit_generator.state["state"]["state"])
        return {name: np.array(value[name]) for name in value.dtype.names} if value.dtype.names else value

    return {name: shown(value) for name, value in state._asdict().items()}


def room_for(timers: int, looks: int, tries: int) -> list[int]:
    """Places for timers and looks once room was made."""
    from reference.sizing.fleet.core_fleet_state import more_room, new_fleet
    from reference.sizing.fleet.core_state import new_state

    fleet = new_fleet(FleetDesign(ENGINE, (A, B)), 3)
    fleet.control[0].timers, fleet.control[0].looks = timers, looks
    fleet.timers.at[:], fleet.timeline.second[:] = 7.0, 8.0
    made = more_room(fleet, new_state(LOAD, ENGINE, 2, tries, 1, np.float32))
    return [
        made.timers.size,
        int((made.timers.at == 7).sum()),
        made.timeline.size,
        int((made.timeline.second == 8).sum()),
    ]


def warned(work: Callable[[], Any]) -> list[str]:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        work()
    return [str(one.message) for one in seen]


def fault(make: Callable[..., Any], **given: Any) -> str:
    try:
        make(**given)
    except ValueError as error:
        return str(error)
    return "taken"


def never(deployment: Deployment, requirements: Requirements) -> EngineModel:
    raise ValueError(f"no engine for {deployment.name}")


def outlines(found: list[Candidate]) -> list[Any]:
    """Without what a day's date changes: whether a price is stale."""
    return [replace(one, engine=None, price_note=one.price_note.split(";")[0]) for one in found]


def trials(requirements: Requirements, rate: float) -> Trials:
    return Trials(ENGINE, requirements, rate, LITTLE, 1, default_simulate)


def told(made: Trials) -> list[Any]:
    return [made.guess, made.warm_s, made.floor(), made.ceiling(), made.peak.gaps, made.peak.seed]


def searched(rate: float) -> list[Any]:
    made = trials(SMALL, rate)
    return [made.smallest(), sorted(made.seen), made.count]


def made_up(lost: float, lost_in_drill: float) -> Callable[..., Any]:
    """A simulator that answers fewer in the confirming runs, or while something is gone."""

    def run(load: Workload, design: FleetDesign, *, seed: int = 0) -> Any:
        found = default_simulate(load, design, seed=seed)
        share = lost_in_drill if design.outages else lost if seed else 0.0
        gone = np.arange(load.requests) % 100 < 100 * share
        return replace(found, outcome=np.where(gone, 1, found.outcome).astype(np.int8))

    return run


def drilled(availability: float) -> str:
    """The fault of a fleet of which 19 of 20 are answered while something is gone: just enough, or not."""

    def run(load: Workload, design: FleetDesign, *, seed: int = 0) -> Any:
        made = default_simulate(load, design, seed=seed)
        inside = np.cumsum(load.arrived >= load.horizon_s / 2) if design.outages else np.ones(load.requests)
        return replace(made, outcome=((inside > 0) & (inside % 20 == 0)).astype(np.int8))

    asked_of = replace(SMALL, availability=availability, survive="replica")
    return size(ENGINE, asked_of, 20.0, effort=LITTLE, simulate=run).fault


def made_up_day(misses: int) -> Callable[..., Any]:
    """A simulator whose first days miss every target; what is shorter than a day is simulated."""
    days = []

    def run(load: Workload, design: FleetDesign, *, seed: int = 0) -> Any:
        if load.horizon_s < 86_400:
            return default_simulate(load, design, seed=seed)
        days.append(load)
        n, late = load.requests, 9.0 if len(days) <= misses else 1.0
        return SimpleNamespace(
            outcome=np.zeros(n), ttft_s=np.full(n, 0.1 * late), tpot_s=np.full(n, 0.01 * late), e2e_s=np.full(n, 1.0),
            replica_hours=30.0 + len(days), timeline={"paid": np.array([2, 3, 5])},
        )  # fmt: skip

    return run


def asked(work: Callable[[Callable[..., Any]], Any], stand_in: Callable[..., Any] | None = None) -> list[Any]:
    """What a planner asks of the simulator, one entry a run."""
    seen = []

    def run(load: Workload, design: FleetDesign, *, seed: int = 0) -> Any:
        rest = replace(design, engine=None)  # type: ignore[arg-type]
        seen.append([load.requests, float(load.arrived.sum()), load.horizon_s, int(load.n_in.sum()), rest, seed])
        return (stand_in or default_simulate)(load, design, seed=seed)

    work(run)
    return seen


def shown(made: Plan) -> dict[str, Any]:
    """A plan without its engines and without how long it took."""
    rows = [
        {
            **{one.name: getattr(row, one.name) for one in dataclasses.fields(row) if one.name != "evidence"},
            "candidate": outlines([row.candidate])[0], "evidence": row.evidence.summary() if row.evidence else "",
            "counts": [row.replicas, row.survivors, row.gpus],
        }
        for row in made.rows
    ]  # fmt: skip
    named = {name: getattr(made, name) for name in ("recommended", "nearest_miss")}
    return {
        "rows": rows, "simulations": made.simulations, "seed": made.seed,
        **{name: row.candidate.name if row else "" for name, row in named.items()},
    }  # fmt: skip


def lines_of(requirements: Requirements) -> list[str]:
    """What a plan says on its way."""
    lines: list[str] = []
    plan(requirements, effort=replace(LITTLE, most_simulated=1, days=1), engine_for=engine_for, tell=lines.append,
         simulate=made_up_day(0))  # fmt: skip
    return lines


NAMES = dict(globals())


def found(module: str, expressions: Iterable[str]) -> dict[str, Any]:
    """Expression -> value or error, in the names of the module and of this one."""
    names = NAMES | vars(importlib.import_module(f"reference.sizing.{module}"))
    return evaluated(expressions, names)


def declared_now(module: str) -> dict[str, Any]:
    """What a module declares, wherever this checkout lies; without the digest of the loops' text, and without what is a
    plain function only where numba does not compile."""
    told = json.dumps(declared(f"reference.sizing.{module}")).replace(str(HERE.parents[3]), "")
    compiled = ".core" in module and not module.endswith("_state")
    return {
        name: one
        for name, one in json.loads(told).items()
        if name != "SOURCES" and not (compiled and isinstance(one, dict) and "defaults" in one)
    }


def as_reviewed() -> dict[str, dict[str, Any]]:
    return read(REVIEWED)


def declarations() -> dict[str, dict[str, Any]]:
    return read(DECLARED)


def rewrite() -> None:
    """Evaluate every key again."""
    write(REVIEWED, {module: found(module, expressions) for module, expressions in as_reviewed().items()})
    write(DECLARED, {module: declared_now(module) for module in declarations()})


if __name__ == "__main__":
    import reviewed_fleets  # under its own name, which evidence tells

    reviewed_fleets.rewrite()
