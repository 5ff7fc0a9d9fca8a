"""Plans: ranked by cost, nothing recommended that failed, nothing out without a number, money only marks."""

from __future__ import annotations

import dataclasses
import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_fleets import EFFORT, SMALL, engine_for

from reference.sizing.fleet.design import FleetDesign
from reference.sizing.fleet.plan.candidates import candidates, load_of
from reference.sizing.fleet.plan.day import (
    WARM_S,
    WAYS,
    autoscaled_day,
    busy_hours,
    cold_start_s,
    day_of,
    rate_of_day,
    target_in_flight,
)
from reference.sizing.fleet.plan.formula import seconds_floor
from reference.sizing.fleet.plan.make import ORDER, plan, with_day
from reference.sizing.fleet.plan.requirements import Requirements
from reference.sizing.fleet.plan.size import default_simulate, size
from reference.sizing.fleet.run import FleetRun

DAYS = dataclasses.replace(EFFORT, days=2)
# A service so small that its whole day is a few thousand requests.
TINY = dataclasses.replace(SMALL, users=2_000, messages_per_user=10, provision_s=30, image_pull_s=5, warm_up_s=5)


def made(wanted=SMALL, effort=EFFORT, **how):
    return plan(wanted, effort=effort, engine_for=engine_for, **how)


def names(rows):
    return [row.candidate.name for row in rows]


def test_rows_are_ranked_by_cost_within_their_status():
    found = made(effort=DAYS, wanted=dataclasses.replace(TINY, gpus=("l4", "a10g", "h200")))
    assert [ORDER.index(row.status) for row in found.rows] == sorted(ORDER.index(row.status) for row in found.rows)
    costs = [row.usd for row in found.feasible]
    assert len(costs) >= 3
    assert costs == sorted(costs)
    assert found.recommended is found.rows[0]
    assert {row.status for row in found.rows} == {"feasible", "infeasible"}


def test_every_design_is_listed_once_and_what_is_out_names_a_number():
    wanted = dataclasses.replace(SMALL, gpus=("l4", "a10g", "h200"), dtypes=("bf16", "fp32"))
    found = made(wanted)
    assert len(found.rows) == len(set(names(found.rows))) == 3 * 2 * 2
    for row in found.rows:
        assert (row.status == "feasible") != bool(re.search(r"\d", row.reason))


def test_costs_are_replicas_times_price_times_hours():
    for row in made().feasible:
        assert row.peak_usd == pytest.approx(row.replicas * row.candidate.usd_per_hour * 730)
        assert row.gpus == row.replicas * row.candidate.gpus
        # No region's survivors have less engine time than their requests take at the very least.
        floor = seconds_floor(row.candidate.engine, load_of(SMALL))
        assert all(one.survivors >= one.rate * floor for one in row.regions)


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(st.floats(1, 60_000), st.floats(1, 4))
def test_a_larger_budget_never_removes_a_design(budget, factor):
    small, large = (made(dataclasses.replace(SMALL, budget_usd=b)) for b in (budget, budget * factor))
    assert set(names(small.feasible)) <= set(names(large.feasible))
    for row in small.rows:
        if row.status == "over budget":
            assert row.over_budget_usd == pytest.approx(row.usd - budget)
            assert f"${row.over_budget_usd:,.0f}" in row.reason


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(st.floats(0.7, 1.0), st.floats(0.8, 1.0))
def test_tighter_targets_never_make_a_plan_cheaper(ttft, tpot):
    tight = dataclasses.replace(SMALL, ttft_ms=SMALL.ttft_ms * ttft, tpot_ms=SMALL.tpot_ms * tpot)
    loose, strict = made(), made(tight)
    assert strict.recommended is None or strict.recommended.usd >= loose.recommended.usd


