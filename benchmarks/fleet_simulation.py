"""The fleet simulator: seconds and memory of a whole day, cost against events, error against theory, laws kept.

Every run of the clock is a process of its own, so that its peak memory is its own; the first one compiles and is not
counted. Theory: queues with a known answer, at full size; the interval beside an error is the run's own (95 %).
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from typing import Any

import numpy as np

from benchmarks.common import Result, spread
from reference.sizing.engine_model.model import EngineLimits, EngineModel, StepTime
from reference.sizing.evidence import Derived
from reference.sizing.fleet import oracle
from reference.sizing.fleet.design import Admission, FleetDesign, Routing
from reference.sizing.fleet.oracle_designs import random_case, violations
from reference.sizing.fleet.simulate import simulate
from reference.sizing.fleet.workload import Workload

DAY_S, MESSAGES, REPLICAS = 86400.0, 10_000_000, 50
TARGET_S, TARGET_GB = 60.0, 2.0
TOKENS, STEP_S = 100_000, 1e-5  # of a queue: a service of 1 s on average, in steps of 10 us
# Assumed, of the size of an 8B model on a data-centre GPU: it decides how many events there are, not what one costs.
ENGINE = EngineModel(
    "7 ms + 0.02 ms a token",
    StepTime((1, 2048), (0.00702, 0.007 + 2048 * 2e-5), kv_s=1e-9, pair_s=1e-11),
    EngineLimits(256, 2048, 460_000, 131_072),
    Derived("benchmarks.fleet_simulation"),
)


def messages(n: int) -> Workload:
    """`n` messages at the day's mean rate: Poisson, at most 1.6 times the mean; 1155 tokens in, 211 out on average."""
    random = np.random.default_rng(8)
    horizon = DAY_S * n / MESSAGES
    minutes = max(24, round(horizon / 60))
    wave = 1 + 0.6 * np.sin(2 * np.pi * (np.arange(minutes) + 0.5) * horizon / minutes / min(horizon, DAY_S))
    counts = random.multinomial(n, wave / wave.sum())  # given their number, Poisson arrivals are spread so
    arrived = random.random(n)
    arrived += np.repeat(np.arange(minutes), counts)
    arrived *= horizon / minutes
    arrived.sort()
    normal = random.standard_normal(n, dtype=np.float32)
    n_in = np.clip(np.exp(normal * np.float32(0.9) + np.float32(math.log(1155) - 0.405)), 1, 30_000).astype(np.int32)
    n_out = np.clip(random.standard_exponential(n, dtype=np.float32) * 211, 1, 8_000).astype(np.int32)
    return Workload.of(arrived, n_in, n_out, horizon_s=horizon)


def day(n: int) -> dict[str, float]:
    """One simulated run and what it took; to be run in a process of its own."""
    import resource

    design = FleetDesign.one(ENGINE, REPLICAS)
    simulate(Workload.of([0.0], 10, 10), design)  # loads what was compiled
    workload = messages(n)
    begun, cpu = time.perf_counter(), time.process_time()
    run = simulate(workload, design)
    took, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return {
        "seconds": took,
        "cpu_s": cpu,
        "events": run.events,
        "tokens": run.tokens_out,
        "steps": run.steps,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
        "ttft_p99_s": run.percentile("ttft", 99),
        "largest_batch": run.most_running,
        "answered": run.answered,
    }


def _apart(n: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.fleet_simulation", str(n)], check=True, capture_output=True, text=True
    )
    said: dict[str, float] = json.loads(done.stdout)
    return said


def _memory_free_gb() -> float:
    import psutil

    return float(psutil.virtual_memory().available) / 1e9


