"""The Zipf workload: its formula agrees with a replay, and with itself at the limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.serving.load.zipf import expected_hit_rate, hit_rate_std, question, zipf_probabilities, zipf_requests


def replay(ranks: np.ndarray, ttl: float | None = None) -> float:
    """Hit rate of an exact cache whose entries live for `ttl` requests from insertion."""
    inserted: dict[int, int] = {}
    hits = 0
    for now, rank in enumerate(ranks.tolist()):
        if rank in inserted and (ttl is None or now - inserted[rank] <= ttl):
            hits += 1
        else:
            inserted[rank] = now
    return hits / len(ranks)


@given(st.integers(20, 3000), st.integers(1, 2000), st.floats(0, 2), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_expected_hit_rate_agrees_with_a_replay_within_five_deviations(n, distinct, s, seed):
    expected, spread = expected_hit_rate(n, distinct, s), hit_rate_std(n, distinct, s)
    assert abs(replay(zipf_requests(n, distinct, s, seed)) - expected) <= 5 * spread + 1 / n


@pytest.mark.parametrize(("distinct", "s", "ttl"), [(200, 1.0, 100), (1000, 0.8, 500), (50, 1.3, 30)])
def test_hit_rate_with_a_time_to_live_agrees_with_a_replay(distinct, s, ttl):
    measured = replay(zipf_requests(60_000, distinct, s, 3), ttl)
    assert measured == pytest.approx(expected_hit_rate(1, distinct, s, ttl_requests=ttl), abs=0.015)


def test_standard_deviation_bounds_the_spread_over_seeds():
    rates = [replay(zipf_requests(500, 300, 1.0, seed)) for seed in range(200)]
    assert np.std(rates) <= hit_rate_std(500, 300, 1.0) * 1.05
    assert np.mean(rates) == pytest.approx(expected_hit_rate(500, 300, 1.0), abs=4 * np.std(rates) / 200**0.5)


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0, 2.5))
def test_hit_rate_is_a_share_and_grows_with_repetition_and_with_popularity(n, distinct, s):
    rate = expected_hit_rate(n, distinct, s)
    assert -1e-9 <= rate < 1
    assert expected_hit_rate(n + 1, distinct, s) >= rate - 1e-9
    assert expected_hit_rate(n, distinct, s + 0.5) >= rate - 1e-9
    assert expected_hit_rate(n, distinct + 1, s) <= rate + 1e-9


def test_limits_are_exact():
    assert expected_hit_rate(1, 100, 1.0) == pytest.approx(0)
    assert expected_hit_rate(10, 1, 1.0) == pytest.approx(0.9)
    assert expected_hit_rate(1, 100, 1.0, ttl_requests=0) == 0
    assert expected_hit_rate(1, 100, 1.0, ttl_requests=1e12) == pytest.approx(1)


def test_probabilities_follow_the_power_law_and_sum_to_one():
    p = zipf_probabilities(1000, 1.1)
    assert p.sum() == pytest.approx(1)
    assert p[0] / p[9] == pytest.approx(10**1.1)


def test_requests_repeat_with_their_seed_and_differ_without():
    assert (zipf_requests(100, 50, 1.0, 7) == zipf_requests(100, 50, 1.0, 7)).all()
    assert (zipf_requests(100, 50, 1.0, 7) != zipf_requests(100, 50, 1.0, 8)).any()


def test_questions_stay_distinct_after_normalising():
    assert len({" ".join(question(rank).lower().split()) for rank in range(500)}) == 500


@pytest.mark.parametrize("call", [
    lambda: zipf_probabilities(0, 1.0),
    lambda: zipf_probabilities(5, -1.0),
    lambda: zipf_probabilities(5, float("nan")),
    lambda: zipf_requests(-1, 5, 1.0, 0),
    lambda: expected_hit_rate(0, 5, 1.0),
    lambda: expected_hit_rate(5, 5, 1.0, ttl_requests=-1),
])  # fmt: skip
def test_bad_parameters_are_refused_by_name(call):
    with pytest.raises(ValueError, match=r"must be"):
        call()
