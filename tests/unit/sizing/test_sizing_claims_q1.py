"""Question 1: every figure is there, and every verdict is computed - change an assumption and it changes."""

import dataclasses
import functools
from typing import Any

import pytest
from claim_checks import assert_complete, assert_moves

from reference.sizing import Q, accelerator, magnitude
from reference.sizing.claims import as_dataframe, claims, judge
from reference.sizing.claims.ledger import Claim
from reference.sizing.claims.q1 import Q1Assumptions, corrected_design_q1
from reference.sizing.claims.q1.design import option

pytestmark = pytest.mark.filterwarnings("ignore::reference.sizing.bands.ImplausibleWarning")
DEFAULT = {record.id: record for record in claims(1)}
designed = functools.cache(corrected_design_q1)

# What the source prints or rests on, and the assumptions under which its verdict must turn into another one.
FLIPS: dict[str, dict[str, Any]] = {
    "q1.interview-minutes": {"point_seconds_high": 20.0},
    "q1.model-sizes": {"gpus_per_instance": 8},
    "q1.messages-per-day": {"messages_per_user": Q(5, "message/user/day")},
    "q1.fleet-covers-average": {"requests_per_message": Q(2, "request/message")},
    "q1.fleet-covers-peak": {"stated_instances": 100},
    "q1.survives-a-failure": {"stated_instances": 19},
    "q1.weights-fp16": {"model": "llama-3.1-8b"},
    "q1.two-gpus-hold-it": {"gpus_per_instance": 1},
    "q1.left-for-kv": {"gpu_memory_utilization": 0.965},
    "q1.context-8k-sequences": {"gpu": "h200", "max_context": Q(1024, "token/request")},
    "q1.kv-for-500-rpm": {"gpu": "h200", "compute_efficiency": 1.0},
    "q1.throughput-500-rpm": {
        "prompt_low": Q(550, "token/request"), "prompt_high": Q(560, "token/request"), "output": Q(20, "token/request"),
        "output_low": Q(20, "token/request"),
    },
    "q1.ttft-500-ms": {"gpus_per_instance": 1, "model": "llama-3.1-8b", "max_context": Q(2048, "token/request")},
    "q1.ttft-with-8k": {"ttft_target": Q(5, "s")},
    "q1.model-has-8k": {"max_context": Q(4096, "token/request")},
    "q1.draft-model-fits": {"gpu_memory_utilization_high": 0.95},
    "q1.speculative-gain": {"acceptance": 0.0},
    "q1.instances-15-to-20": {"daily_users": Q(40_000, "user")},
    "q1.exact-cache-15-percent": {"sessions_per_user": 1.0},
    "q1.prefix-cache-3x-ttft": {"shared_prefix": Q(1000, "token/request")},
    "q1.prefix-cache-3x-request": {"output": Q(2, "token/request"), "tpot_target": Q(2, "s/token")},
    "q1.caching-saves-30-percent": {
        "output": Q(4000, "token/request"), "prefix_share_high": 0.5, "distinct_texts": 10**9,
    },
    "q1.sessions-fit-redis": {"redis_node": Q(1, "GB")},
    "q1.minimum-10": {"min_instances": 5},
    "q1.maximum-30": {"max_instances": 100},
    "q1.warm-pool-3": {"warm_pool": 200},
    "q1.autoscaler-protects-ttft": {"warm_pool": 20},
    "q1.three-regions": {"stated_instances": 60},
    "q1.hourly-cost": {"stated_price": Q(4, "USD/gpu/h")},
    "q1.monthly-cost": {"hours_per_month": 700.0},
    "q1.price-per-gpu-hour": {"stated_price": Q(2, "USD/gpu/h")},
    "q1.discounted-cost": {"discount_low": 0.4},
    "q1.infrastructure": {"egress_price": Q(0.9, "USD/GB")},
    "q1.total-cost": {"stated_infrastructure": Q(20_000, "USD")},
    "q1.within-budget": {"budget": Q(1e6, "USD")},
    "q1.cost-per-message": {"stated_discounted_cost": Q(150_000, "USD")},
}  # fmt: skip


def judged(id: str, changes: dict[str, Any]) -> Claim:
    return judge(id, dataclasses.replace(Q1Assumptions(), **changes))


def test_every_claim_has_a_test_that_flips_it() -> None:
    assert set(FLIPS) == set(DEFAULT)


@pytest.mark.parametrize("id", sorted(FLIPS))
def test_verdict_is_computed_and_turns_with_its_assumptions(id: str) -> None:
    assert judged(id, FLIPS[id]).verdict != DEFAULT[id].verdict


@pytest.mark.parametrize("id", sorted(DEFAULT))
def test_claim_is_not_a_constant(id: str) -> None:
    assert_moves(
        DEFAULT[id], Q1Assumptions(), judged, {"gpu": "l4", "model": "llama-2-70b", "region_shares": (0.9, 0.1)}
    )


@pytest.mark.parametrize("id", sorted(DEFAULT))
def test_claim_carries_figures_reason_and_evidence(id: str) -> None:
    assert_complete(DEFAULT[id])


def test_depends_flips_where_it_says() -> None:
    record = DEFAULT["q1.discounted-cost"]
    assert record.threshold == pytest.approx(1 - 50_000 / 75_600, rel=1e-4)
    just_above = judged("q1.discounted-cost", {"discount_low": record.threshold + 0.001})
    just_below = judged("q1.discounted-cost", {"discount_high": record.threshold - 0.001})
    assert (just_above.verdict, just_below.verdict) == ("holds", "does-not-hold")


