"""The simulated job fleet: held to the queue formula, to conservation of work, and to every job ending once."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.sizing.inference_modes.fleet_simulation import (
    FleetPlan,
    Scaling,
    Spot,
    draw,
    simulate_fleet,
    validation_point,
)
from reference.sizing.pipeline import ServiceTime
from reference.sizing.pipeline_simulation import Arrivals
from reference.sizing.queueing import erlang_c


def poisson(rate: float, jobs: int, mean: float, seed: int = 1):
    random = np.random.default_rng(seed)
    return np.cumsum(random.exponential(1 / rate, jobs)), random.exponential(mean, jobs)


def plan(scaling: Scaling, slots: int = 4, spot: Spot | None = None, **rest) -> FleetPlan:
    return FleetPlan("test", slots, 6.0, scaling, spot, **rest)


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "slots", "utilisation"), [(1, 1, 0.5), (2, 4, 0.7), (5, 2, 0.85)])
def test_a_fixed_fleet_waits_as_erlang_c_says(workers: int, slots: int, utilisation: float) -> None:
    servers = workers * slots
    rate = utilisation * servers
    at, work = poisson(rate, 150_000, 1.0)
    run = simulate_fleet(at, work, plan(Scaling.fixed(workers, every_s=1e5), slots), warm_up=0.05)
    exact = erlang_c(rate, servers) / (servers - rate)
    assert run.wait.mean() == pytest.approx(exact, rel=0.08)
    assert (run.wait > 0).mean() == pytest.approx(erlang_c(rate, servers), rel=0.05)
    assert run.utilisation == pytest.approx(utilisation, rel=0.03)


def test_one_line_and_many_slots_are_one_queue_whoever_has_the_slots() -> None:
    at, work = poisson(6.0, 5_000, 1.0)
    one = simulate_fleet(at, work, plan(Scaling.fixed(1, every_s=1e5), 8))
    eight = simulate_fleet(at, work, plan(Scaling.fixed(8, every_s=1e5), 1))
    assert one.finished == pytest.approx(eight.finished)


def test_a_fleet_without_jobs_costs_its_least() -> None:
    run = simulate_fleet([], [], plan(Scaling(2, 9)), horizon_s=7200.0)
    assert run.usd == pytest.approx(2 * 2 * 6.0)
    assert math.isinf(run.usd_per_1000)
    assert simulate_fleet([], [], plan(Scaling(0, 9)), horizon_s=7200.0).usd == 0


def test_a_fleet_at_zero_starts_cold_and_ends_at_zero() -> None:
    rule = Scaling(0, 3, target_wait_s=10.0, every_s=5.0, cold_start_s=100.0, down_after_s=60.0)
    run = simulate_fleet([12.0], [30.0], plan(rule), horizon_s=1000.0)
    assert run.started[0] == pytest.approx(115.0)  # the look at 15 s, then the start
    assert run.starts == 1
    assert run.history[-1][1] == 0
    # The want of the last look with a job in it (145 or before) counts for 60 s.
    assert 145 + 60 - 15 <= run.worker_s <= 145 + 60 - 15 + 2 * 5


def test_a_spot_worker_is_paid_at_its_share_of_the_price() -> None:
    at, work = poisson(2.0, 500, 1.0)
    full = simulate_fleet(at, work, plan(Scaling.fixed(2)))
    spot = simulate_fleet(at, work, plan(Scaling.fixed(2), spot=Spot(0.0, 0.3)))
    assert spot.usd == pytest.approx(0.3 * full.usd)
    assert spot.interrupted == 0
    assert spot.finished == pytest.approx(full.finished)


def test_a_lost_worker_s_jobs_come_back_after_the_lease_and_run_again() -> None:
    rule = Scaling.fixed(1, every_s=1.0, cold_start_s=2.0)
    run = simulate_fleet([0.0], [10.0], plan(rule, redeliver_s=12.0), losses=[4.0])
    assert run.attempts.tolist() == [2]
    assert run.wasted_s == pytest.approx(4.0)
    assert run.finished[0] == pytest.approx(4.0 + 12.0 + 10.0)
    assert run.started[0] == 0.0


def test_notice_lets_short_jobs_end_and_loses_the_long_ones() -> None:
    at, work = poisson(1.0, 3_000, 5.0)
    rule = Scaling(1, 20, target_wait_s=20.0, every_s=5.0, cold_start_s=10.0)
    runs = {n: simulate_fleet(at, work, plan(rule, spot=Spot(20.0, 0.4, n), max_attempts=50)) for n in (0.0, 3.0, 60.0)}
    assert runs[0.0].run_twice > runs[3.0].run_twice > runs[60.0].run_twice == 0
    assert runs[60.0].interrupted > 20


def test_a_job_that_always_loses_its_worker_is_given_up_and_counts_as_late() -> None:
    rule = Scaling.fixed(1, every_s=1.0)
    run = simulate_fleet([0.0], [100.0], plan(rule, redeliver_s=1.0, max_attempts=3), losses=list(range(10, 400, 10)))
    assert run.given_up.tolist() == [True]
    assert run.attempts.tolist() == [3]
    assert run.late_share(1e9) == 1.0
    assert run.work_s == 0.0


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.floats(0, 300), st.floats(0.01, 40)), max_size=60), st.integers(0, 2), st.integers(1, 5),
    st.integers(1, 4), st.floats(0, 400), st.sampled_from([0.0, 5.0, 60.0]), st.floats(0, 30), st.integers(0, 9),
)  # fmt: skip
def test_every_job_ends_once_and_no_work_is_lost_or_made(jobs, least, more, slots, rate, notice, cold, seed):
    jobs = sorted(jobs)
    at, work = [a for a, _ in jobs], [w for _, w in jobs]
    rule = Scaling(least, least + more, target_wait_s=20.0, every_s=3.0, cold_start_s=cold, down_after_s=15.0)
    run = simulate_fleet(
        at, work, plan(rule, slots, Spot(rate, 0.5, notice), max_attempts=6), horizon_s=60.0, seed=seed
    )
    assert run.jobs == len(jobs)
    assert np.isfinite(run.finished).all()
    assert (run.attempts >= 1).all()
    assert (run.attempts <= 6).all()
    good = ~run.given_up
    assert (run.started >= run.arrived).all()
    assert (run.finished[good] >= run.started[good] + np.array(work)[good] - 1e-9).all()
    # The slots that were paid for hold all the work, that which counted and that which was thrown away.
    assert run.work_s == pytest.approx(np.array(work)[good].sum()) if jobs else run.work_s == 0
    assert run.work_s + run.wasted_s <= run.worker_s * slots + 1e-6
    points = [*run.history, (run.ended_s, 0)]
    area = sum(count * (until - since) for (since, count), (until, _) in itertools.pairwise(points))
    assert run.worker_s == pytest.approx(area, abs=1e-6)
    assert run.ended_s >= max([run.horizon_s, *run.finished.tolist()]) - 1e-9
    again = simulate_fleet(at, work, run.plan, horizon_s=60.0, seed=seed)
    assert again.finished.tolist() == run.finished.tolist()


def test_more_workers_never_make_the_fixed_fleet_slower() -> None:
    at, work = poisson(6.0, 3_000, 1.0)
    totals = [simulate_fleet(at, work, plan(Scaling.fixed(n, every_s=1e5), 2)).total.mean() for n in (4, 5, 7, 12)]
    assert totals == sorted(totals, reverse=True)


def test_a_shorter_target_wait_waits_less_and_costs_more() -> None:
    at, work = draw(Arrivals(1.0, 5.0, 0.15, 600.0), ServiceTime.lognormal(15.0, 0.5), 6 * 3600.0, seed=2)
    runs = [
        simulate_fleet(at, work, plan(Scaling(0, 99, target, 10.0, 60.0, 120.0)), horizon_s=6 * 3600.0)
        for target in (20.0, 120.0, 600.0)
    ]
    assert [run.wait.mean() for run in runs] == sorted(run.wait.mean() for run in runs)
    assert [run.usd for run in runs] == sorted((run.usd for run in runs), reverse=True)


def test_the_service_time_does_not_move_the_arrivals() -> None:
    arrivals = Arrivals(2.0, 3.0, 0.2, 100.0)
    one, _ = draw(arrivals, ServiceTime.constant(1.0), 500.0, seed=4)
    two, work = draw(arrivals, ServiceTime.empirical([0.5, 1.5, 4.0]), 500.0, seed=4)
    assert one.tolist() == two.tolist()
    assert set(work.tolist()) <= {0.5, 1.5, 4.0}
    assert one.max() <= 500.0


def test_the_evidence_names_the_point_it_was_checked_at() -> None:
    at, work = poisson(2.0, 300, 1.0)
    run = simulate_fleet(at, work, plan(Scaling.fixed(2)))
    summary = run.evidence.summary()
    assert "from Erlang C" in summary
    assert run.evidence.badge == "SIMULATED"
    assert validation_point() in summary


@pytest.mark.parametrize(
    ("at", "work", "match"),
    [([1.0, 0.5], [1, 1], "ascending"), ([0.0], [1, 2], "one length"), ([0.0], [0.0], "positive"),
     ([float("nan")], [1.0], "ascending"), ([-1.0], [1.0], "ascending")],
)  # fmt: skip
def test_senseless_jobs_are_refused(at, work, match) -> None:
    with pytest.raises(ValueError, match=match):
        simulate_fleet(at, work, plan(Scaling.fixed(1)))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Scaling(3, 2), "least"),
        (lambda: Scaling(0, 0), "most"),
        (lambda: Scaling(0, 1, target_wait_s=0), "target_wait_s"),
        (lambda: Scaling(0, 1, cold_start_s=-1), "cold_start_s"),
        (lambda: Spot(-1, 0.5), "interruptions_per_hour"),
        (lambda: Spot(1, 0.0), "price_factor"),
        (lambda: Spot(1, 0.5, -1), "notice_s"),
        (lambda: FleetPlan("x", 0, 1.0, Scaling.fixed(1)), "slots"),
        (lambda: FleetPlan("x", 1, -1.0, Scaling.fixed(1)), "usd_per_hour"),
        (lambda: draw(Arrivals(1.0), ServiceTime.constant(1.0), 0.0), "seconds"),
    ],
)
def test_senseless_fleets_are_refused_by_field(make, match) -> None:
    with pytest.raises(ValueError, match=match):
        make()
