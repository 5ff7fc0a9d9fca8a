"""The simulated funnel: against Erlang C and the fluid limit, every post decided once, the same seed the same run."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sizing.claims.q4 import Q4Assumptions
from reference.sizing.claims.q4.flow import (
    backlog_after_burst,
    backlog_after_outage,
    recovery_after_outage,
    simulated_service,
)
from reference.sizing.moderation_simulation import (
    Burst,
    ModerationRun,
    Outage,
    Service,
    Viral,
    _pool,
    against_theory,
    simulate_moderation,
)
from reference.sizing.pipeline import Batching, ServiceTime, Stage
from reference.sizing.queueing import Unstable


def two_stages(servers: int = 10, share: float = 0.5, cached: str = "", deadline: float | None = None) -> Service:
    rules = Stage("rules", ServiceTime.constant(0.001), 4)
    model = Stage("model", ServiceTime.exponential(0.02), servers, share=share)
    return Service(
        {"text": 0.8, "image": 0.2}, (rules, model), {"text": ("rules", "model"), "image": ("rules", "model")},
        cached, {} if deadline is None else {"model": deadline},
    )  # fmt: skip


def run(service: Service, rate: float, seconds: float, *events: object, policy: str = "queue") -> ModerationRun:
    return simulate_moderation(service, rate, seconds, events=events, policy=policy, seed=3, validate=False)  # type: ignore[arg-type]


@functools.cache
def theory() -> list[dict[str, float]]:
    return against_theory()


@pytest.mark.slow
def test_a_million_posts_a_minute_come_within_ten_per_cent_of_theory() -> None:
    for row in theory():
        assert row["utilisation"] == pytest.approx(row["utilisation_theory"], rel=0.03), row
        assert row["mean_wait"] == pytest.approx(row["mean_wait_theory"], rel=0.10), row
    assert theory()[0]["tasks"] > 1_900_000


def test_stages_of_the_corrected_design_are_as_busy_as_computed() -> None:
    a = Q4Assumptions()
    service = simulated_service(a)
    found = run(service, a.rate, 15.0)
    for stage in service.stages:
        expected = service.offered(a.rate)[stage.name] / stage.capacity()
        assert expected <= a.utilisation_ceiling
        assert found.stages[stage.name].utilisation(2.0, 15.0) == pytest.approx(expected, rel=0.10)


def test_same_seed_gives_the_same_run_and_another_another() -> None:
    service = two_stages()
    one, two = run(service, 500, 5.0), run(service, 500, 5.0)
    assert np.array_equal(one.decided, two.decided)
    other = simulate_moderation(service, 500, 5.0, seed=4, validate=False)
    assert not np.array_equal(one.arrived[:100], other.arrived[:100])


def test_every_post_is_decided_once_and_never_before_it_came() -> None:
    found = run(two_stages(cached="model", deadline=0.05), 700, 20.0, Burst(5, 3), Outage(("model",), 10, 2),
                Viral(14, 2, "text"), policy="escalate")  # fmt: skip
    assert np.isfinite(found.decided).all()
    assert (found.latency > 0).all()
    assert not (found.cached & found.escalated).any()
    tasks = found.stages["model"].post
    assert len(np.unique(tasks)) == len(tasks)
    assert not found.cached[tasks].any()


def test_servers_never_work_on_two_posts_at_once() -> None:
    found = run(two_stages(), 800, 20.0, Burst(5, 3), Outage(("model",), 10, 2, 0.5))
    trace = found.stages["model"]
    moments = np.concatenate([trace.started, trace.finished])
    change = np.concatenate([np.ones(trace.started.size), -np.ones(trace.finished.size)])
    order = np.lexsort((change, moments))
    assert np.cumsum(change[order]).max() <= trace.servers


def test_an_outage_leaves_the_backlog_and_the_recovery_of_the_fluid_limit() -> None:
    found = run(two_stages(), 700, 120.0, Outage(("model",), 20, 20))  # 350/s on a capacity of 500/s: 70 %
    trace = found.stages["model"]
    assert not ((trace.started >= 20) & (trace.started < 40)).any()
    assert trace.backlog(np.array([39.999]))[0] == pytest.approx(backlog_after_outage(350, 20), rel=0.05)
    assert found.recovery("model", 40, limit_s=0.1) == pytest.approx(recovery_after_outage(20, 0.7), rel=0.15)
    assert found.latency.max() == pytest.approx(20, rel=0.05)


def test_half_the_servers_down_halve_the_capacity() -> None:
    found = run(two_stages(), 700, 60.0, Outage(("model",), 10, 40, 0.5))
    trace = found.stages["model"]
    done = ((trace.finished > 15) & (trace.finished <= 45)).sum() / 30
    assert done == pytest.approx(250, rel=0.05)


def test_a_burst_leaves_what_was_over_the_capacity() -> None:
    found = run(two_stages(), 700, 60.0, Burst(10, 10, 3))
    expected = backlog_after_burst(350, 10, 3, 0.7)
    assert found.stages["model"].backlog(np.array([20.0]))[0] == pytest.approx(expected, rel=0.1)
    assert ((found.arrived >= 10) & (found.arrived < 20)).sum() == pytest.approx(21_000, rel=0.03)
    assert backlog_after_burst(350, 10, 1.2, 0.7) == 0


def test_escalation_bounds_the_wait_and_gives_the_outage_to_people() -> None:
    event = Outage(("model",), 20, 20)
    queued, escalated = (run(two_stages(deadline=0.5), 700, 60.0, event, policy=p) for p in ("queue", "escalate"))
    assert queued.escalated.sum() == 0
    trace = escalated.stages["model"]
    assert (trace.started - trace.arrived).max() <= 0.5 + 1e-9
    # All that came to the model while it was down, but for those of the last half second.
    assert escalated.escalated.sum() == pytest.approx(350 * 19.5, rel=0.06)
    assert np.array_equal(escalated.arrived, queued.arrived)
    assert escalated.recovery("model", 41, limit_s=0.4) < queued.recovery("model", 41, limit_s=0.4) / 5


def test_a_cache_judges_a_viral_post_once() -> None:
    event = Viral(10, 10, "text", 2.0)
    with_cache, without = (run(two_stages(cached=c), 700, 30.0, event) for c in ("model", ""))
    copies = with_cache.repeat
    assert copies.sum() == pytest.approx(14_000, rel=0.05)
    assert with_cache.cached.sum() == copies.sum() - 1
    first = np.flatnonzero(copies)[0]
    assert (with_cache.decided[copies] >= with_cache.decided[first]).all()  # no copy knows before the first
    assert with_cache.percentile(99) < 0.5
    assert without.percentile(99) > 5
    assert len(without.stages["model"].post) > len(with_cache.stages["model"].post) + 13_000


def test_timeline_counts_every_post_and_shows_the_outage() -> None:
    found = run(two_stages(), 700, 60.0, Outage(("model",), 20, 10))
    line = found.timeline(2.0)
    assert line["posts"].sum() * 2 == found.posts
    assert line["at"].size == 30
    assert line["p99"][11] > 5 > line["p99"][5]


def test_deadline_without_an_event_escalates_nobody() -> None:
    assert run(two_stages(deadline=2.0), 700, 20.0, policy="escalate").escalated.sum() == 0


def test_evidence_names_validation_events_and_seed() -> None:
    found = run(two_stages(), 700, 5.0, Burst(1, 1))
    text = found.evidence.summary()
    assert "not validated" in text
    assert "Burst" in text
    assert found.evidence.badge == "SIMULATED"


def test_overload_before_any_event_is_named() -> None:
    with pytest.raises(Unstable, match="model"):
        run(two_stages(servers=5), 700, 5.0)


@pytest.mark.parametrize(
    "event", [Burst(9, 1), Burst(1, 0), Burst(1, 1, 0.5), Viral(1, 1, "sound"), Outage(("tape",), 1, 1),
              Outage(("model",), 1, 1, 0.0)],
)  # fmt: skip
def test_senseless_events_are_refused(event: object) -> None:
    with pytest.raises(ValueError):
        run(two_stages(), 700, 5.0, event)


@given(
    servers=st.integers(1, 5), down=st.integers(1, 5), gaps=st.lists(st.floats(0, 1), min_size=5, max_size=60),
    seed=st.integers(0, 99), deadline=st.sampled_from([0.3, 2.0, float("inf")]),
)  # fmt: skip
def test_pool_is_the_line_that_one_would_run_by_hand(
    servers: int, down: int, gaps: list[float], seed: int, deadline: float
) -> None:
    arrived, work = np.cumsum(gaps), np.random.default_rng(seed).exponential(1.0, len(gaps))
    begin, end, down = 3.0, 6.0, min(down, servers)
    started, finished, given_up = _pool(arrived, work, servers, [(begin, end, down)], deadline)
    free, stopped = [0.0] * servers, False
    for index, at in enumerate(arrived):
        start = max(at, min(free))
        if start >= begin and not stopped:
            stopped = True
            for place in sorted(range(servers), key=free.__getitem__)[:down]:
                free[place] = max(free[place], end)
            start = max(at, min(free))
        assert given_up[index] == (start - at > deadline)
        if given_up[index]:
            assert started[index] == finished[index] == at + deadline
            continue
        assert started[index] == start
        free[free.index(min(free))] = start + work[index]
        assert finished[index] == start + work[index]


def test_senseless_runs_and_services_are_refused() -> None:
    service = two_stages()
    for rate, seconds in ((0, 5), (700, 0), (float("nan"), 5)):
        with pytest.raises(ValueError):
            run(service, rate, seconds)
    with pytest.raises(ValueError, match="policy"):
        run(service, 700, 5.0, policy="approve")
    with pytest.raises(ValueError, match="only one viral"):
        run(service, 700, 5.0, Viral(1, 1, "text"), Viral(2, 1, "text"))
    stage = Stage("a", ServiceTime.constant(1), 1)
    with pytest.raises(ValueError, match="order"):
        Service({"text": 1.0}, (stage,), {"text": ("b",)})
    with pytest.raises(ValueError, match="add up"):
        Service({"text": 0.5}, (stage,), {"text": ("a",)})
    with pytest.raises(ValueError, match="batches"):
        Service({"text": 1.0}, (Stage("a", ServiceTime.constant(1), 1, batching=Batching(2)),), {"text": ("a",)})
    with pytest.raises(ValueError, match="deadlines"):
        Service({"text": 1.0}, (stage,), {"text": ("a",)}, deadlines={"b": 1.0})
