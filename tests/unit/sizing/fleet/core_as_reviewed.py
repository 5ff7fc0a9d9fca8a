"""What small drawn fleets did when the event loop was last reviewed, in core_as_reviewed.json.

`python tests/unit/sizing/fleet/core_as_reviewed.py` writes it anew; the difference is what a reviewer reads. The fleets
are small enough to be run without compilation too, which is how mutants of the loop are met.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

REVIEWED = Path(__file__).with_suffix(".json")
DRAWN = 48
TIMES = ("ttft_s", "tpot_s", "e2e_s")
COUNTS = ("steps", "events", "preemptions", "lost_tries", "tokens_out", "most_running", "most_kv_tokens")
SUMS = ("replica_hours", "usd", "busy_s", "in_flight_s")


def weighed(values: np.ndarray) -> float:
    """A sum that also changes when two entries change places; nan counts as -1."""
    known = np.nan_to_num(np.asarray(values, dtype=float), nan=-1.0)
    return float(known @ np.arange(1, known.size + 1))


def fleet_run(seed: int) -> dict[str, Any]:
    """Everything that one drawn fleet did, as numbers."""
    from reference.sizing.fleet.oracle_designs import random_case
    from reference.sizing.fleet.simulate import simulate

    workload, design = random_case(seed, 40 if seed % 4 else 120)
    run = simulate(workload, design, seed=seed)
    told: dict[str, Any] = {name: weighed(getattr(run, name)) for name in TIMES}
    told |= {name: weighed(getattr(run, name)) for name in ("outcome", "attempts", "served_by", "hit_tokens")}
    told |= {name: getattr(run, name) for name in (*COUNTS, "most_step_tokens", *SUMS)}
    return told | {f"looks {name}": weighed(values) for name, values in run.timeline.items()}


def crowded_run(seed: int) -> dict[str, Any]:
    """Bursts over two minutes at a replica without a line: a budget of retries that forgets what is a minute old."""
    from reference.sizing.fleet.design import Admission, FleetDesign, Retry
    from reference.sizing.fleet.oracle_designs import random_case
    from reference.sizing.fleet.simulate import simulate
    from reference.sizing.fleet.workload import Workload

    _, drawn = random_case(seed, 1)
    at = np.sort(np.concatenate([7.3 * np.arange(20), 7.3 * np.arange(20) + 0.001, 11.0 * np.arange(12) + 0.002]))
    workload = Workload.of(at, 90, 40, session=np.arange(at.size) % 4, history=50, horizon_s=150.0)
    admission = Admission(queue_limit=0) if seed % 2 else Admission(None, 1)
    retry = Retry(4, 0.3, bool(seed % 3), backoff_s=0.4, budget=0.2 + 0.1 * (seed % 4))
    run = simulate(workload, FleetDesign.one(drawn.engine, admission=admission, retry=retry), seed=seed)
    told = {name: weighed(getattr(run, name)) for name in (*TIMES, "outcome", "attempts", "hit_tokens")}
    return told | {name: getattr(run, name) for name in COUNTS}


def replica_run(seed: int) -> dict[str, Any]:
    """The engine of a drawn fleet alone: an open loop, a closed one, and the open one step by step."""
    from reference.sizing.fleet.engine import simulate_closed_loop, simulate_engine
    from reference.sizing.fleet.oracle_designs import random_case

    workload, design = random_case(seed, 40)
    engine = design.engine
    ahead = dataclasses.replace(engine, limits=dataclasses.replace(engine.limits, async_scheduling=True))
    n_in, n_out = workload.n_in, workload.n_out
    runs = {
        "open": simulate_engine(workload, engine, seed=seed),
        "planned ahead": simulate_engine(workload, ahead, seed=seed),
        "step by step": simulate_engine(workload, engine, seed=seed, leaps=False),
        "closed": simulate_closed_loop(engine, 5, n_in, n_out, shared=workload.shared, seed=seed),
    }
    names = ("steps", "preemptions", "busy_s", "ended_s", "mean_in_flight", "most_running", "most_kv_tokens",
             "most_step_tokens", "tokens_out")  # fmt: skip
    return {
        f"{kind} {name}": value
        for kind, run in runs.items()
        for name, value in [
            *((name, weighed(getattr(run, name))) for name in (*TIMES, "hit_tokens")),
            *((name, getattr(run, name)) for name in names),
        ]
    }


RUNS = {
    "fleet": (fleet_run, range(DRAWN)),
    "replica": (replica_run, range(0, DRAWN, 4)),
    "crowded": (crowded_run, range(12)),
}


def now() -> dict[str, dict[str, Any]]:
    return {f"{kind} {seed}": run(seed) for kind, (run, seeds) in RUNS.items() for seed in seeds}


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[4]))
    REVIEWED.write_text(json.dumps(now(), indent=0) + "\n", encoding="utf-8")
    print(f"written: {REVIEWED}")
