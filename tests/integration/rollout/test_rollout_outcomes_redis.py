"""Outcomes through a real Redis: every one once, in order, from where the reader stopped."""

import pytest

from reference.serving.redis_store import connect, private_redis
from reference.serving.rollout.routing.recorder import RedisOutcomes
from reference.serving.rollout.types import BASELINE, CANDIDATE, Outcome, RolloutError


@pytest.fixture(scope="module")
def redis():
    with private_redis() as server:
        yield connect(server.url)


def test_outcomes_come_back_once_in_order_and_from_the_cursor(redis):
    outcomes = RedisOutcomes(redis, "t1")
    made = [
        Outcome(CANDIDATE if i % 3 == 0 else BASELINE, f"u{i}", float(i), i % 7 == 0, None if i % 7 == 0 else 0.5)
        for i in range(6000)
    ]
    assert all(outcomes.record("r", f"q{i}", one) for i, one in enumerate(made))
    assert not outcomes.record("r", "q5", made[5])
    found, cursor = outcomes.read("r", "")
    assert list(found) == made
    assert outcomes.read("r", cursor) == ([], cursor)
    outcomes.record("r", "more", Outcome(BASELINE, "x", 9e9))
    again, _ = outcomes.read("r", cursor)
    assert [one.user for one in again] == ["x"]


def test_nothing_is_recorded_of_an_impossible_outcome(redis):
    outcomes = RedisOutcomes(redis, "t2")
    with pytest.raises(RolloutError, match="latency_s"):
        outcomes.record("r", "q", Outcome(BASELINE, "u", 1.0, False, 0.0))
    assert outcomes.read("r", "") == ([], "")
    assert outcomes.record("r", "q", Outcome(BASELINE, "u", 1.0, False, 0.1))