@pytest.mark.slow
def test_a_design_that_fails_its_simulation_is_never_recommended():
    """With every answer three times as late on what has two GPUs, those fail with numbers and the others stay."""

    def simulate(load, design, *, seed=0):
        run = default_simulate(load, design, seed=seed)
        late = 3.0 if "2 x" in design.engine.name else 1.0
        return dataclasses.replace(run, ttft_s=run.ttft_s * late, tpot_s=run.tpot_s * late)

    found = made(dataclasses.replace(SMALL, ttft_ms=100, tpot_ms=70), simulate=simulate)
    failed = [row for row in found.rows if row.status == "failed"]
    assert failed
    for row in failed:
        assert row.candidate.gpus == 2
        assert re.match(r"failed its own simulation: .* \d[\d,.]* ms of \d", row.reason)
    assert found.recommended is None or found.recommended.candidate.gpus == 1


def test_nothing_feasible_names_the_nearest_miss():
    poor = made(dataclasses.replace(SMALL, budget_usd=1))
    assert poor.recommended is None
    assert poor.nearest_miss.status == "over budget"
    assert poor.nearest_miss.over_budget_usd == min(
        row.over_budget_usd for row in poor.rows if row.status == "over budget"
    )
    slow = made(dataclasses.replace(SMALL, tpot_ms=1))
    assert slow.recommended is None
    # Two GPUs read the weights in half the time, and the A10G has the larger bandwidth.
    assert slow.nearest_miss.candidate.name == "bf16 on 2 x a10g"


def test_the_rest_is_listed_as_not_simulated():
    found = made(effort=dataclasses.replace(EFFORT, most_simulated=1))
    assert [row.status for row in found.rows].count("feasible") == 1
    others = [row for row in found.rows if row.status == "not simulated"]
    assert others
    assert all(re.search(r"costs \d\.\d\d times", row.reason) for row in others)


def test_regions_are_sized_for_their_own_peaks():
    whole = made().recommended
    split = made(dataclasses.replace(SMALL, region_shares=(0.5, 0.3, 0.2))).recommended
    assert len(split.regions) == 3
    assert [one.rate for one in split.regions] == pytest.approx([SMALL.peak_rate * x for x in (0.5, 0.3, 0.2)])
    # Every region has a spare of its own and pools less.
    assert split.replicas >= whole.replicas
    assert split.largest is split.regions[0]


@pytest.mark.slow
def test_a_plan_is_the_same_again_whatever_runs_beside_it():
    one, two = (made(effort=dataclasses.replace(DAYS, threads=threads), wanted=TINY) for threads in (1, 2))
    assert one.rows == two.rows


def test_a_day_has_the_mean_of_the_question_and_its_peak_in_the_busy_hours():
    wanted = Requirements()
    profile = rate_of_day(wanted, wanted.mean_rate, np.random.default_rng(0))
    day = profile.split([86_400.0])
    assert day.cumulative[np.searchsorted(day.edges, 86_400.0)] / 86_400 == pytest.approx(wanted.mean_rate, rel=0.02)
    busy = [rate for at, rate in zip(day.edges, day.left, strict=False) if 10 * 3600 < at < 18 * 3600]
    assert max(busy) == pytest.approx(wanted.peak_rate, rel=0.01)
    assert day.at(3 * 3600) < wanted.mean_rate
    assert busy_hours(wanted) == (8.5, 19.5)
    assert busy_hours(dataclasses.replace(wanted, busy_share=0.9, busy_hours=18)) is None


@pytest.mark.parametrize("turns", [1, 4])
def test_the_days_requests_come_at_the_mean_rate(turns):
    load = day_of(dataclasses.replace(TINY, turns=turns), TINY.mean_rate, 1)
    inside = ((load.arrived >= WARM_S) & (load.arrived < 86_400)).sum()
    assert load.horizon_s == 86_400 + WARM_S
    assert inside / (86_400 - WARM_S) == pytest.approx(TINY.mean_rate, rel=0.06)


def test_a_cold_start_is_machine_image_weights_and_warm_up():
    wanted = Requirements()
    assert cold_start_s(wanted, "bf16") == pytest.approx(120 + 60 + 141.1 / 2 + 60, rel=1e-3)
    assert cold_start_s(wanted, "fp8") < cold_start_s(wanted, "bf16")


def candidate_of(wanted):
    return next(one for one in candidates(wanted, engine_for) if one.engine is not None)


