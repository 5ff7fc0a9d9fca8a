"""Pipelines: the analysis by hand, and the simulation against queueing theory where theory is exact."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.sizing import Unstable
from reference.sizing.claims.q2 import Q2Assumptions
from reference.sizing.claims.q2.flow import sized_pipeline, stated_pipeline
from reference.sizing.pipeline import Batching, Pipeline, ServiceTime, Stage, analyse, offered, servers_needed
from reference.sizing.pipeline_simulation import Arrivals, PipelineRun, simulate_pipeline, validation_point
from reference.sizing.queueing import erlang_c

EXPONENTIAL, CONSTANT, LOGNORMAL = ServiceTime.exponential, ServiceTime.constant, ServiceTime.lognormal


def run(pipeline: Pipeline, rate: float, queries: int, **more: Any) -> PipelineRun:
    arrivals = more.pop("arrivals", Arrivals(rate))
    return simulate_pipeline(pipeline, arrivals, queries=queries, validate=False, **more)


def mean_wait(found: PipelineRun, name: str) -> float:
    return float(found.stages[name].wait[found.warm_up :].mean())


# -- analysis


def test_load_counts_fan_out_shares_and_what_was_answered_before() -> None:
    pipeline = Pipeline.of(
        Stage("cache", CONSTANT(0.001), 4, answers=0.4),
        [Stage("dense", CONSTANT(0.001), 9, fan_out=4), Stage("lexical", CONSTANT(0.001), 9, fan_out=4)],
        Stage("rerank", CONSTANT(0.01), 9, share=0.5),
        Stage("generate", CONSTANT(0.01), 9),
    )
    tasks = offered(pipeline, 1000)
    assert tasks == pytest.approx({"cache": 1000, "dense": 2400, "lexical": 2400, "rerank": 300, "generate": 600})
    loads = {load.name: load for load in analyse(pipeline, 1000)}
    assert loads["generate"].utilisation == pytest.approx(600 * 0.01 / 9)
    assert loads["generate"].utilisation_when_one_fails == pytest.approx(600 * 0.01 / 8)
    assert loads["rerank"].survives


def test_single_server_does_not_survive_its_failure() -> None:
    (load,) = analyse(Pipeline.of(Stage("only", CONSTANT(0.1), 1)), 1)
    assert load.utilisation_when_one_fails == math.inf
    assert not load.survives


def test_wait_of_the_analysis_is_erlang_c_for_exponential_and_half_for_constant_times() -> None:
    (exponential,) = analyse(Pipeline.of(Stage("s", EXPONENTIAL(0.1), 3)), 24)
    assert exponential.mean_wait == pytest.approx(erlang_c(2.4, 3) * 0.1 / 0.6)
    (constant,) = analyse(Pipeline.of(Stage("s", CONSTANT(0.1), 3)), 24)
    assert exponential.mean_wait is not None
    assert constant.mean_wait == pytest.approx(exponential.mean_wait / 2)


def test_overload_is_refused_with_the_name_of_the_stage_and_the_servers_it_needs() -> None:
    pipeline = Pipeline.of(Stage("embed", CONSTANT(0.001), 2), Stage("rerank", CONSTANT(0.05), 4, fan_out=2))
    with pytest.raises(Unstable, match=r"'rerank'.*at least 11 servers instead of 4"):
        analyse(pipeline, 100)
    with pytest.raises(Unstable, match="'rerank'"):
        run(pipeline, 100, 1000)


def test_batches_raise_capacity_by_what_they_share() -> None:
    service = CONSTANT(0.1)
    assert Stage("s", service, 2, batching=Batching(5, 0, growth=0)).capacity() == pytest.approx(100)
    assert Stage("s", service, 2, batching=Batching(5, 0, growth=1)).capacity() == pytest.approx(20)
    assert Stage("s", service, 2, batching=Batching(5, 0, growth=0.5)).capacity() == pytest.approx(2 * 5 / 0.3)


@given(rate=st.floats(1, 5000), ceiling=st.floats(0.3, 0.95), mean=st.floats(1e-3, 2), fan_out=st.integers(1, 5))
def test_needed_servers_keep_every_stage_below_the_ceiling_and_one_less_would_not(
    rate: float, ceiling: float, mean: float, fan_out: int
) -> None:
    needed = servers_needed(Pipeline.of(Stage("s", CONSTANT(mean), 1, fan_out=fan_out)), rate, ceiling, spare=0)["s"]
    load = rate * fan_out * mean
    assert load / needed <= ceiling * (1 + 1e-6)
    assert needed == 1 or load / (needed - 1) > ceiling * (1 - 1e-6)


# -- simulation against theory


@pytest.mark.slow
@pytest.mark.parametrize(("servers", "utilisation"), [(1, 0.7), (4, 0.8), (20, 0.8)])
def test_mmc_waits_as_erlang_c_says(servers: int, utilisation: float) -> None:
    rate = servers * utilisation
    pipeline = Pipeline.of(Stage("s", EXPONENTIAL(1.0), servers))
    means = [mean_wait(run(pipeline, rate, 600_000, seed=seed), "s") for seed in range(4)]
    assert float(np.mean(means)) == pytest.approx(erlang_c(rate, servers) / (servers - rate), rel=0.03)


def test_md1_waits_as_pollaczek_and_khinchine_say() -> None:
    found = run(Pipeline.of(Stage("s", CONSTANT(1.0), 1)), 0.8, 600_000, seed=1)
    assert mean_wait(found, "s") == pytest.approx(0.8 / (2 * 0.2), rel=0.03)


def test_mg1_waits_grow_with_the_spread_of_the_service() -> None:
    service = LOGNORMAL(1.0, 0.8)
    found = run(Pipeline.of(Stage("s", service, 1)), 0.6, 600_000, seed=2)
    assert mean_wait(found, "s") == pytest.approx(0.6 * (1 + service.scv) / (2 * 0.4), rel=0.04)


@pytest.mark.slow
def test_queues_in_tandem_wait_as_if_each_were_alone() -> None:
    # Burke: what leaves an M/M/c is Poisson again, so the second wait is that of its own M/M/c.
    pipeline = Pipeline.of(Stage("first", EXPONENTIAL(1.0), 3), Stage("second", EXPONENTIAL(0.5), 2))
    found = run(pipeline, 2.4, 800_000, seed=4)
    for name, mean, servers in (("first", 1.0, 3), ("second", 0.5, 2)):
        offered_ = 2.4 * mean
        assert mean_wait(found, name) == pytest.approx(
            erlang_c(offered_, servers) * mean / (servers - offered_), rel=0.03
        )
    first, second = (found.stages[name] for name in ("first", "second"))
    waits = np.zeros((2, 800_000))
    waits[0, first.query], waits[1, second.query] = first.sojourn, second.sojourn
    # Reich: for one server each the sojourns are independent; with several, nearly so.
    assert abs(np.corrcoef(waits)[0, 1]) < 0.05


def in_system(found: PipelineRun) -> float:
    """Mean number in the system over the whole run, by walking through arrivals and departures."""
    times = np.concatenate([found.arrived, found.arrived + found.latency])
    steps = np.concatenate([np.ones(found.arrived.size), -np.ones(found.arrived.size)])
    order = np.argsort(times, kind="stable")
    inside = np.cumsum(steps[order])
    assert inside[-1] == 0
    assert inside.min() >= 0
    gaps = np.diff(times[order])
    return float((inside[:-1] * gaps).sum() / gaps.sum())


@settings(max_examples=25, deadline=None)
@given(
    servers=st.integers(1, 6),
    load=st.floats(0.1, 0.95),
    fan_out=st.integers(1, 4),
    answers=st.floats(0, 0.9),
    share=st.floats(0, 1),
    batch=st.integers(1, 8),
    burst=st.floats(1, 5),
    seed=st.integers(0, 5),
)
def test_littles_law_and_order_hold_in_every_run(
    servers: int, load: float, fan_out: int, answers: float, share: float, batch: int, burst: float, seed: int
) -> None:
    rate = load * servers / fan_out
    pipeline = Pipeline.of(
        Stage("cache", CONSTANT(0.01), 1 + math.ceil(rate * 0.01), answers=answers),
        [
            Stage("a", EXPONENTIAL(1.0), servers, fan_out=fan_out),
            Stage("b", LOGNORMAL(1.0, 0.5), servers, fan_out=fan_out, batching=Batching(batch, 0.3, 0.5)),
        ],
        Stage("c", CONSTANT(0.5), servers, share=share),
    )
    found = run(pipeline, rate, 2000, seed=seed, warm_up=0, arrivals=Arrivals(rate, burst, burst_length=20))
    span = float((found.arrived + found.latency).max() - found.arrived.min())
    assert in_system(found) == pytest.approx(2000 / span * found.latency.mean(), rel=1e-6)
    for stage in found.stages.values():
        assert (stage.wait >= -1e-9).all()
        assert (np.diff(stage.arrived) >= 0).all()
        assert (np.diff(stage.started) >= -1e-9).all(), "first come, first served"
        # Never more at work than servers: batches count once.
        edges = np.concatenate([stage.started, stage.finished])
        weight = np.concatenate([1 / stage.batch, -1 / stage.batch])
        order = np.lexsort((weight, edges))
        assert np.cumsum(weight[order]).max(initial=0) <= stage.servers + 1e-6


def test_a_query_goes_on_when_its_last_task_is_done() -> None:
    # The slowest of four exponential searches on as many servers as it takes: the harmonic number, 25/12 means.
    found = run(Pipeline.of(Stage("s", EXPONENTIAL(1.0), 4000, fan_out=4)), 1.0, 100_000)
    assert found.latency.mean() == pytest.approx(25 / 12, rel=0.02)


def test_parallel_stages_take_as_long_as_the_slower_one() -> None:
    stages = [Stage("a", CONSTANT(1.0), 50), Stage("b", CONSTANT(3.0), 50), Stage("c", CONSTANT(2.0), 50)]
    found = run(Pipeline.of(stages), 1.0, 1000)
    assert found.latency == pytest.approx(np.full(1000, 3.0))
    assert found.stage_percentile("a", 50) == pytest.approx(1.0)


def test_cache_hits_leave_and_the_rest_go_the_whole_way() -> None:
    pipeline = Pipeline.of(Stage("cache", CONSTANT(0.1), 50, answers=0.4), Stage("llm", CONSTANT(1.0), 50))
    found = run(pipeline, 10, 50_000)
    hits = found.answered_by == 0
    assert hits.mean() == pytest.approx(0.4, abs=0.01)
    assert found.latency[hits] == pytest.approx(np.full(hits.sum(), 0.1))
    assert found.latency[~hits] == pytest.approx(np.full((~hits).sum(), 1.1))
    assert found.percentile(1, whole_way=True) == pytest.approx(1.1)
    assert set(found.stages["llm"].query) == set(np.flatnonzero(~hits))


def test_skipped_stage_costs_its_skippers_nothing() -> None:
    found = run(Pipeline.of(Stage("rerank", CONSTANT(1.0), 50, share=0.25)), 10, 20_000)
    assert (found.latency > 0).mean() == pytest.approx(0.25, abs=0.01)
    assert found.stage_percentile("rerank", 50) == pytest.approx(1.0)


def test_batches_form_by_size_or_by_the_patience_of_the_first() -> None:
    service = CONSTANT(0.001)
    patient = run(Pipeline.of(Stage("s", service, 9, batching=Batching(4, 1e6))), 10, 400, warm_up=0)
    assert set(patient.stages["s"].batch) == {4}
    hasty = run(Pipeline.of(Stage("s", service, 9, batching=Batching(4, 0.0))), 10, 400, warm_up=0)
    assert hasty.stages["s"].batch.mean() < 1.1
    bounded = run(Pipeline.of(Stage("s", service, 9, batching=Batching(100, 0.05))), 100, 20_000)
    crowded = run(Pipeline.of(Stage("s", CONSTANT(0.1), 1, batching=Batching(4, 0.0))), 36, 20_000)
    assert crowded.stages["s"].batch.max() == 4
    # The first waits out its patience on an idle server, the others of its batch less.
    assert bounded.stages["s"].wait.max() == pytest.approx(0.05, rel=1e-6)
    assert bounded.stages["s"].batch.max() > 3


def test_time_of_a_batch_grows_as_stated() -> None:
    batching = Batching(4, 1e6, growth=0.25)
    stage = run(Pipeline.of(Stage("s", CONSTANT(2.0), 50, batching=batching)), 1, 400).stages["s"]
    assert stage.finished - stage.started == pytest.approx(np.full(400, 2.0 * 1.75))


def test_utilisation_of_a_run_is_that_of_the_analysis() -> None:
    pipeline = Pipeline.of(
        Stage("a", LOGNORMAL(0.2, 0.9), 30, fan_out=2), Stage("b", CONSTANT(0.2), 12, batching=Batching(4, 1e6, 0.5))
    )
    found = run(pipeline, 60, 100_000)
    for load in analyse(pipeline, 60):
        assert found.stages[load.name].utilisation == pytest.approx(load.utilisation, rel=0.02)
    assert found.throughput == pytest.approx(60, rel=0.02)


@pytest.mark.parametrize("burst", [1.0, 3.0, 10.0])
def test_arrivals_keep_their_mean_rate(burst: float) -> None:
    times = Arrivals(50, burst, 0.1, 0.005).sample(np.random.default_rng(0), 200_000)
    assert (np.diff(times) >= 0).all()
    assert 200_000 / times[-1] == pytest.approx(50, rel=0.03)


def test_bursts_lengthen_the_line_at_the_same_mean_rate() -> None:
    pipeline = Pipeline.of(Stage("s", EXPONENTIAL(0.1), 8))
    smooth = run(pipeline, 50, 50_000)
    bursty = run(pipeline, 50, 50_000, arrivals=Arrivals(50, 3.0, 0.1, 2.0))
    assert bursty.percentile(95) > 2 * smooth.percentile(95)
    assert "bursty (3x for 10% of the time)" in bursty.evidence.model


def test_same_seed_same_run_and_another_seed_another() -> None:
    pipeline = Pipeline.of(Stage("s", EXPONENTIAL(0.1), 8, share=0.5))
    first, again, other = (run(pipeline, 50, 5000, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.latency, again.latency)
    assert not np.array_equal(first.latency, other.latency)


def test_changing_one_stage_leaves_the_luck_of_the_others() -> None:
    def pipeline(servers: int) -> Pipeline:
        return Pipeline.of(Stage("cache", CONSTANT(0.01), 9, answers=0.3), Stage("llm", EXPONENTIAL(0.1), servers))

    few, many = run(pipeline(8), 50, 5000), run(pipeline(80), 50, 5000)
    assert np.array_equal(few.answered_by, many.answered_by)
    assert np.array_equal(few.arrived, many.arrived)
    assert (many.latency <= few.latency + 1e-9).all()


def test_empirical_times_are_drawn_as_measured() -> None:
    service = ServiceTime.empirical([0.1, 0.1, 0.4])
    drawn = service.sample(np.random.default_rng(0), 30_000)
    assert set(np.round(drawn, 6)) == {0.1, 0.4}
    assert drawn.mean() == pytest.approx(service.mean, rel=0.02)
    assert service.scv == pytest.approx(0.02 / 0.04)


@given(mean=st.floats(1e-3, 10), sigma=st.floats(0, 1.0))
@settings(max_examples=20)
def test_lognormal_keeps_its_mean(mean: float, sigma: float) -> None:
    drawn = LOGNORMAL(mean, sigma).sample(np.random.default_rng(0), 100_000)
    assert drawn.mean() == pytest.approx(mean, rel=0.03)


# -- evidence and tables


@pytest.mark.slow
def test_simulated_figures_carry_the_point_at_which_they_were_checked() -> None:
    pipeline = Pipeline.of(Stage("s", EXPONENTIAL(0.1), 8))
    evidence = simulate_pipeline(pipeline, Arrivals(50), seconds=20, seed=7).evidence
    assert (evidence.badge, evidence.n, evidence.seed) == ("SIMULATED", 900, 7)
    assert evidence.validation == validation_point()
    assert "Erlang C" in evidence.validation
    assert "over 10 parts" in evidence.spread
    assert "not validated" in run(pipeline, 50, 1000).evidence.validation


@pytest.mark.slow
def test_validation_point_lies_within_three_per_cent() -> None:
    off = float(validation_point().split("mean wait ")[1].split("%")[0])
    assert abs(off) < 3


def test_rows_hold_every_stage_and_the_whole() -> None:
    pipeline = Pipeline.of(Stage("a", CONSTANT(0.1), 50), Stage("b", CONSTANT(0.2), 50))
    rows = run(pipeline, 10, 2000).rows()
    assert [row["stage"] for row in rows] == ["a", "b", "end to end"]
    assert rows[-1]["p95_ms"] == pytest.approx(300)
    assert rows[0]["p50_ms"] == pytest.approx(100)


# -- bad input


@pytest.mark.parametrize(
    ("build", "names"),
    [
        (lambda: Stage("s", CONSTANT(1), 0), "servers"),
        (lambda: Stage("s", CONSTANT(1), True), "servers"),
        (lambda: Stage("s", CONSTANT(1), 1, fan_out=0), "fan_out"),
        (lambda: Stage("s", CONSTANT(1), 1, share=1.2), "share"),
        (lambda: Stage("s", CONSTANT(1), 1, answers=-0.1), "answers"),
        (lambda: CONSTANT(0), "positive"),
        (lambda: CONSTANT(math.nan), "positive"),
        (lambda: LOGNORMAL(1, -1), "sigma"),
        (lambda: ServiceTime("gamma", 1, 1), "form"),
        (lambda: ServiceTime.empirical([0.1]), "at least 2"),
        (lambda: ServiceTime.empirical([0.1, -1]), "positive"),
        (lambda: Batching(0), "max_size"),
        (lambda: Batching(2, -1), "max_wait"),
        (lambda: Batching(2, 0, 1.5), "growth"),
        (lambda: Pipeline.of(), "at least one step"),
        (lambda: Pipeline.of(Stage("s", CONSTANT(1), 1), Stage("s", CONSTANT(1), 1)), "used twice"),
        (lambda: Pipeline.of([Stage("a", CONSTANT(1), 1, answers=0.5), Stage("b", CONSTANT(1), 1)]), "of its own"),
        (lambda: Arrivals(0), "rate"),
        (lambda: Arrivals(1, burst=11), "burst"),
        (lambda: Arrivals(1, burst_share=1), "burst_share"),
        (lambda: servers_needed(Pipeline.of(Stage("s", CONSTANT(1), 1)), 1, ceiling=1), "ceiling"),
        (lambda: servers_needed(Pipeline.of(Stage("s", CONSTANT(1), 1)), 1, spare=-1), "spare"),
        (lambda: offered(Pipeline.of(Stage("s", CONSTANT(1), 1)), math.nan), "rate"),
    ],
)
def test_senseless_pipelines_are_refused_by_name(build: Any, names: str) -> None:
    with pytest.raises(ValueError, match=names):
        build()


@pytest.mark.parametrize(
    "arguments", [{}, {"seconds": 1, "queries": 1000}, {"seconds": -1}, {"queries": 5}, {"queries": 1000, "warm_up": 1}]
)
def test_senseless_runs_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        simulate_pipeline(Pipeline.of(Stage("s", CONSTANT(0.001), 9)), Arrivals(100), validate=False, **arguments)  # type: ignore[arg-type]


# -- question 2


def test_stated_instances_cannot_keep_up_with_their_own_figures() -> None:
    with pytest.raises(Unstable, match=r"'generate'.*instead of 1000"):
        analyse(stated_pipeline(), Q2Assumptions().rate)


def test_sized_pipeline_of_question_2_runs_below_its_ceiling() -> None:
    a = Q2Assumptions()
    pipeline = sized_pipeline(a, cache_share=0.4, skip_rerank=0.3)
    tasks = offered(pipeline, a.rate)
    assert tasks["dense"] == pytest.approx(2400)
    assert (tasks["cache"], tasks["embed"]) == pytest.approx((1000, 3 * 600))
    assert tasks["rerank"] == pytest.approx(420)
    assert max(load.utilisation for load in analyse(pipeline, a.rate)) <= a.utilisation_ceiling + 1e-9
    found = run(sized_pipeline(a), a.rate, 30_000)
    # Answer lengths like Azure's: half of the queries are quick, the 95th percentile is far beyond the target.
    assert found.percentile(50) < 2 < found.percentile(95)
