"""What a fleet does: routing, shedding, retries, scaling, outages, regions and the bill, in cases worked by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from reference.sizing.engine_model.model import EngineLimits, EngineModel, StepTime
from reference.sizing.evidence import Derived
from reference.sizing.fleet.design import Admission, Autoscaling, FleetDesign, Outage, Region, Retry, Routing
from reference.sizing.fleet.engine import simulate_engine
from reference.sizing.fleet.simulate import simulate
from reference.sizing.fleet.workload import Workload

# A prompt token and an answer token cost one step of 10 ms each, whatever else runs: 1 + 99 steps are a second.
LIMITS = EngineLimits(4, 1024, 100_000, 4096)
SECOND = EngineModel("1 s a request", StepTime((1,), (0.01,)), LIMITS, Derived("test"))
N_OUT = 100


def one(replicas: int = 1, engine: EngineModel = SECOND, **more: object) -> FleetDesign:
    return FleetDesign.one(engine, replicas, **more)


def steady(rate: float, seconds: float, **more: object) -> Workload:
    at = np.arange(0.003, seconds, 1 / rate)
    return Workload.of(at, 10, N_OUT, **({"horizon_s": seconds} | more))  # type: ignore[arg-type]


def test_a_fleet_of_one_is_the_engine() -> None:
    random = np.random.default_rng(1)
    workload = Workload.of(np.cumsum(random.exponential(0.3, 300)), random.integers(1, 2000, 300),
                           random.integers(1, 300, 300), shared=0)  # fmt: skip
    engine = replace(SECOND, step=StepTime((1, 1000), (0.01, 0.05), kv_s=1e-7), overhead_s=0.02)
    fleet, alone = simulate(workload, one(engine=engine)), simulate_engine(workload, engine)
    assert np.allclose(fleet.e2e_s, alone.e2e_s, rtol=1e-6)
    assert np.allclose(fleet.ttft_s, alone.ttft_s, rtol=1e-6)
    assert (fleet.outcome == 0).all()
    assert fleet.answered == 1


@pytest.mark.parametrize("policy", ["round-robin", "least-loaded"])
def test_taking_turns_spreads_requests_evenly(policy: str) -> None:
    run = simulate(steady(30, 20), one(10, routing=Routing(policy)))  # type: ignore[arg-type]
    assert run.most_running <= 4
    assert run.percentile("ttft", 100) <= 0.02 + 1e-6
    assert run.percentile("e2e", 50) == pytest.approx(1.0, abs=0.02)


def test_prefix_aware_routing_finds_the_history_and_gives_way_to_load() -> None:
    turns = np.arange(200)
    session = turns % 20
    workload = Workload.of(turns * 0.5, 500, 20, session=session, history=np.where(turns >= 20, 400, 0))
    hits = {
        policy: int(simulate(workload, one(8, routing=Routing(policy))).hit_tokens.sum())  # type: ignore[arg-type]
        for policy in ("prefix-aware", "random")
    }
    assert hits["prefix-aware"] == 180 * 400
    assert hits["random"] < 0.4 * hits["prefix-aware"]
    # One session sends everything: without slack it is spread once its replica has more than 1.5 times the mean.
    crowd = Workload.of(np.arange(200) * 0.05, 500, N_OUT, session=0, history=400)
    stuck = simulate(crowd, one(8, routing=Routing("prefix-aware", slack=100_000)))
    spread = simulate(crowd, one(8, routing=Routing("prefix-aware", slack=2)))
    assert spread.percentile("ttft", 99) < stuck.percentile("ttft", 99) / 3
    assert stuck.most_running == 4


def test_shedding_turns_away_at_once_and_retries_come_back_after_the_pause() -> None:
    burst = Workload.of(np.full(10, 1.0), 10, N_OUT, horizon_s=20.0)
    shed = simulate(burst, one(admission=Admission(in_flight_limit=4)))
    assert (shed.outcome == 1).sum() == 6
    assert math.isnan(float(shed.ttft_s[9]))
    again = simulate(
        burst, one(admission=Admission(in_flight_limit=4), retry=Retry(attempts=3, backoff_s=1.5, jitter=0.0))
    )
    # The second tries come at 2.5 s, when the first four are done; the third ones 3 s later.
    assert sorted(again.attempts.tolist()) == [1] * 4 + [2] * 4 + [3] * 2
    assert (again.outcome == 0).all()
    assert again.ttft_s[again.attempts == 2] == pytest.approx(1.5 + 0.01, abs=0.011)
    assert again.ttft_s[again.attempts == 3] == pytest.approx(4.5 + 0.01, abs=0.011)


def test_a_retry_budget_ends_the_tries() -> None:
    burst = Workload.of(1.0 + np.arange(100) * 1e-4, 10, N_OUT, horizon_s=20.0)
    some = simulate(burst, one(admission=Admission(in_flight_limit=4), retry=Retry(attempts=2, budget=0.1)))
    assert (some.attempts == 2).sum() <= 10
    assert (some.attempts == 2).sum() >= 8
    free = simulate(burst, one(admission=Admission(in_flight_limit=4), retry=Retry(attempts=2)))
    assert (free.attempts == 2).sum() == 96


def test_jitter_draws_the_pause_between_its_bounds() -> None:
    burst = Workload.of(1.0 + np.arange(2000) * 1e-5, 1, 1, horizon_s=20.0)
    fast = replace(SECOND, limits=EngineLimits(2000, 4096, 100_000, 4096))
    retry = Retry(attempts=2, backoff_s=4.0, jitter=0.5)
    run = simulate(burst, one(engine=fast, admission=Admission(in_flight_limit=1), retry=retry))
    pause = run.ttft_s[(run.outcome == 0) & (run.attempts == 2)]
    assert pause.size > 100
    assert 1.95 < pause.min() < 2.3
    assert 3.7 < pause.max() < 4.05


def test_work_for_nobody_slows_those_who_come_after() -> None:
    workload = steady(6, 30)  # 1.5 times what the replica does
    retry = Retry(attempts=1, timeout_s=2.0)
    cancelled, zombies = (simulate(workload, one(retry=replace(retry, cancels=c))) for c in (True, False))
    assert cancelled.timed_out > 0.1
    assert cancelled.answered > zombies.answered + 0.2
    assert cancelled.percentile("ttft", 100) <= 2.0 + 1e-6
    assert cancelled.tokens_out == (cancelled.outcome == 0).sum() * N_OUT
    assert zombies.tokens_out == workload.requests * N_OUT, "all of it is computed, for nobody"


def test_after_a_burst_retries_keep_an_overload_alive_that_would_have_ended() -> None:
    at = np.sort(np.concatenate([np.arange(0.003, 120, 1 / 3.4), np.full(30, 10.0)]))  # 85 % of what the replica does
    workload = Workload.of(at, 10, N_OUT)
    calm, storm = (simulate(workload, one(retry=Retry(tries, 2.0, cancels=False, backoff_s=0.2))) for tries in (1, 4))
    late = at > 80
    assert (calm.outcome[late] == 0).all()
    assert (storm.outcome[late] == 0).mean() < 0.3
    assert storm.tokens_out > calm.tokens_out


def test_a_fixed_fleet_is_paid_to_the_horizon_with_its_warm_pool() -> None:
    scaling = replace(Autoscaling.fixed(3), warm_pool=2)
    design = FleetDesign(SECOND, (Region("one", scaling),), usd_per_replica_hour=4.0)
    run = simulate(steady(1, 30, horizon_s=7200.0), design)
    assert run.replica_hours == pytest.approx(5 * 2)
    assert run.usd == pytest.approx(40)


def test_the_autoscaler_starts_what_is_wanted_after_its_cold_start_and_drains_what_is_not() -> None:
    scaling = Autoscaling(1, 6, target_in_flight=2, every_s=5, down_after_s=60, cold_start_s=20)
    workload = steady(8, 200, horizon_s=600.0)  # 8 in flight: 4 replicas
    run = simulate(workload, FleetDesign(SECOND, (Region("one", scaling),)))
    looks = run.timeline
    up = looks["second"][np.argmax(looks["paid"] > 1)]
    assert up == 5
    assert looks["second"][np.argmax(looks["ready"] > 1)] == up + 20
    late = (looks["second"] > 150) & (looks["second"] < 195)
    assert set(looks["paid"][late]) == {4}
    assert looks["paid"][looks["second"] <= 600][-1] == 1
    assert looks["second"][looks["paid"] > 1].max() == 260, "down_after_s behind the last look that wanted more"
    assert run.replica_hours * 3600 == pytest.approx(float(looks["paid"][looks["second"] < 600].sum()) * 5, rel=0.01)


def test_a_warm_pool_shortens_the_start_and_fills_up_again() -> None:
    common = {"target_in_flight": 2, "every_s": 5, "cold_start_s": 60}
    cold, warm = (
        simulate(steady(8, 100), FleetDesign(SECOND, (Region("one", Autoscaling(1, 6, warm_pool=w, warm_start_s=2,
                                                                               **common)),)))  # type: ignore[arg-type]
        for w in (0, 3)
    )  # fmt: skip
    assert warm.percentile("ttft", 99) < cold.percentile("ttft", 99) / 3
    assert warm.timeline["paid"][0] == 4
    assert warm.timeline["ready"][1:3].tolist() == [1, 4], "the look at 5 s takes three, at 7 s they are ready"
    assert warm.timeline["paid"][1] == 1 + 5 + 3, "five for traffic, three of them warm, and three for the pool"


def test_a_schedule_raises_the_floor_by_the_clock() -> None:
    scaling = Autoscaling(1, 9, every_s=10, down_after_s=0, cold_start_s=30, schedule=((100.0, 5), (300.0, 2)))
    looks = simulate(steady(0.1, 400), FleetDesign(SECOND, (Region("one", scaling),))).timeline
    ready = dict(zip(looks["second"].tolist(), looks["ready"].tolist(), strict=True))
    assert (ready[90.0], ready[120.0], ready[140.0], ready[290.0], ready[310.0]) == (1, 1, 5, 5, 2)


def test_what_drains_takes_nothing_new_and_is_paid_until_it_is_empty() -> None:
    scaling = Autoscaling(1, 2, target_in_flight=100, every_s=5, down_after_s=0, schedule=((0.0, 2), (10.0, 1)))
    slow = Workload.of([9.0, 9.1], 10, 3000, horizon_s=15.0)  # 30 s of work on each
    run = simulate(slow, FleetDesign(SECOND, (Region("one", scaling),)))
    assert run.e2e_s == pytest.approx(np.full(2, 30.0), abs=0.02)
    assert run.replica_hours * 3600 == pytest.approx(15 + 39, abs=0.2), "one to the horizon, one until it is empty"


def test_an_outage_loses_work_which_is_sent_again_or_fails() -> None:
    workload = steady(2, 60)
    outage = (Outage(20.0, 10.0, "replica", 0),)
    lost = simulate(workload, one(2, outages=outage))
    assert lost.lost_tries == (lost.outcome == 3).sum() == 1
    again = simulate(workload, one(2, outages=outage, retry=Retry(attempts=2, backoff_s=0.1)))
    assert (again.outcome == 0).all()
    assert (again.attempts == 2).sum() == 1
    hit = int(np.argmax(again.attempts))
    assert 19 < workload.arrived[hit] < 20
    assert again.ttft_s[hit] > 20 - workload.arrived[hit]


def test_a_fixed_fleet_replaces_a_lost_replica_after_a_cold_start_without_waiting_for_a_look() -> None:
    scaling = replace(Autoscaling.fixed(2), cold_start_s=45.0, every_s=10.0)
    run = simulate(steady(1, 120), FleetDesign(SECOND, (Region("one", scaling),), outages=(Outage(31, 5, "replica"),)))
    ready = dict(zip(run.timeline["second"].tolist(), run.timeline["ready"].tolist(), strict=True))
    assert (ready[30.0], ready[40.0], ready[70.0], ready[80.0]) == (2, 1, 1, 2)
    assert run.replica_hours * 3600 == pytest.approx(2 * 120)


def test_a_zone_that_is_gone_is_replaced_in_the_others() -> None:
    scaling = replace(Autoscaling.fixed(6), cold_start_s=40.0, every_s=1.0)
    design = FleetDesign(SECOND, (Region("one", scaling, zones=3),), outages=(Outage(30, 60, "zone", 1),))
    run = simulate(steady(1, 200), design)
    ready = dict(zip(run.timeline["second"].tolist(), run.timeline["ready"].tolist(), strict=True))
    assert (ready[29.0], ready[31.0], ready[69.0], ready[71.0], ready[199.0]) == (6, 4, 4, 6, 6)


def test_a_region_that_is_gone_spills_and_comes_back_cold() -> None:
    scaling = replace(Autoscaling.fixed(2), cold_start_s=40.0, every_s=1.0)
    regions = (Region("a", scaling, spill_to=("b",)), Region("b", scaling, rtt_s=0.3))
    outage = (Outage(30, 60, "region", 0),)
    workload = steady(1, 200)
    run = simulate(workload, FleetDesign(SECOND, regions, outages=outage, retry=Retry(attempts=2, backoff_s=0.0)))
    assert (run.outcome == 0).all()
    away = run.served_by == 1
    assert workload.arrived[away].min() == pytest.approx(30, abs=1.01)
    assert workload.arrived[away].max() == pytest.approx(90 + 40, abs=1.01)
    assert run.ttft_s[away].min() >= 0.3
    assert run.ttft_s[~away].max() < 0.05
    alone = simulate(workload, FleetDesign(SECOND, (Region("a", scaling),), outages=outage))
    assert alone.failed == pytest.approx(100 / 200, abs=0.02)


def test_a_region_with_too_much_in_flight_spills() -> None:
    fixed = Autoscaling.fixed(1)
    regions = (Region("a", fixed, spill_to=("b",), spill_above=4), Region("b", fixed))
    run = simulate(steady(6, 30), FleetDesign(SECOND, regions))
    assert 0.1 < (run.served_by == 1).mean() < 0.5
    assert run.percentile("ttft", 99) < 1


def test_percentiles_and_windows_count_what_arrived_in_them() -> None:
    workload = Workload.of([1.0, 2.0, 61.0, 62.0, 63.0], 10, [1, 50, 100, 100, 100], horizon_s=180.0)
    run = simulate(workload, one(2))
    found = run.by_window(60)
    assert found["arrivals"].tolist() == [2, 3, 0]
    assert found["answered"].tolist() == [2, 3, 0]
    assert found["paid"].tolist() == [2, 2, 2]
    assert math.isnan(found["ttft_p50"][2])
    assert run.percentile("e2e", 50, 60, 120) == pytest.approx(1.0, abs=0.001)
    assert run.percentile("e2e", 100, 0, 60) == pytest.approx(0.5, abs=0.001)
    assert math.isnan(run.percentile("ttft", 50, 100))
    with pytest.raises(ValueError, match="metric"):
        run.percentile("speed", 50)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="percent"):
        run.percentile("ttft", 101)
    with pytest.raises(ValueError, match="seconds"):
        run.by_window(0)


@pytest.mark.slow
def test_the_evidence_names_the_point_of_validation() -> None:
    run = simulate(steady(1, 10), one(), seed=7)
    assert run.evidence.seed == 7
    assert "Erlang C" in run.evidence.validation
    assert "SIMULATED" in run.evidence.markdown()


def test_bad_input_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="region of a request"):
        simulate(steady(1, 10, region=1), one())
    with pytest.raises(ValueError, match=r"outages\[0\]"):
        simulate(steady(1, 10), one(2, outages=(Outage(1, 1, "replica", 2),)))
    with pytest.raises(ValueError, match="max_model_len"):
        simulate(Workload.of([0.0], 4090, 10), one())


def test_an_empty_workload_is_a_fleet_that_waits() -> None:
    run = simulate(Workload.of([], [], [], horizon_s=3600.0), one(2))
    assert run.replica_hours == pytest.approx(2)
    assert math.isnan(run.answered)
