"""Questions 2 and 4 as fleets, and the engine model that is taken for a deployment."""

import dataclasses

import numpy as np
import pytest

from reference.sizing import accelerator, shape
from reference.sizing.claims.q1.assumptions import Q1Assumptions
from reference.sizing.claims.q1.day import REGIONS, busy_hour, follow_the_sun, storm
from reference.sizing.claims.q2.assumptions import Q2Assumptions
from reference.sizing.claims.q2.fleet import answer_fleet, answer_traffic, with_passages
from reference.sizing.claims.q4.assumptions import Q4Assumptions
from reference.sizing.claims.q4.judges import deadline, judge_days, judge_traffic, judged_in_time
from reference.sizing.engine_model.known import best_known_engine, nearest_record
from reference.sizing.engine_model.model import EngineLimits, EngineModel, StepTime
from reference.sizing.evidence import Cited, Derived, Measured
from reference.sizing.roofline import Deployment
from reference.sizing.units import Q

FAST = EngineModel(
    "test", StepTime((1, 2048), (0.007, 0.048), pair_s=1e-10), EngineLimits(128, 2048, 460_000, 8192), Cited("test")
)


def test_more_passages_never_need_fewer_replicas():
    a = dataclasses.replace(Q2Assumptions(), query_rate=Q(100, "request/s"))
    needs = [answer_fleet(with_passages(a, k), ttft_s=1.0, seconds=10, engine=FAST)[0] for k in (2, 5, 10)]
    assert needs == sorted(needs)
    assert needs[0] < needs[-1]


def test_the_prompt_of_an_answer_holds_its_passages_and_shares_only_the_instructions():
    a = Q2Assumptions()
    load = answer_traffic(a, seconds=2)
    assert (load.n_in == 300 + 32 + 5 * 512).all()
    assert (load.shared == 300).all()
    assert (load.history == 0).all()
    assert load.requests == pytest.approx(2000, abs=5 * np.sqrt(2000))


@pytest.mark.slow
def test_in_a_burst_of_posts_a_bounded_queue_judges_more_in_time_than_waiting_does():
    a = Q4Assumptions()
    runs = judge_days(a, seconds=600)
    waiting, scaled, shedding = (judged_in_time(run, deadline(a)) for run in runs.values())
    assert waiting < scaled
    assert waiting < shedding
    assert list(runs.values())[2].shed > 0
    assert [run.shed for run in list(runs.values())[:2]] == [0, 0]


def test_the_burst_of_posts_is_three_times_the_usual_rate():
    load = judge_traffic(Q4Assumptions(), seconds=600, burst=3.0, start_s=180, length_s=120)
    inside = ((load.arrived >= 180) & (load.arrived < 300)).sum() / 120
    before = (load.arrived < 180).sum() / 180
    assert inside / before == pytest.approx(3.0, rel=0.05)


def test_a_measured_deployment_is_taken_as_measured_and_another_model_from_the_same_gpu():
    measured = Deployment(shape("llama-3.1-8b"), accelerator("h100"), 1, weight_dtype="fp8")
    same = best_known_engine(measured, context=4096)
    assert isinstance(same.evidence, Measured)
    assert same.calibrated is not None
    large = Deployment(shape("llama-3.1-70b"), accelerator("h100"), 2, weight_dtype="fp8")
    learnt = best_known_engine(large, context=8192)
    assert isinstance(learnt.evidence, Derived)
    assert learnt.evidence.function.endswith("transferred")
    assert learnt.evidence.assumptions["record"] == "h100-llama-3.1-8b-fp8"
    assert learnt.calibrated is None
    # Eight times the weights on twice the bandwidth: a lone step cannot be quicker than four times.
    assert learnt.step.curve(1) > 3 * same.step.curve(1)


def test_a_gpu_without_a_record_is_taken_from_its_roofline():
    card = Deployment(shape("llama-3.1-8b"), accelerator("l4"), 1, weight_dtype="fp8")
    assert nearest_record(card) is None
    model = best_known_engine(card, context=4096, max_num_seqs=32)
    assert model.evidence.function.endswith("engine_from_deployment")
    assert model.limits.max_num_seqs == 32


@pytest.mark.slow
def test_a_busy_hour_has_the_busy_rate_and_the_storm_loses_a_zone_for_two_minutes():
    a = Q1Assumptions()
    hour, fleet = busy_hour(a, share=0.05, engine=FAST, minutes=20)
    assert hour.requests / 1200 == pytest.approx(0.05 * a.busy.to("request/s").magnitude, rel=0.1)
    scaling = fleet.regions[0].scaling
    assert scaling.least == scaling.most
    _, design, patience = storm(a, share=0.05, engine=FAST)
    assert [(o.scope, o.duration_s) for o in design.outages] == [("zone", 120.0)]
    assert patience > 0


def test_regions_have_their_shares_and_only_spill_if_they_may():
    a = Q1Assumptions()
    world, alone = follow_the_sun(a, share=0.01, engine=FAST, spill=False, lost="eu")
    counts = np.bincount(world.region, minlength=3) / world.requests
    assert counts == pytest.approx(a.region_shares, abs=0.02)
    assert all(not region.spill_to for region in alone.regions)
    assert alone.outages[0].index == [name for name, _ in REGIONS].index("eu")
    _, together = follow_the_sun(a, share=0.01, engine=FAST)
    assert all(set(region.spill_to) == {n for n, _ in REGIONS} - {region.name} for region in together.regions)
    with pytest.raises(ValueError, match="us-east, us-west, eu"):
        follow_the_sun(a, share=0.01, engine=FAST, lost="mars")
