"""Question 2: every figure is there, and every verdict is computed - change an assumption and it changes."""

import dataclasses
import functools
import json
import math
from typing import Any

import numpy as np
import pytest
from claim_checks import assert_complete, assert_moves

from reference.sizing import Q, Unreachable, closed_loop, magnitude
from reference.sizing.claims import claims, judge
from reference.sizing.claims.ledger import Claim
from reference.sizing.claims.q2 import Design, Q2Assumptions, corrected_design_q2, plan_q2
from reference.sizing.claims.q2.design import llm_load
from reference.sizing.claims.q2.drivers import cost_drivers
from reference.sizing.claims.q2.stages import graph_bytes, instances, stage_times, sum_percentile, vector_memory

pytestmark = pytest.mark.filterwarnings("ignore::reference.sizing.bands.ImplausibleWarning")
DEFAULT = {record.id: record for record in claims(2)}

# The assumptions under which the verdict of each claim must turn into another one.
FLIPS: dict[str, dict[str, Any]] = {
    "q2.words-per-document": {"words_per_page": 250.0},
    "q2.chunks": {"words_per_chunk": 400.0},
    "q2.chunks-of-512-50": {"tokens_per_word_high": 1.4},
    "q2.bytes-per-vector": {"dimension": 384},
    "q2.vector-storage": {"documents": 100_000},
    "q2.replica-memory": {"store_overhead": 1.0, "payload_bytes_per_word": 0.0, "payload_metadata_bytes": 0.0},
    "q2.fits-in-memory": {"documents": 1_000_000},
    "q2.ingest-5-min": {"embedder_high": 3e7},
    "q2.freshness-costs-performance": {"updates_per_day": 2000.0},
    "q2.in-flight": {"query_rate": Q(500, "request/s")},
    "q2.replica-500": {"node_cores": 1},
    "q2.three-replicas": {"stated_replicas": 5},
    "q2.searches-per-query": {"variations": 0},
    "q2.survives-a-replica": {"stated_replicas": 11},
    "q2.fused-20": {"per_list": 1},
    "q2.lexical-3-nodes": {"lexical_rate_low": 320.0},
    "q2.precomputed-embeddings": {"zipf_high": 1.4},
    "q2.embedding-20": {"embed_time": Q(160, "ms")},
    "q2.embedding-rate": {"embedder_high": 2e8},
    "q2.reranker-50": {"rerank_concurrency": 2, "rerank_time": Q(75, "ms")},
    "q2.reranker-rate": {"candidates": 5},
    "q2.reranker-bottleneck": {"reranker_parameters": 3.02e8},
    "q2.llm-100": {"llm_concurrency": 20},
    "q2.llm-calls-per-query": {"variations": 0},
    "q2.llm-100-survive": {"stated_llms": 162},
    "q2.llm-1-second": {"llm_time": Q(0.5, "s")},
    "q2.batching-5": {"call_overhead": Q(0.2, "s")},
    "q2.latency-mean": {"llm_time": Q(1.6, "s")},
    "q2.latency-p95": {"generation_spread": 0.3},
    "q2.relevance-90": {"hit_at_5": 0.91},
    "q2.semantic-cache-40": {"match_high": 0.5},
    "q2.cached-600": {"stated_cache_share": 0.2},
    "q2.cached-60": {"stated_cache_share": 0.2},
    "q2.cached-60-survive": {"stated_cached_llms": 98},
    "q2.large-model-10x": {"stated_cost_ratio": 30.0},
}


@functools.cache
def designed() -> Design:
    return corrected_design_q2()


def judged(id: str, changes: dict[str, Any]) -> Claim:
    return judge(id, dataclasses.replace(Q2Assumptions(), **changes))


def test_every_claim_of_question_2_has_a_test_that_flips_it() -> None:
    assert set(FLIPS) == set(DEFAULT)


@pytest.mark.parametrize("id", sorted(FLIPS))
def test_verdict_of_question_2_turns_with_its_assumptions(id: str) -> None:
    assert judged(id, FLIPS[id]).verdict != DEFAULT[id].verdict


@pytest.mark.parametrize("id", sorted(DEFAULT))
def test_claim_of_question_2_is_not_a_constant(id: str) -> None:
    assert_moves(DEFAULT[id], Q2Assumptions(), judged)


@pytest.mark.parametrize("id", sorted(DEFAULT))
def test_claim_of_question_2_carries_figures_reason_and_evidence(id: str) -> None:
    assert_complete(DEFAULT[id])


