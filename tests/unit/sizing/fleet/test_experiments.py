"""Experiments with fleets: what they compare is compared on the same arrivals, and what they search for is found."""

import dataclasses
import threading

import numpy as np
import pytest

from reference.sizing.claims.q1.assumptions import Q1Assumptions
from reference.sizing.claims.q1.day import conversations, day_traffic, month_of, zone_lost
from reference.sizing.engine_model.model import EngineLimits, EngineModel, StepTime
from reference.sizing.evidence import Cited
from reference.sizing.fleet.design import Autoscaling, FleetDesign, Outage, Region
from reference.sizing.fleet.experiments import (
    compare_routing,
    fewest_replicas,
    retry_policies,
    retry_storm,
    side_by_side,
    summary,
)
from reference.sizing.fleet.simulate import simulate
from reference.sizing.fleet.workload import Workload
from reference.sizing.units import Q

ENGINE = EngineModel(
    "test", StepTime((1, 64), (0.02, 0.04)), EngineLimits(16, 256, 40_000, 4096, 16), Cited("made for a test")
)


def traffic(rate: float, seconds: float, seed: int = 0) -> Workload:
    random = np.random.default_rng(seed)
    at = np.sort(random.uniform(0, seconds, random.poisson(rate * seconds)))
    sessions = random.integers(0, max(1, at.size // 4), at.size)
    return Workload.of(at, 300, random.integers(10, 60, at.size), session=sessions, shared=64, history=128,
                       horizon_s=seconds)  # fmt: skip


def test_fleets_side_by_side_are_those_one_after_the_other_and_keep_their_names(monkeypatch):
    cases = {f"{n} replicas": (traffic(20, 30, seed=n), FleetDesign.one(ENGINE, n)) for n in (2, 3, 4)}
    both = threading.Barrier(2, timeout=60)  # breaks unless two simulations are under way at once

    def met(workload, design, *, seed):
        if design.regions[0].scaling.most != 4:
            both.wait()
        return simulate(workload, design, seed=seed)

    monkeypatch.setattr("reference.sizing.fleet.experiments.simulate", met)
    runs = side_by_side(cases, seed=3)
    assert list(runs) == list(cases)
    for name, (workload, design) in cases.items():
        alone = simulate(workload, design, seed=3)
        assert runs[name].ttft_s.tobytes() == alone.ttft_s.tobytes()
        assert runs[name].served_by.tobytes() == alone.served_by.tobytes()


def test_every_policy_answers_the_same_requests_and_following_the_cache_finds_most_in_it():
    rows = compare_routing(traffic(20, 60), FleetDesign.one(ENGINE, 4))
    assert {row["run"].workload.requests for row in rows} == {rows[0]["run"].workload.requests}
    assert all(row["run"].answered == 1 for row in rows)
    hits = {row["name"]: row["hit_share"] for row in rows}
    assert hits["prefix-aware"] == max(hits.values())
    assert hits["prefix-aware"] > hits["random"] + 0.05


def test_work_that_goes_on_for_nobody_costs_answers_and_a_budget_bounds_the_tries():
    region = Region("one", Autoscaling(3, 3, cold_start_s=5.0))
    fleet = FleetDesign(ENGINE, (region,), outages=(Outage(30, 20, "zone", 0),))
    runs = retry_storm(traffic(24, 150), fleet, 3.0)
    naive, careful = runs["retry at once, work goes on"], runs["the same, with a retry budget of 10 %"]
    assert naive.answered < careful.answered
    assert naive.attempts.mean() > careful.attempts.mean()
    assert set(runs) == set(retry_policies(3.0))


def test_the_fewest_replicas_are_good_and_one_less_is_not():
    load = traffic(25, 40)

    def good(run) -> bool:
        return run.percentile("ttft", 95) < 0.5

    def design(replicas: int) -> FleetDesign:
        return FleetDesign.one(ENGINE, replicas)

    found, run = fewest_replicas(design, load, good)
    assert good(run)
    assert found > 1
    from reference.sizing.fleet.simulate import simulate

    assert not good(simulate(load, design(found - 1)))


def test_a_target_that_no_number_of_replicas_meets_is_said_to_be_none():
    with pytest.raises(ValueError, match="8 replicas are not enough"):
        fewest_replicas(lambda n: FleetDesign.one(ENGINE, n), traffic(1, 20), lambda run: False, high=8)
    with pytest.raises(ValueError, match="low and high"):
        fewest_replicas(lambda n: FleetDesign.one(ENGINE, n), traffic(1, 20), lambda run: True, low=4, high=2)


def test_what_was_refused_or_lost_is_not_in_time():
    load = traffic(5, 20)
    run = fewest_replicas(lambda n: FleetDesign.one(ENGINE, n), load, lambda run: True)[1]
    lost = dataclasses.replace(run, ttft_s=np.where(np.arange(run.ttft_s.size) % 2 == 0, run.ttft_s, np.nan))
    told = summary(lost, 1e9)
    assert told["in time"] == pytest.approx(np.ceil(run.ttft_s.size / 2) / run.ttft_s.size)


def test_question_1s_conversations_have_the_assumed_mean_prompt_and_turns():
    a = Q1Assumptions(daily_users=Q(20_000, "user"))
    day = day_traffic(a, hours=24.0)
    assert day.n_in.mean() == pytest.approx(1155, rel=0.05)
    assert day.n_out.mean() == pytest.approx(211, rel=0.05)
    assert (day.shared == 500).all()
    assert conversations(a).turns_mean == 5
    # 80 % of the messages fall into ten hours, and conversations that began in them run a little over.
    busy = ((day.arrived >= 9 * 3600) & (day.arrived < 19 * 3600)).mean()
    assert busy == pytest.approx(0.8, abs=0.03)


def test_a_lost_zone_is_in_the_busy_hours_and_a_month_is_a_twelfth_of_a_year():
    outage = zone_lost()
    assert outage.scope == "zone"
    assert 9 * 3600 < outage.start_s < 19 * 3600
    assert month_of(24.0) == 730