def test_peak_claim_flips_at_stated_capacity_over_average() -> None:
    assert DEFAULT["q1.fleet-covers-peak"].threshold == pytest.approx(7500 / 6944.44, rel=1e-3)


def test_known_figures_of_the_source_come_out() -> None:
    assert DEFAULT["q1.weights-fp16"].computed == pytest.approx(141.1, abs=0.1)
    assert DEFAULT["q1.hourly-cost"].computed == 105
    assert DEFAULT["q1.monthly-cost"].computed == pytest.approx(105 * 730)
    assert DEFAULT["q1.fleet-covers-average"].computed == pytest.approx(1e7 / 1440, rel=1e-9)
    assert {record.verdict for record in DEFAULT.values()} == {"holds", "does-not-hold", "depends"}


def test_stated_throughput_lies_above_the_roof_of_the_hardware() -> None:
    record = DEFAULT["q1.throughput-500-rpm"]
    assert record.verdict == "does-not-hold"
    # 2 x 312 TFLOP/s over two FLOPs for each of 68.5e9 weights in the layers, at 500 a minute: tokens per request.
    assert record.threshold == pytest.approx(2 * 312e12 / (2 * 68.45e9) / (500 / 60), rel=0.02)


@pytest.mark.slow
def test_claims_are_listed_in_the_order_of_the_answer() -> None:
    ids = [record.id for record in claims(1)]
    order = [ids.index(id) for id in (
        "q1.messages-per-day", "q1.weights-fp16", "q1.exact-cache-15-percent", "q1.minimum-10", "q1.hourly-cost",
    )]  # fmt: skip
    assert order == sorted(order)
    assert list(as_dataframe(claims(1))["id"]) == ids


def test_every_assumption_says_where_it_comes_from() -> None:
    for row in Q1Assumptions().describe():
        assert row["why"]


@pytest.mark.slow
def test_corrected_design_costs_more_than_the_budget_and_says_what_would_fit() -> None:
    design = designed()
    assert not design.fits_budget
    assert design.best_large is not None
    assert design.best_small is not None
    assert design.best_small.autoscaled < design.budget < design.best_large.autoscaled < design.as_stated.autoscaled
    assert design.large_share is not None
    assert 0 < design.large_share < 1
    assert any("H200" in name and "no trustworthy price" in why for name, why in design.rejected)
    assert set(design.api) == {"gpt-4o-mini", "gpt-4o"}


def test_corrected_design_holds_its_own_targets() -> None:
    a = Q1Assumptions()
    design = designed()
    for found in (design.best_large, design.best_small):
        assert found is not None
        assert found.capacity.ttft <= a.ttft_target * (1 + 1e-6)
        assert found.capacity.tpot <= a.tpot_target * (1 + 1e-6)
        served = magnitude(found.fleet.for_load, "replica") * magnitude(found.capacity.request_rate, "request/s")
        assert served * a.utilisation_ceiling >= magnitude(a.peak, "request/s")


@pytest.mark.slow
def test_corrected_design_for_a_tenth_of_the_users_fits() -> None:
    design = corrected_design_q1(dataclasses.replace(Q1Assumptions(), daily_users=Q(1e5, "user")))
    assert design.fits_budget
    assert design.large_share == 1.0


@pytest.mark.slow
def test_unreachable_ttft_is_dropped_from_the_stated_design_and_told() -> None:
    design = corrected_design_q1(dataclasses.replace(Q1Assumptions(), prompt=Q(4000, "token/request")))
    assert not design.ttft_met
    assert any("TTFT" in why for _, why in design.rejected)


def test_supplied_price_is_used() -> None:
    a = Q1Assumptions()
    base = option(a, a.instance)
    assert base.price == accelerator("a100-80").price().usd_per_gpu_hour
    assert magnitude(base.always_on, "USD") == pytest.approx(
        magnitude(base.gpus, "gpu") * magnitude(base.price, "USD/gpu/h") * a.hours_per_month
    )


def test_design_has_a_json_form() -> None:
    import json

    document = json.loads(json.dumps(designed().to_dict()))
    assert document["best_large"]["always_on_usd"] > document["best_large"]["autoscaled_usd"]


def test_claims_about_what_cannot_be_built_do_not_hold_and_say_why() -> None:
    one_gpu = {1: dataclasses.replace(Q1Assumptions(), gpus_per_instance=1)}
    records = {record.id: record for record in claims(1, one_gpu)}
    assert len(records) == len(DEFAULT)
    broken = records["q1.left-for-kv"]
    assert (broken.verdict, broken.computed, broken.computed_text) == ("does-not-hold", None, "none")
    assert "short" in broken.reason
    assert records["q1.weights-fp16"].verdict == "holds"


def test_only_first_messages_of_sessions_can_be_in_an_exact_cache() -> None:
    of_three = judged("q1.exact-cache-15-percent", {"sessions_per_user": 3.0}).reason
    assert "only first turns can repeat, 30% of the messages, so 15 % asks for a hit on 50% of them" in of_three
    more_sessions_than_messages = judged("q1.exact-cache-15-percent", {"sessions_per_user": 30.0}).reason
    assert "100% of the messages, so 15 % asks for a hit on 15% of them" in more_sessions_than_messages


def test_claims_survive_hardware_without_a_price() -> None:
    records = {r.id: r for r in claims(1, {1: dataclasses.replace(Q1Assumptions(), gpu="h200")})}
    assert records["q1.price-per-gpu-hour"].computed is None
    assert "no trustworthy price" in records["q1.price-per-gpu-hour"].reason
    assert records["q1.throughput-500-rpm"].computed is not None


def test_unknown_claim_is_named() -> None:
    with pytest.raises(KeyError, match=r"q1\.nothing"):
        judge("q1.nothing")