def test_stated_arithmetic_comes_out_as_the_source_has_it() -> None:
    assert DEFAULT["q2.chunks"].computed == pytest.approx(1e4 * 5000 / 300)
    assert DEFAULT["q2.bytes-per-vector"].computed == pytest.approx(6.144)
    assert DEFAULT["q2.in-flight"].computed == pytest.approx(2000)
    assert DEFAULT["q2.llm-100"].computed == pytest.approx(100)
    assert {record.verdict for record in DEFAULT.values()} == {"holds", "does-not-hold", "depends"}


def test_concurrency_is_not_taken_for_throughput() -> None:
    # By hand: 50 / 0.02 s = 2500/s for 4 x 1000/s, 20 / 0.05 s = 400/s for 1000/s, at most 80 % busy, one spare.
    assert DEFAULT["q2.embedding-20"].computed == math.ceil(4000 / 2500 / 0.8) + 1
    assert DEFAULT["q2.reranker-50"].computed == math.ceil(1000 / 400 / 0.8) + 1
    assert DEFAULT["q2.llm-100-survive"].computed == math.ceil(1000 * (1 + 60 / 211) / 10 / 0.8) + 1


def test_window_threshold_is_where_one_more_window_begins() -> None:
    # 16 windows of 512 with 50 shared hold 16 x 462 + 50 tokens; 17 for 10,000 documents are more than 167,000.
    assert DEFAULT["q2.chunks-of-512-50"].threshold == pytest.approx((16 * 462 + 50) / 5000, rel=1e-4)


def test_ingest_threshold_is_the_roof_of_the_card() -> None:
    tokens, flops = 167_000 * 512, 70e12 * 0.5
    assert DEFAULT["q2.ingest-5-min"].threshold == pytest.approx(300 * flops / (2 * tokens) / 1e6, rel=1e-4)


def test_sum_of_lognormals_agrees_with_random_sums() -> None:
    parts = list(stage_times(Q2Assumptions()).values())
    random = np.random.default_rng(0)
    total = sum(random.lognormal(math.log(m) - s * s / 2, s, 400_000) for m, s in parts)
    assert sum_percentile(parts) == pytest.approx(float(np.percentile(total, 95)), rel=0.06)
    alike = [(1.0, 0.3)] * 4
    total = sum(random.lognormal(-0.045, 0.3, 400_000) for _ in alike)
    assert sum_percentile(alike) == pytest.approx(float(np.percentile(total, 95)), rel=0.005)
    assert sum_percentile([(2.0, 0.5)]) == pytest.approx(2 * math.exp(1.6448536 * 0.5 - 0.125))


def test_vector_memory_counts_links_of_all_layers() -> None:
    parts = vector_memory(1000, 384, bytes_per_value=1, m=16, payload_bytes=10)
    assert parts["vectors"] == 384_000
    assert parts["payload"] == 10_000
    # 32 links below, 16 on each higher layer; a sixteenth of the points reaches each next one.
    assert graph_bytes(16) == pytest.approx(4 * (32 + 16 * sum(16**-level for level in range(1, 40))))
    assert parts["graph"] == pytest.approx(1000 * graph_bytes(16))


@pytest.mark.parametrize("change", [{"vectors": -1}, {"dimension": 0}, {"bytes_per_value": 0}, {"m": 1}])
def test_senseless_vector_memory_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        vector_memory(**{"vectors": 10, "dimension": 4, **change})  # type: ignore[arg-type]


def test_every_assumption_of_question_2_says_where_it_comes_from() -> None:
    assert all(row["why"] for row in Q2Assumptions().describe())


def test_corrected_design_carries_the_peak_with_one_instance_down() -> None:
    a = Q2Assumptions()
    design = designed()
    for name in ("corrected", "cached", "lean"):
        for stage in design.plan(name).stages:
            assert stage.utilisation <= a.utilisation_ceiling
            assert stage.left_when_one_fails >= 1
    stated = design.plan("stated")
    assert {stage.stage for stage in stated.stages if stage.left_when_one_fails < 1} == {"embed", "rerank", "llm"}
    assert stated.stage("rerank").instances == 50


def test_own_times_of_the_source_make_the_counts_of_the_claims() -> None:
    plan = designed().plan("own-times")
    for stage, id in (("embed", "q2.embedding-20"), ("dense", "q2.survives-a-replica"), ("rerank", "q2.reranker-50"),
                      ("llm", "q2.llm-100-survive")):  # fmt: skip
        assert plan.stage(stage).instances == DEFAULT[id].computed


