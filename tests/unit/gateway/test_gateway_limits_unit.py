"""GCRA: never more than the quota, never a refusal that was not due; Redis and memory agree."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.serving.gateway.limits import LocalGcra, gcra_args, refuse, verdict
from reference.serving.gateway.store import load_script
from reference.serving.redis_store import connect


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


STEPS = st.lists(st.tuples(st.floats(0, 30), st.integers(1, 8)), min_size=1, max_size=60)


@pytest.mark.slow
@settings(deadline=None)
@given(limit=st.integers(1, 30), steps=STEPS)
def test_no_window_of_a_minute_passes_more_than_twice_the_quota_and_no_instant_more_than_once(limit, steps):
    """Burst plus refill: at most limit * (1 + t / 60 s) cells in any span t, the bound of a bucket of size limit."""
    clock = Clock()
    gcra = LocalGcra(clock)
    passed = []
    for wait, cost in steps:
        clock.now += wait
        if gcra.charge("k", limit, cost).allowed:
            passed.append((clock.now, cost))
    for i, (start, _) in enumerate(passed):
        total = 0
        for at, cost in passed[i:]:
            total += cost
            assert total <= limit * (1 + (at - start) / 60) + 1e-3


@pytest.mark.slow
@settings(deadline=None)
@given(limit=st.integers(1, 30), steps=STEPS)
def test_waiting_the_named_time_is_enough_and_less_is_not(limit, steps):
    clock = Clock()
    gcra = LocalGcra(clock)
    for wait, cost in steps:
        clock.now += wait
        refused = gcra.charge("k", limit, cost)
        if refused.allowed:
            continue
        if refused.retry_s < 0:
            assert cost > limit
            continue
        if refused.retry_s > 0.002:
            clock.now += refused.retry_s - 0.001
            assert not gcra.charge("k", limit, cost).allowed
            clock.now += 0.001
        else:
            clock.now += refused.retry_s
        clock.now += 1e-5
        assert gcra.charge("k", limit, cost).allowed


@given(limit=st.integers(1, 100), cost=st.integers(1, 100))
def test_what_is_given_back_can_be_spent_again(limit, cost):
    gcra = LocalGcra(Clock())
    for _ in range(3):
        first = gcra.charge("k", limit, cost)
        assert first.allowed == (cost <= limit)
        if first.allowed:
            assert first.remaining == limit - cost
            assert gcra.charge("k", limit, -cost).remaining == limit


def test_redis_and_memory_decide_alike(redis_server):
    """The script takes Redis's clock, so the charges are made within a moment of each other."""
    script = load_script("gcra.lua")
    costs = [3, 4, 2, 2, -3, 2, 1, 1, 12, 1, -1]
    clock = Clock()
    local = LocalGcra(clock)
    with connect(redis_server.url) as client:
        for cost in costs:
            reply = client.eval(script.source, 1, "k", *gcra_args(10, cost))
            shared, own = verdict(10, reply), local.charge("k", 10, cost)
            assert shared.allowed == own.allowed, cost
            assert abs(shared.remaining - own.remaining) <= 1
            assert shared.retry_s == pytest.approx(own.retry_s, abs=5)  # the script's clock goes on; a cell is 6 s
        assert 0 < client.pttl("k") <= 61_000


def test_the_script_gives_cells_back_with_time(redis_server):
    script = load_script("gcra.lua")
    with connect(redis_server.url) as client:
        args = gcra_args(1200, 1200)  # one cell per 50 ms
        assert verdict(1200, client.eval(script.source, 1, "t", *args)).allowed
        refused = verdict(1200, client.eval(script.source, 1, "t", *gcra_args(1200, 10)))
        assert not refused.allowed
        assert 0 < refused.retry_s <= 0.5
        time.sleep(refused.retry_s + 0.01)
        assert verdict(1200, client.eval(script.source, 1, "t", *gcra_args(1200, 10))).allowed


def test_a_key_that_is_back_to_full_leaves_nothing_in_redis(redis_server):
    script = load_script("gcra.lua")
    with connect(redis_server.url) as client:
        client.eval(script.source, 1, "f", *gcra_args(10, 4))
        assert client.exists("f")
        client.eval(script.source, 1, "f", *gcra_args(10, -4))
        assert not client.exists("f")


def test_memory_holds_a_bounded_number_of_keys():
    gcra = LocalGcra(Clock(), size=100)
    for number in range(1000):
        gcra.charge(str(number), 10, 1)
    assert len(gcra._tats) == 100


def test_a_cost_over_the_quota_is_400_and_a_full_bucket_429():
    gcra = LocalGcra(Clock())
    assert refuse("tokens", gcra.charge("k", 10, 11), 11).status == 400
    gcra.charge("k", 10, 10)
    error = refuse("tokens", gcra.charge("k", 10, 1), 1)
    assert error.status == 429
    assert error.all_headers()["retry-after"] == "6"
