"""Trying again: never too often, never too late, never in step, and the last error is what comes out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.serving.retry import Backoff, RetryPolicy, Tries, retry

POLICIES = st.builds(
    RetryPolicy,
    tries=st.integers(1, 8),
    first_s=st.floats(0, 5),
    factor=st.floats(1, 4),
    most_s=st.floats(0, 20),
    within_s=st.one_of(st.floats(0, 30), st.just(float("inf"))),
)
CHANCES = st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=8)


class World:
    """A clock that only sleeping and calling move, and a call that fails a number of times."""

    def __init__(self, failures: int = 10**9, takes_s: float = 0.0, chances: tuple[float, ...] = (0.5,)) -> None:
        self.now, self.failures, self.takes_s = 100.0, failures, takes_s
        self.begun: list[float] = []
        self.slept: list[float] = []
        self._chances, self._drawn = chances, 0

    def call(self) -> int:
        self.begun.append(self.now)
        self.now += self.takes_s
        if len(self.begun) <= self.failures:
            raise ConnectionError(len(self.begun))
        return len(self.begun)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def chance(self) -> float:
        self._drawn += 1
        return self._chances[self._drawn % len(self._chances)]

    def retry(self, policy: RetryPolicy, **options) -> int:
        given = {"on": (ConnectionError,), "clock": lambda: self.now, "sleep": self.sleep, "chance": self.chance}
        return retry(self.call, policy, **{**given, **options})


@given(POLICIES, st.floats(0, 3), CHANCES)
def test_a_call_that_always_fails_is_tried_in_bounds_and_its_last_error_comes_out(policy, takes_s, chances):
    world = World(takes_s=takes_s, chances=tuple(chances))
    with pytest.raises(ConnectionError) as raised:
        world.retry(policy)
    assert raised.value.args == (len(world.begun),)  # the last one, not the first
    assert 1 <= len(world.begun) <= policy.tries
    assert all(begun <= 100.0 + policy.within_s for begun in world.begun[1:])
    for number, pause in enumerate(world.slept, 1):
        assert 0 <= pause <= min(policy.most_s, policy.first_s * policy.factor ** (number - 1))
    if policy.within_s == float("inf"):
        assert len(world.begun) == policy.tries


def test_a_call_that_recovers_gives_its_answer_and_is_not_called_again():
    world = World(failures=2)
    assert world.retry(RetryPolicy(tries=5, first_s=1.0)) == 3
    assert len(world.slept) == 2


def test_what_is_not_to_be_retried_comes_out_at_once():
    world = World()
    with pytest.raises(ConnectionError):
        world.retry(RetryPolicy(tries=5, first_s=1.0), on=(TimeoutError,))
    with pytest.raises(ConnectionError):
        world.retry(RetryPolicy(tries=5, first_s=1.0), when=lambda error: "locked" in str(error))
    assert len(world.begun) == 2
    assert world.slept == []


@given(st.floats(0, 50), st.floats(0, 1, exclude_max=True))
def test_a_pause_is_never_shorter_than_the_other_side_asked_for(least_s, chance):
    tries = Tries(RetryPolicy(tries=3, first_s=2.0, within_s=40.0), clock=lambda: 0.0, chance=lambda: chance)
    pause = tries.pause_s(least_s)
    if max(least_s, 2.0 * chance) > 40.0:
        assert pause is None  # it would end too late
    else:
        assert pause == max(least_s, 2.0 * chance)


def test_pauses_are_spread_over_the_whole_range_so_that_clients_do_not_come_back_together():
    drawn = [Backoff(first_s=1.0).pause_s(1) for _ in range(400)]
    assert min(drawn) < 0.1
    assert max(drawn) > 0.9


def test_the_bound_of_a_thousandth_failure_is_the_longest_pause():
    assert Backoff(first_s=1.0, factor=3.0, most_s=7.0).bound_s(2000) == 7.0


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("tries", {"tries": 0}),
        ("first_s", {"first_s": -1.0}),
        ("factor", {"factor": 0.5}),
        ("most_s", {"most_s": float("nan")}),
        ("within_s", {"within_s": -1.0}),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_by_field(field, fields):
    with pytest.raises(ValueError, match=f"^{field}:"):
        RetryPolicy(**{"tries": 3, "first_s": 1.0, **fields})
    with pytest.raises(ValueError, match=r"^failures:"):
        Backoff(first_s=1.0).bound_s(0)