def _days(result: Result, quick: bool) -> None:
    design = FleetDesign.one(ENGINE, REPLICAS)
    begun = time.perf_counter()
    simulate(Workload.of([0.0], 10, 10), design)
    loaded = time.perf_counter() - begun
    result.rows.append(
        {"target": "first call of a process", "metric": "compiling, or loading from disk", "median": round(loaded, 2),
         "unit": "s", "rounds": 1}
    )  # fmt: skip
    sizes = (10_000, 30_000) if quick else (100_000, 1_000_000, MESSAGES)
    # Ten days take minutes and 11 GB: not beside other work.
    if not quick and _memory_free_gb() > 15 and os.getloadavg()[0] < 2:
        sizes += (10 * MESSAGES,)
    per_event = {}
    for n in sizes:
        runs = [_apart(n) for _ in range(3 if n <= MESSAGES and not quick else 1)]
        per_event[n] = float(np.median([r["seconds"] / r["events"] for r in runs]))
        target = f"{n:,} messages over {REPLICAS} replicas"
        for metric, unit, name in (
            ("wall clock", "s", "seconds"), ("CPU", "s", "cpu_s"), ("peak memory of the process", "GB", "peak_gb"),
            ("events", "", "events"), ("engine steps", "", "steps"), ("answer tokens", "", "tokens"),
            ("TTFT p99", "s", "ttft_p99_s"), ("largest batch", "sequences", "largest_batch"),
        ):  # fmt: skip
            values = spread([r[name] for r in runs])
            result.rows.append({"target": target, "metric": metric, "unit": unit} | values)
        result.rows.append(
            {"target": target, "metric": "wall clock per event", "unit": "us", "median": round(per_event[n] * 1e6, 3),
             "rounds": len(runs)}
        )  # fmt: skip
        if n == MESSAGES:
            took, peak = spread([r["seconds"] for r in runs])["median"], max(r["peak_gb"] for r in runs)
            met = took <= TARGET_S and peak <= TARGET_GB
            result.conclusions.append(
                f"A day of {n:,} messages over {REPLICAS} replicas takes {took:.1f} s on one core and {peak:.2f} GB; "
                f"the target of {TARGET_S:g} s and {TARGET_GB:g} GB is {'met' if met else 'missed'}."
            )
    low, high = min(per_event.values()), max(per_event.values())
    result.conclusions.append(
        f"An event costs {low * 1e6:.2f} to {high * 1e6:.2f} us from {sizes[0]:,} to {sizes[-1]:,} messages."
    )


def _customers(offered: float, n: int, seed: int, constant: bool = False) -> Workload:
    random = np.random.default_rng(seed)
    tokens = np.full(n, TOKENS, np.int32) if constant else random.geometric(1 / TOKENS, n).astype(np.int32)
    return Workload.of(np.cumsum(random.exponential(1 / offered, n)), 1, tokens)


