"""Figures of a simulated point are taken as a load test takes them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from engine_records import LIMITS, closed, engine
from hypothesis import given
from hypothesis import strategies as st

from reference.serving.load.records import RequestRecord, summarise
from reference.sizing.engine_model.replay import (
    Load,
    measure,
    most_at_once,
    output_lengths,
    poisson_arrivals,
    replay,
)


def as_records(sent, ttft, e2e, n_out):
    """What a client would have seen: the tokens after the first evenly spaced."""
    return [
        RequestRecord(float(s), float(t), tuple([float((e - t) / (n - 1))] * (n - 1)), float(e), float(e), 8, int(n))
        for s, t, e, n in zip(sent, ttft, e2e, n_out, strict=True)
    ]


@given(st.integers(0, 10**6), st.booleans())
def test_figures_are_those_of_the_load_tests_own_summary(seed, is_closed):
    rng = np.random.default_rng(seed)
    sent = np.sort(rng.uniform(0, 20, 40))
    ttft = rng.uniform(0.05, 1, 40)
    n_out = rng.integers(2, 40, 40)
    e2e = ttft + rng.uniform(0.01, 0.1, 40) * n_out
    mode = {"concurrency": 4} if is_closed else {"rate": 2.0}
    point = summarise(as_records(sent, ttft, e2e, n_out), started="", warmup=8, cooldown=6, **mode)
    found = measure(sent, ttft, e2e, n_out, closed=is_closed, warmup=8, cooldown=6)
    assert found["request_s"] == pytest.approx(point.request_s)
    assert found["ttft_p50_ms"] == pytest.approx(point.ttft_ms.p50)
    assert found["ttft_p99_ms"] == pytest.approx(point.ttft_ms.p99)
    assert found["tpot_p50_ms"] == pytest.approx(point.tpot_ms.p50)
    # Tokens are counted as they come there and as a flow here: apart by less than one token per request at an edge.
    assert abs(found["output_tok_s"] - point.output_tok_s) * point.seconds <= 2 * 40


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), min_size=1, max_size=30))
def test_most_at_once_is_the_largest_overlap_counted_by_hand(intervals):
    start = np.array([float(s) for s, _ in intervals])
    stop = start + np.array([float(n) for _, n in intervals])
    by_hand = max(int(((start <= t) & (stop > t)).sum()) for t in start)
    assert most_at_once(start, stop) == by_hand


def test_poisson_arrivals_end_at_count_over_rate_as_vllms_client_has_them():
    at = poisson_arrivals(4.0, 100, 1)
    assert at[-1] == pytest.approx(25)
    assert (np.diff(at) > 0).all()
    assert 0.8 < np.diff(at).std() / np.diff(at).mean() < 1.25


def test_answer_lengths_spread_evenly_around_their_mean():
    drawn = output_lengths(100, 0.2, 20_000, 1)
    assert (drawn.min(), drawn.max()) == (80, 120)
    assert drawn.mean() == pytest.approx(100, abs=0.5)
    assert set(output_lengths(7, 0.0, 5, 1)) == {7}
    assert output_lengths(1, 0.9, 50, 1).min() == 1


def test_a_replay_is_the_same_twice_and_its_batch_stays_within_the_seats():
    load = closed(40, output_spread=0.5)
    assert replay(engine(), load, seed=4) == replay(engine(), load, seed=4)
    assert replay(engine(), load, seed=4) != replay(engine(), load, seed=5)
    assert 8 < replay(engine(), load)["batch"] <= 16


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"concurrency": None}, "exactly one of concurrency"),
        ({"rate": 2.0}, "exactly one of concurrency"),
        ({"concurrency": None, "rate": math.inf}, "rate must be a positive"),
        ({"concurrency": None, "rate": 0.0}, "rate must be a positive"),
        ({"n_in": 0}, "n_in must be a whole number"),
        ({"n_out": 1.5}, "n_out must be a whole number"),
        ({"requests": 0}, "requests must be a whole number of at least 1"),
        ({"warmup": -1}, "warmup must be a whole number"),
        ({"cooldown": -1}, "cooldown must be a whole number of at least 0"),
        ({"output_spread": 1.0}, "output_spread must lie"),
        ({"concurrency": 0}, "concurrency must be at least 1"),
        ({"concurrency": None, "arrivals": (0.0, 1.0)}, r"arrivals must have one entry per request \(8\)"),
    ],
)
def test_a_load_that_cannot_be_names_the_field(changes, words):
    with pytest.raises(ValueError, match=words):
        Load(**({"n_in": 8, "n_out": 8, "requests": 8, "concurrency": 2} | changes))


def test_a_step_planned_ahead_makes_a_request_wait_for_one_step_more():
    model = engine()
    ahead = replace(model, limits=replace(LIMITS, async_scheduling=True))
    # The second request comes during the first one's tenth decode step: it waits for that one's end, or the next one's.
    at = (0.0, 0.12)
    waits = [replay(each, Load(128, 64, 2, arrivals=at))["ttft_p99_ms"] for each in (model, ahead)]
    assert waits[1] - waits[0] == pytest.approx(1e3 * model.step.step_s(1, 140), rel=0.02)
    alone = [replay(each, Load(128, 64, 1, arrivals=(0.0,)))["ttft_p50_ms"] for each in (model, ahead)]
    assert alone[0] == alone[1]  # an idle engine starts at once
