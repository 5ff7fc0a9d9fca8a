import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sizing import Q, magnitude
from reference.sizing.caches import live_sessions, session_memory, zipf_hit_rate


@given(distinct=st.integers(1, 10**7), exponent=st.floats(0, 3), asked=st.floats(0, 1e9))
def test_hit_rate_is_a_share(distinct: int, exponent: float, asked: float) -> None:
    assert 0 <= magnitude(zipf_hit_rate(distinct, exponent, asked), "") <= 1


def test_hit_rate_equals_a_simulated_ttl_cache() -> None:
    distinct, exponent, per_ttl, requests = 2000, 1.0, 500, 60_000
    rng = random.Random(7)
    weights = [rank**-exponent for rank in range(1, distinct + 1)]
    expires: dict[int, float] = {}
    clock = hits = counted = 0.0
    for number, text in enumerate(rng.choices(range(distinct), weights, k=requests)):
        clock += rng.expovariate(per_ttl)  # Poisson arrivals, one TTL is the unit of time
        hit = expires.get(text, 0.0) > clock
        if not hit:
            expires[text] = clock + 1
        if number > requests // 10:
            hits, counted = hits + hit, counted + 1
    assert magnitude(zipf_hit_rate(distinct, exponent, per_ttl), "") == pytest.approx(hits / counted, rel=0.02)


def test_the_bucketed_tail_equals_the_full_sum() -> None:
    distinct, exponent, asked = 50_000, 0.8, 20_000
    weights = [rank**-exponent for rank in range(1, distinct + 1)]
    total = sum(weights)
    full = sum(w / total * (x := w / total * asked) / (1 + x) for w in weights)
    assert magnitude(zipf_hit_rate(distinct, exponent, asked), "") == pytest.approx(full, rel=1e-3)


def test_a_longer_ttl_and_a_steeper_popularity_hit_more() -> None:
    rates = [magnitude(zipf_hit_rate(10_000, 1.0, asked), "") for asked in (10, 100, 1000)]
    assert rates == sorted(rates)
    steep = [magnitude(zipf_hit_rate(10_000, exponent, 100), "") for exponent in (0.5, 1.0, 1.5)]
    assert steep == sorted(steep)


@pytest.mark.parametrize(("distinct", "exponent", "asked"), [(0, 1, 1), (1.5, 1, 1), (10, -1, 1), (10, 1, -1)])
def test_senseless_workloads_are_refused(distinct: int, exponent: float, asked: float) -> None:
    with pytest.raises(ValueError):
        zipf_hit_rate(distinct, exponent, asked)


def test_live_sessions_follow_littles_law() -> None:
    alive = live_sessions(86_400, Q(10, "min"), Q(30, "min"))
    assert magnitude(alive, "session") == pytest.approx(2400)
    assert magnitude(session_memory(alive, Q(1000, "token"), 6, 0), "GB") == pytest.approx(2400 * 6000 / 1e9)
