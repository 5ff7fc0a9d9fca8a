"""Experiments with one fleet: the same traffic under other routing, other retries, and with more replicas."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .design import POLICIES, Admission, FleetDesign, Policy, Retry, Routing
from .run import FleetRun
from .simulate import simulate
from .workload import Workload


def side_by_side(
    cases: Mapping[str, tuple[Workload, FleetDesign]], *, seed: int = 0, workers: int = 2
) -> dict[str, FleetRun]:
    """name -> the run of its workload on its design, as `simulate` gives it, `workers` of them at a time.

    Compiled code holds no lock of Python, so threads use as many cores; each run under way needs memory of its own.
    """
    with ThreadPoolExecutor(workers) as pool:
        runs = pool.map(lambda case: simulate(*case, seed=seed), cases.values())
        return dict(zip(cases, runs, strict=True))


def compare_routing(
    workload: Workload, design: FleetDesign, policies: Sequence[Policy] = POLICIES, *, seed: int = 0
) -> list[dict[str, Any]]:
    """One row per policy on the same arrivals: first token in ms, share of prompt tokens found in a cache."""
    rows = []
    designs: dict[str, tuple[Workload, FleetDesign]] = {
        policy: (workload, dataclasses.replace(design, routing=Routing(policy))) for policy in policies
    }
    for policy, run in side_by_side(designs, seed=seed).items():
        rows.append(
            {
                "name": policy,
                "ttft_p50_ms": run.percentile("ttft", 50) * 1000,
                "ttft_p99_ms": run.percentile("ttft", 99) * 1000,
                "tpot_p50_ms": run.percentile("tpot", 50) * 1000,
                "hit_share": float(run.hit_tokens.sum(dtype=float) / max(1.0, workload.n_in.sum(dtype=float))),
                "run": run,
            }
        )
    return rows


def retry_policies(patience_s: float) -> dict[str, tuple[Retry, Admission]]:
    """Four ways to react to a slow answer, from the one that feeds the overload to the one that bounds it.

    patience_s: seconds that a client waits for the first token. The other numbers are assumed: four tries, 10 % budget.
    """
    tries = 4
    return {
        "no retry": (Retry(timeout_s=patience_s), Admission()),
        "retry at once, work goes on": (
            Retry(attempts=tries, timeout_s=patience_s, cancels=False, backoff_s=0.0, jitter=0.0), Admission(),
        ),
        "backoff, work cancelled": (Retry(attempts=tries, timeout_s=patience_s, backoff_s=1.0), Admission()),
        "the same, with a retry budget of 10 %": (
            Retry(attempts=tries, timeout_s=patience_s, backoff_s=1.0, budget=0.1), Admission(),
        ),
    }  # fmt: skip


def retry_storm(workload: Workload, design: FleetDesign, patience_s: float, *, seed: int = 0) -> dict[str, FleetRun]:
    """The same traffic and the same disturbance (the design's outages) under each of `retry_policies`."""
    cases = {
        name: (workload, dataclasses.replace(design, retry=retry, admission=admission))
        for name, (retry, admission) in retry_policies(patience_s).items()
    }
    return side_by_side(cases, seed=seed)


def fewest_replicas(
    design_of: Callable[[int], FleetDesign], workload: Workload, good: Callable[[FleetRun], bool], *, low: int = 1,
    high: int = 4096, seed: int = 0,
) -> tuple[int, FleetRun]:  # fmt: skip
    """Fewest replicas with which the run is `good`, by bisection on the same arrivals; and that run.

    Raises ValueError if `high` replicas are not enough: then what is asked for is not a matter of replicas.
    """
    runs: dict[int, FleetRun] = {}

    def enough(replicas: int) -> bool:
        runs[replicas] = simulate(workload, design_of(replicas), seed=seed)
        return good(runs[replicas])

    if low < 1 or high < low:
        raise ValueError(f"low and high must be 1 <= low <= high, got {low} and {high}")
    # Doubling first: a simulation of far too many replicas costs more than one of too few.
    top = low
    while not enough(top):
        if top >= high:
            raise ValueError(f"{high:,} replicas are not enough: more of them do not make one request faster")
        low, top = top + 1, min(high, top * 2)
    while low < top:
        middle = (low + top) // 2
        if enough(middle):
            top = middle
        else:
            low = middle + 1
    return top, runs[top]


def summary(run: FleetRun, slo_ttft_s: float) -> Mapping[str, float]:
    """One row: shares, percentiles of the answered, how many of all got their first token in time, dollars."""
    in_time = float((run.ttft_s <= slo_ttft_s).sum()) / max(1, run.ttft_s.size)  # nan compares as False: not in time
    return {
        "answered": run.answered, "in time": in_time, "ttft_p50_s": run.percentile("ttft", 50),
        "ttft_p99_s": run.percentile("ttft", 99), "tpot_p50_s": run.percentile("tpot", 50),
        "replica_hours": run.replica_hours, "usd": run.usd,
    }  # fmt: skip