def _waits(workload: Workload, design: FleetDesign) -> Any:
    run = simulate(workload, design)
    # In float64: waits are small differences of times that float32 holds to a tenth of a microsecond only.
    wait = run.e2e_s.astype(np.float64) - workload.n_out * STEP_S
    return wait[workload.requests // 20 :]


def _theory(quick: bool) -> list[oracle.Checked]:
    size = {0.5: 4_000_000, 0.8: 8_000_000, 0.9: 20_000_000}
    found = []
    for servers in (1, 4, 20):
        for rho, n in size.items():
            name = f"M/M/{servers} at {rho:g}"
            wait = _waits(_customers(rho * servers, n // 400 if quick else n, len(found)),
                          FleetDesign.one(oracle.queue_engine(servers, STEP_S)))  # fmt: skip
            found.append(oracle.mean_in_parts(f"{name}: mean wait", wait, oracle.mmc_wait(rho * servers, servers, 1.0)))
            if exact := oracle.mmc_wait(rho * servers, servers, 1.0, 99):
                found.append(oracle.percentile_in_parts(f"{name}: wait p99", wait, 99, exact))
    for rho, n in size.items():
        wait = _waits(_customers(rho, n // 400 if quick else n, len(found), constant=True),
                      FleetDesign.one(oracle.queue_engine(1, STEP_S)))  # fmt: skip
        name = f"M/D/1 at {rho:g}"
        found.append(oracle.mean_in_parts(f"{name}: mean wait", wait, rho / (2 * (1 - rho))))
        found.append(oracle.percentile_in_parts(f"{name}: wait p99", wait, 99, oracle.md1_percentile(rho, 99)))
    n = 20_000 if quick else 8_000_000
    wait = _waits(_customers(0.8 * 10, n, len(found)), FleetDesign.one(oracle.queue_engine(1, STEP_S), 10,
                                                              routing=Routing("random")))  # fmt: skip
    found.append(oracle.mean_in_parts("10 x M/M/1 at 0.8, random routing: mean wait", wait, oracle.mmc_wait(0.8, 1, 1)))
    for servers, line, offered in ((1, 3, 0.9), (4, 6, 4.5), (4, 0, 3.0)):
        workload = _customers(offered, n // 2, len(found))
        run = simulate(workload, FleetDesign.one(oracle.queue_engine(servers, STEP_S),
                                                 admission=Admission(queue_limit=line)))  # fmt: skip
        exact = oracle.mmck_loss(offered, servers, servers + line)
        name = f"M/M/{servers}/{servers + line} at {offered:g} erlangs: turned away"
        found.append(oracle.mean_in_parts(name, run.outcome == 1, exact))
    return found


def _ciw(n: int) -> list[tuple[str, float, float]]:
    """(name, ours, ciw's) on the same customers: mean wait of 4 servers, share turned away of 2 with a line of 2."""
    import ciw

    def records(workload: Workload, servers: int, line: float) -> list[Any]:
        gaps = [*np.diff(workload.arrived, prepend=0.0).tolist(), math.inf]
        network = ciw.create_network(
            arrival_distributions=[ciw.dists.Sequential(gaps)],
            service_distributions=[ciw.dists.Sequential((workload.n_out * STEP_S).tolist())],
            number_of_servers=[servers], queue_capacities=[line],
        )  # fmt: skip
        simulation = ciw.Simulation(network)
        simulation.simulate_until_max_time(float(workload.arrived[-1]) + 10_000)
        return list(simulation.get_all_records())

    many = _customers(0.9 * 4, n, 6)
    ours = float((simulate(many, FleetDesign.one(oracle.queue_engine(4, STEP_S))).e2e_s - many.n_out * STEP_S).mean())
    theirs = float(np.mean([r.waiting_time for r in records(many, 4, math.inf)]))
    finite = _customers(2.5, n, 7, constant=True)
    design = FleetDesign.one(oracle.queue_engine(2, STEP_S), admission=Admission(queue_limit=2))
    lost = sum(r.record_type == "rejection" for r in records(finite, 2, 2))
    return [
        (f"4 servers at 0.9, {n:,} customers: mean wait", ours, theirs),
        (f"2 servers, line of 2, {n:,} customers: turned away", simulate(finite, design).shed, lost / n),
    ]


def run(quick: bool = False) -> Result:
    import numba

    result = Result(
        "fleet_simulation",
        "Is the fleet simulator exact, does it keep the laws, and does a whole day fit into a minute?",
        {
            "numba": numba.__version__,
            "engine": "7 ms + 0.02 ms a token, 256 sequences, 2,048 tokens a step, KV pool of 460,000 tokens (assumed)",
            "messages": "1155 tokens in (lognormal), 211 out (exponential) on average; a sine wave over the day",
            "queues": f"steps of {STEP_S * 1e6:g} us, services of {TOKENS * STEP_S:g} s; the first 5 % unused",
            "half width": "95 %, from the means of ten parts of the run",
        },
    )
    _days(result, quick)
    checked = _theory(quick)
    for found in checked:
        result.rows.append(
            {"target": found.name, "metric": f"error (exact {found.exact:.4g}, simulated {found.simulated:.4g})",
             "unit": "%", "median": round(100 * found.error, 2), "half_width": round(100 * found.half_width, 2),
             "p25": round(100 * (found.error - found.half_width), 2),
             "p75": round(100 * (found.error + found.half_width), 2), "rounds": 1}
        )  # fmt: skip
    within = sum(abs(c.error) <= c.half_width for c in checked)
    means = [c for c in checked if "p99" not in c.name]
    worst = max(means, key=lambda c: abs(c.error))
    far = max((c for c in checked if "p99" in c.name), key=lambda c: abs(c.error))
    result.conclusions.append(
        f"Of {len(checked)} figures with an exact value {within} lie within the run's own 95 % interval; the largest "
        f"errors are {worst.error:+.1%} ({worst.name}, known to {worst.half_width:.1%}) and {far.error:+.1%} "
        f"({far.name}, known to {far.half_width:.1%})."
    )
    for name, ours, theirs in _ciw(2_000 if quick else 50_000):
        result.rows.append(
            {"target": f"ciw: {name}", "metric": f"difference (ciw {theirs:.5g}, ours {ours:.5g})", "unit": "%",
             "median": round(100 * (ours / theirs - 1), 3), "rounds": 1}
        )  # fmt: skip
    fleets = 30 if quick else 1000
    broken: dict[str, int] = {}
    for seed in range(fleets):
        workload, design = random_case(seed)
        for law in violations(simulate(workload, design, seed=seed)):
            broken[law] = broken.get(law, 0) + 1
    result.rows.append(
        {"target": f"{fleets:,} drawn fleets", "metric": "laws broken", "unit": "", "median": sum(broken.values()),
         "rounds": 1}
    )  # fmt: skip
    result.conclusions.append(
        f"{fleets:,} drawn fleets broke {sum(broken.values())} laws{': ' + str(broken) if broken else ''}."
    )
    return result


if __name__ == "__main__":
    print(json.dumps(day(int(sys.argv[1]))))
