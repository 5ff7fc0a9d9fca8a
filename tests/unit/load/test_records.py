"""Figures of a load point from request records: exact on simulated servers whose answer is known."""

import heapq
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.serving.load.records import LoadPoint, RequestRecord, Summary, summarise

NOW = "2026-01-01T00:00:00+00:00"


def record(start: float, ttft: float = 0.1, itl: float = 0.02, tokens: int = 11, error: str = "") -> RequestRecord:
    latency = ttft + (tokens - 1) * itl
    return RequestRecord(start, ttft, (itl,) * (tokens - 1), latency, latency, 8, tokens, error)


def closed(concurrency: int, count: int, **shape: float) -> LoadPoint:
    """A client that keeps `concurrency` requests in flight against a server of constant latency."""
    free = [0.0] * concurrency
    records = []
    for _ in range(count + 2 * concurrency):
        start = heapq.heappop(free)
        records.append(record(start, **shape))  # type: ignore[arg-type]
        heapq.heappush(free, records[-1].end)
    return summarise(records, started=NOW, concurrency=concurrency, warmup=concurrency, cooldown=concurrency)


def opened(rate: float, count: int, servers: int = 10**9, seed: int = 1) -> LoadPoint:
    """Poisson arrivals at `servers` servers of 0.3 s each, first come first served."""
    draw = random.Random(seed)
    arrivals = [0.0]
    for _ in range(count - 1):
        arrivals.append(arrivals[-1] + draw.expovariate(rate))
    scale = count / rate / arrivals[-1]
    free = [0.0] * min(servers, count)
    records = []
    for arrival in (a * scale for a in arrivals):
        wait = max(0.0, heapq.heappop(free) - arrival)
        records.append(record(arrival, ttft=wait + 0.1))
        heapq.heappush(free, records[-1].end)
    return summarise(records, started=NOW, rate=rate, warmup=count // 5, cooldown=count // 10)


@pytest.mark.slow
@given(st.integers(1, 40), st.integers(1, 6), st.floats(0.01, 5), st.floats(0.001, 0.5), st.integers(2, 60))
@settings(max_examples=100, deadline=None)
def test_closed_loop_against_constant_latency_gives_the_exact_figures(c, waves, ttft, itl, tokens):
    point = closed(c, waves * c, ttft=ttft, itl=itl, tokens=tokens)
    latency = ttft + (tokens - 1) * itl
    assert point.n == waves * c
    assert point.excluded == 2 * c
    assert point.request_s == pytest.approx(c / latency, rel=1e-6)
    assert point.in_flight == pytest.approx(c, rel=1e-6)
    assert point.little_ratio == pytest.approx(1, rel=1e-6)
    # Tokens that fall exactly on an edge of the window may count at both ends: one per request in flight.
    assert abs(point.output_tok_s - tokens * c / latency) <= c / point.seconds + 1e-6
    assert point.ttft_ms.p50 == pytest.approx(1e3 * ttft)
    assert point.tpot_ms.p95 == pytest.approx(1e3 * itl)
    assert point.e2e_ms.mean == pytest.approx(1e3 * latency)
    assert not point.void


def test_tpot_excludes_the_first_token():
    slow_start = RequestRecord(0.0, 2.0, (0.1,) * 4, 2.4, 2.4, 8, 5)
    assert slow_start.tpot == pytest.approx(0.1)
    assert math.isnan(record(0.0, tokens=1).tpot)


def test_open_loop_below_capacity_satisfies_littles_law():
    point = opened(rate=20, count=2000, servers=12)
    assert point.request_s == pytest.approx(20, rel=0.05)
    assert point.little_ratio == pytest.approx(1, abs=0.05)
    assert point.notes == ()
    assert not point.void


def test_open_loop_above_capacity_is_flagged_and_shows_capacity_not_offered_rate():
    point = opened(rate=20, count=600, servers=3)  # capacity 3 / 0.3 s = 10/s
    assert point.request_s == pytest.approx(10, rel=0.05)
    assert any("saturated" in note for note in point.notes)
    assert any("Little" in note for note in point.notes)


def test_few_requests_below_capacity_are_seldom_called_saturated():
    points = [opened(rate=5, count=30, seed=seed) for seed in range(300)]
    assert sum(any("saturated" in note for note in point.notes) for point in points) <= 3


def test_failed_requests_never_enter_a_latency():
    good = closed(4, 200).ttft_ms
    records = [record(i * 0.1) for i in range(100)]
    slow = [record(i * 0.1 + 0.05, ttft=60.0, error="boom") for i in range(4)]
    point = summarise(records + slow, started=NOW, concurrency=4, warmup=4, cooldown=4)
    assert point.failed == 4
    assert point.n == 104 - 8 - sum(r.error != "" for r in sorted(records + slow, key=lambda r: r.start)[4:-4])
    assert point.ttft_ms.p99 == pytest.approx(good.p99)
    assert not point.void


def test_many_failures_void_the_point_and_say_why():
    records = [record(i * 0.1, error="Traceback\nValueError: boom" if i % 10 == 5 else "") for i in range(100)]
    point = summarise(records, started=NOW, concurrency=3, warmup=3, cooldown=3)
    assert point.void
    assert point.void_reason == "10 of 100 requests failed (ValueError: boom)"


def test_only_failures_give_a_void_point_without_figures():
    point = summarise([record(0.0, error="down")] * 9, started=NOW, concurrency=2, warmup=2, cooldown=2)
    assert point.void
    assert point.n == 0
    assert math.isnan(point.ttft_ms.p50)
    assert "down" in point.void_reason
    assert point.to_dict()["ttft_ms"]["p50"] is None  # JSON has no nan


def test_a_point_cut_off_in_its_warm_up_is_void():
    records = [record(0.0) for _ in range(5)]
    point = summarise(records, started=NOW, concurrency=5, warmup=5, cooldown=5)
    assert point.void
    assert "warm-up" in point.void_reason
    assert summarise([], started=NOW, concurrency=5, warmup=5, cooldown=5).void


def test_a_late_client_voids_an_open_loop_point():
    records = [record(i * 0.15) for i in range(100)]  # asked for one every 0.1 s
    point = summarise(records, started=NOW, rate=10.0, warmup=20, cooldown=10)
    assert point.void
    assert "slower than the rate asked for" in point.void_reason


def test_events_that_carry_several_tokens_count_them_all():
    one_event_for_two = RequestRecord(0.0, 0.1, (0.04,) * 4, 0.26, 0.26, 8, 10)
    many = [RequestRecord(i * 0.26, 0.1, (0.04,) * 4, 0.26, 0.26, 8, 10) for i in range(22)]
    point = summarise(many, started=NOW, concurrency=1, warmup=1, cooldown=1)
    assert one_event_for_two.tpot == pytest.approx(0.16 / 9)
    assert point.output_tok_s == pytest.approx(10 / 0.26, rel=0.02)


def test_exactly_one_of_concurrency_and_rate_is_required():
    for load in ({}, {"concurrency": 1, "rate": 1.0}):
        with pytest.raises(ValueError, match="exactly one"):
            summarise([], started=NOW, warmup=0, cooldown=0, **load)


def test_rows_are_flat_and_summaries_of_nothing_are_nan():
    row = closed(2, 8).to_row()
    assert row["ttft_p50_ms"] == pytest.approx(100)
    assert not any(isinstance(value, dict | tuple) for value in row.values())
    assert math.isnan(Summary.of_seconds([math.nan]).mean)