def test_each_plan_is_cheaper_than_the_one_before() -> None:
    design = designed()
    costs = [design.plan(name).monthly for name in ("corrected", "cached", "lean")]
    assert costs[0] > costs[1] > costs[2]
    assert design.plan("cached").empty_cache_llms == design.plan("corrected").stage("llm").instances
    share = design.plan("corrected").stage("llm").monthly / design.plan("corrected").monthly
    assert magnitude(share, "") > 0.9


def test_searches_count_the_fan_out_and_cache_hits_only_their_embedding() -> None:
    design = designed()
    assert design.plan("corrected").stage("dense").rate == pytest.approx(4000)
    cached = design.plan("cached")
    assert cached.stage("dense").rate == pytest.approx(0.6 * 4000)
    assert cached.stage("embed").rate == pytest.approx(1000 + 0.6 * 3000)
    assert design.plan("lean").stage("dense").rate == pytest.approx(600)


def test_llm_of_the_design_keeps_the_latency_target_and_no_more_would() -> None:
    a = Q2Assumptions()
    deployment = designed().deployment
    load = llm_load(a, deployment)
    others = sum(mean for name, (mean, _) in stage_times(a).items() if name not in ("expand", "generate"))
    assert load.answer_s + load.expansion_s + others <= 2.0
    assert load.each == pytest.approx(load.in_flight / (load.answer_s + load.expansion_s))
    more = [
        magnitude(closed_loop(deployment, load.in_flight + 1, prompt, output, cached).e2e, "s")
        for prompt, output, cached in (
            (a.prompt, a.output, Q(300, "token/request")),
            (a.expansion_prompt, a.expansion_output, Q(60, "token/request")),
        )
    ]
    assert sum(more) + others > 2.0


def test_llm_of_the_design_holds_no_more_requests_than_its_memory() -> None:
    a = dataclasses.replace(Q2Assumptions(), latency_target=Q(600, "s"))
    deployment = a.deployment(a.llm_model, "a10g", 1, "fp8")
    held = deployment.memory_plan(a.prompt + a.output).sequences()
    assert 1 < held < 256
    assert llm_load(a, deployment).in_flight == held


def test_cost_of_a_stage_is_instances_times_price_times_hours() -> None:
    a = Q2Assumptions()
    stage = designed().plan("corrected").stage("dense")
    assert magnitude(stage.monthly, "USD") == pytest.approx(stage.instances * 0.40 * 730)
    assert stage.instances == instances(a, stage.rate, stage.each)


def test_latency_that_no_hardware_reaches_is_refused_with_the_mend() -> None:
    a = dataclasses.replace(Q2Assumptions(), latency_target=Q(0.3, "s"))
    with pytest.raises(Unreachable, match="shorter output"):
        corrected_design_q2(a)


def test_unknown_plan_and_stage_are_named() -> None:
    design = designed()
    with pytest.raises(KeyError, match="lean"):
        design.plan("nothing")
    with pytest.raises(KeyError, match="rerank"):
        design.plan("lean").stage("nothing")


def test_design_of_question_2_has_a_json_form() -> None:
    document = json.loads(json.dumps(designed().to_dict()))
    assert [plan["name"] for plan in document["plans"]] == ["stated", "own-times", "corrected", "cached", "lean"]
    assert document["api_usd"]["gpt-4o"] > document["api_usd"]["gpt-4o-mini"] > 0


@pytest.mark.slow
def test_drivers_of_question_2_move_the_cost_the_way_they_should() -> None:
    result = cost_drivers()
    swings = {swing.name: swing for swing in result.swings}
    for name in ("query_rate", "top_k", "output", "chunk_tokens", "variations", "candidates"):
        assert swings[name].at_high > swings[name].at_low, name
    for name in ("cache_share", "utilisation_ceiling", "compute_efficiency"):
        assert swings[name].at_high < swings[name].at_low, name
    widths = [swing.width for swing in result.swings]
    assert widths == sorted(widths, reverse=True)


def test_a_hit_share_of_one_leaves_one_embedding_per_query() -> None:
    a = Q2Assumptions()
    plan = plan_q2(a, designed().deployment, "all hits", 0.999)
    assert plan.stage("embed").rate == pytest.approx(1000 + 3)
    assert plan.stage("rerank").rate == pytest.approx(1)
