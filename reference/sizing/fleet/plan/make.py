"""The plan: every candidate sized by simulation, ranked by what a month costs; what is out says by which number."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal

from reference.sizing.engine_model.model import EngineModel
from reference.sizing.evidence import Evidence, Simulated

from .candidates import Candidate, EngineFor, candidates, load_of
from .day import Day, autoscaled_day
from .formula import full_replica
from .requirements import Requirements
from .size import FULL, Effort, Simulate, Sizing, size

Status = Literal["feasible", "over budget", "failed", "not simulated", "infeasible"]
ORDER: tuple[Status, ...] = ("feasible", "over budget", "failed", "not simulated", "infeasible")


@dataclass(frozen=True)
class Row:
    """One design. regions: a sizing for each region, in the order of region_shares. Money is USD a month.

    usd: what it is ranked by, the autoscaled month where a simulated day passed, else the peak's fleet all month.
    """

    candidate: Candidate
    status: Status
    reason: str = ""
    regions: tuple[Sizing, ...] = ()
    peak_usd: float | None = None
    day: Day | None = None
    usd: float | None = None
    over_budget_usd: float = 0.0
    badges: tuple[str, ...] = ()
    evidence: Evidence | None = None

    @property
    def replicas(self) -> int:
        """Replicas of all regions."""
        return sum(one.replicas for one in self.regions)

    @property
    def survivors(self) -> int:
        """Replicas that are left when a zone fails, of all regions."""
        return sum(one.survivors for one in self.regions)

    @property
    def gpus(self) -> int:
        """GPUs of all replicas."""
        return self.replicas * self.candidate.gpus

    @property
    def largest(self) -> Sizing:
        """The region with the most traffic: its latencies are shown."""
        return max(self.regions, key=lambda one: one.rate)


@dataclass(frozen=True)
class Plan:
    """Rows: feasible ones by cost, then what is over budget, failed, was not simulated, is infeasible."""

    requirements: Requirements
    rows: tuple[Row, ...]
    effort: Effort
    seed: int
    seconds: float
    simulations: int

    @property
    def recommended(self) -> Row | None:
        """The first feasible row, which is the cheapest; None without one."""
        return next((row for row in self.rows if row.status == "feasible"), None)

    @property
    def feasible(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.status == "feasible")

    @property
    def nearest_miss(self) -> Row | None:
        """What comes closest where nothing is feasible: the least over budget, else the smallest ratio to a limit."""
        over = [row for row in self.rows if row.status == "over budget"]
        if over:
            return min(over, key=lambda row: row.over_budget_usd)
        out = [row for row in self.rows if row.status in ("failed", "infeasible")]

        # What does not fit was never held to the targets: it comes last, however little is short.
        def distance(row: Row) -> tuple[bool, bool, float]:
            return row.status != "failed", row.reason.startswith("does not fit"), row.candidate.miss

        return min(out, key=distance, default=None)


def plan(
    requirements: Requirements,
    *,
    effort: Effort = FULL,
    seed: int = 0,
    engine_for: EngineFor | None = None,
    simulate: Simulate | None = None,
    tell: Callable[[str], None] | None = None,
) -> Plan:
    """Size and rank every design that the requirements allow. tell: called with a line before each long step."""
    began = time.monotonic()
    say = tell or (lambda line: None)
    rows: list[Row] = []
    able = []
    for one in candidates(requirements, engine_for):
        if one.engine is None:
            rows.append(Row(one, "infeasible", one.reason))
        else:
            able.append((first_cost(requirements, one), one))
    able.sort(key=lambda pair: pair[0])
    chosen = able[: effort.most_simulated]
    rows += [_not_simulated(one, cost, able[0][0], effort) for cost, one in able[effort.most_simulated :]]

    def sized(numbered: tuple[int, Candidate]) -> Row:
        say(f"simulating {numbered[1].name} ({numbered[0]} of {len(chosen)})")
        return _sized(requirements, numbered[1], effort, seed, simulate)

    def lived(row: Row) -> Row:
        say(f"a whole day of {row.candidate.name}")
        return with_day(requirements, row, effort, seed, simulate)

    # The simulator holds no lock while it runs, and a result does not depend on what runs beside it.
    with ThreadPoolExecutor(effort.threads) as pool:
        made = list(pool.map(sized, enumerate((one for _, one in chosen), 1)))
        made.sort(key=lambda row: (ORDER.index(row.status), row.peak_usd or 0.0))
        days = [row for row in made if row.status == "feasible"][: effort.days]
        made[: len(days)] = pool.map(lived, days)
    simulations = sum(one.simulations for row in made for one in row.regions)
    simulations += sum(row.day.simulations for row in made if row.day)
    rows += made
    rows = [_against_budget(row, requirements.budget_usd) for row in rows]
    rows.sort(key=lambda row: (ORDER.index(row.status), row.usd if row.usd is not None else row.candidate.miss))
    return Plan(requirements, tuple(rows), effort, seed, time.monotonic() - began, simulations)


def first_cost(requirements: Requirements, candidate: Candidate) -> float:
    """USD an hour of the peak's fleet by formula, without spares: good enough to decide what to simulate first."""
    assert candidate.engine is not None
    assert candidate.usd_per_hour is not None
    guess = full_replica(candidate.engine, load_of(requirements), requirements.tpot_ms / 1000)
    return candidate.usd_per_hour * max(1.0, requirements.peak_rate / guess.rate)