def test_an_autoscaled_day_costs_less_than_the_peaks_fleet_and_meets_the_targets():
    found = made(TINY, DAYS)
    rows = [row for row in found.feasible if row.day]
    assert len(rows) == 2
    for row in rows:
        assert row.day.fault == ""
        assert row.day.window.met
        assert row.usd == min(row.day.usd_month, row.peak_usd)
        assert row.day.usd_month == pytest.approx(row.day.replica_hours / 24 * 730 * row.candidate.usd_per_hour)
        assert row.day.low <= row.day.high


def test_a_day_that_misses_is_not_what_the_plan_costs():
    """The whole day is shed; the peak is not."""

    def simulate(load, design, *, seed=0):
        run = default_simulate(load, design, seed=seed)
        if load.horizon_s > 86_400:
            run = dataclasses.replace(run, outcome=np.ones_like(run.outcome))
        return run

    row = made(TINY, dataclasses.replace(DAYS, days=1), simulate=simulate).recommended
    assert row.day.fault.startswith("its autoscaled day missed answered 0.00% of 99.90%")
    assert row.day.simulations == len(WAYS)
    assert row.usd == row.peak_usd


def test_the_autoscaler_keeps_room_for_a_burst_and_for_what_may_be_gone():
    wanted = dataclasses.replace(SMALL, survive="zone")
    one = candidate_of(wanted)
    found = size(one.engine, wanted, wanted.peak_rate, effort=EFFORT)
    target = target_in_flight(one.engine, wanted, found, 1.0)
    assert 0 < target < found.window.in_flight * found.survivors / found.replicas
    calm = dataclasses.replace(wanted, burst=1.0)
    assert target_in_flight(one.engine, calm, found, 1.0) > target
    assert target_in_flight(one.engine, wanted, found, 0.5) < target


@pytest.mark.slow
def test_a_fleet_by_the_clock_is_up_before_the_busy_hours():
    """The first two ways are made to miss; the third has the peak's fleet up a cold start before half past eight."""
    seen = []

    def simulate(load, design, *, seed=0):
        scaling = design.regions[0].scaling
        seen.append(scaling)
        hours = np.ones(1)
        late = 1.0 if scaling.schedule else np.inf
        n = load.requests
        return SimpleNamespace(
            outcome=np.zeros(n), ttft_s=np.full(n, 0.1 * late), tpot_s=np.full(n, 0.01), e2e_s=np.full(n, 1.0),
            replica_hours=20.0, timeline={"paid": hours},
        )  # fmt: skip

    busy = dataclasses.replace(TINY, users=400_000)
    one = candidate_of(busy)
    found = size(one.engine, busy, busy.peak_rate, effort=EFFORT)
    day = autoscaled_day(one.engine, busy, found, dtype="bf16", effort=EFFORT, simulate=simulate)
    assert (day.way, day.busy, day.fault) == ("by the clock", (8.5, 19.5), "")
    (start, most), (end, least) = seen[-1].schedule
    assert start == pytest.approx(8.5 * 3600 - cold_start_s(TINY, "bf16"))
    assert (most, end, least) == (seen[-1].most, 19.5 * 3600, 1)
    assert seen[0].target_in_flight > seen[1].target_in_flight


def test_a_day_of_regions_costs_in_proportion():
    two = dataclasses.replace(TINY, region_shares=(0.5, 0.5))
    row = next(r for r in made(two).feasible)
    lived = with_day(two, row, EFFORT, 0)
    alone = autoscaled_day(row.candidate.engine, two, row.largest, dtype=row.candidate.dtype, effort=EFFORT)
    assert lived.day.usd_month == pytest.approx(2 * alone.replica_hours / 24 * row.candidate.usd_per_hour * 730)


def test_what_is_asked_of_the_simulator_is_what_it_gives():
    """The planner reads these of a run; a fleet of the real simulator must have them."""
    load = day_of(TINY, TINY.mean_rate, 1)
    run = default_simulate(load, FleetDesign.one(candidate_of(TINY).engine, 2))
    assert isinstance(run, FleetRun)
    for name in ("outcome", "ttft_s", "tpot_s", "e2e_s"):
        assert getattr(run, name).shape == load.arrived.shape
    assert run.timeline["paid"].size
    assert run.replica_hours == pytest.approx(2 * load.horizon_s / 3600, rel=0.01)