def _not_simulated(candidate: Candidate, cost: float, best: float, effort: Effort) -> Row:
    reason = (
        f"not simulated: by formula its peak costs {cost / best:.2f} times the cheapest's, and {effort.most_simulated} "
        "designs were simulated"
    )
    return Row(candidate, "not simulated", reason)


def _sized(
    requirements: Requirements, candidate: Candidate, effort: Effort, seed: int, simulate: Simulate | None
) -> Row:
    """Sized for every region; regions of the same share are one simulation."""
    assert candidate.engine is not None
    assert candidate.usd_per_hour is not None
    known: dict[float, Sizing] = {}
    for share in requirements.region_shares:
        if share not in known:
            known[share] = size(
                candidate.engine,
                requirements,
                requirements.peak_rate * share,
                effort=effort,
                seed=seed,
                simulate=simulate,
            )
    regions = tuple(known[share] for share in requirements.region_shares)
    made = Row(candidate, "feasible", regions=regions)
    usd = made.replicas * candidate.usd_per_hour * requirements.hours_per_month
    fault = next((one.fault for one in regions if one.fault), "")
    badges, evidence = badges_of(candidate.engine, made.largest, requirements, effort, seed)
    return replace(
        made,
        status="failed" if fault else "feasible",
        reason=f"failed its own simulation: {fault}" if fault else "",
        peak_usd=usd,
        usd=usd,
        badges=badges,
        evidence=evidence,
    )


def with_day(requirements: Requirements, row: Row, effort: Effort, seed: int, simulate: Simulate | None = None) -> Row:
    """The row with a simulated day of the autoscaled fleet; ranked by it if the day met every target."""
    candidate = row.candidate
    assert candidate.engine is not None
    assert candidate.usd_per_hour is not None
    day = autoscaled_day(
        candidate.engine, requirements, row.largest, dtype=candidate.dtype, effort=effort, seed=seed,
        simulate=simulate,
    )  # fmt: skip
    # Every region's day is taken to cost in proportion to the replicas of its peak.
    hours = day.replica_hours * row.replicas / row.largest.replicas
    usd = hours / 24 * candidate.usd_per_hour * requirements.hours_per_month
    day = replace(day, usd_month=usd)
    cheaper = not day.fault and row.peak_usd is not None and usd < row.peak_usd
    return replace(row, day=day, usd=usd if cheaper else row.peak_usd)


def _against_budget(row: Row, budget: float | None) -> Row:
    if row.status != "feasible" or budget is None or row.usd is None or row.usd <= budget:
        return row
    over = row.usd - budget
    how = "" if row.day else " with the peak's fleet on all day, its autoscaled day was not simulated"
    return replace(
        row,
        status="over budget",
        over_budget_usd=over,
        reason=f"over budget by ${over:,.0f} a month: ${row.usd:,.0f} of ${budget:,.0f}{how}",
    )


def badges_of(
    engine: EngineModel, sizing: Sizing, requirements: Requirements, effort: Effort, seed: int
) -> tuple[tuple[str, ...], Evidence]:
    """What stands behind a row: the engine's evidence, and whether the simulation stayed in what was measured."""
    badges = [engine.evidence.badge]
    seen = sizing.window
    batch = seen.in_flight if seen else 0.0
    if engine.calibrated is None:
        badges.append("not calibrated")
        checked = "no measured point: the engine's times are derived from rooflines"
    else:
        prompt = requirements.quantile("prompt", 99)
        outside = [
            f"{name} {value:,.0f} of {low:,.0f}-{high:,.0f}"
            for name, value, (low, high) in (
                ("batch", batch, engine.calibrated.batch),
                ("prompt", prompt, engine.calibrated.prompt),
                ("context", prompt + requirements.output_mean, engine.calibrated.context),
            )
            if not low <= value <= high
        ]
        if outside:
            badges.append(f"outside calibration: {', '.join(outside)}")
        checked = engine.evidence.summary()
    evidence = Simulated(
        model=f"fleet of {sizing.simulated_replicas} of {sizing.survivors} replicas of {engine.name}",
        validation=checked,
        n=seen.requests if seen else effort.requests,
        seed=seed,
        spread=f"confirmed with {effort.confirmations} other seeds",
    )
    return tuple(badges), evidence
