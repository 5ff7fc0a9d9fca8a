"""Waiting until something is so: at least one look, one at the deadline, none behind it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.serving.waiting import wait_until, wait_until_async


class World:
    """A clock that only sleeping moves; `look` is true from the moment `true_at` on."""

    def __init__(self, true_at: float) -> None:
        self.now, self.true_at = 0.0, true_at
        self.looks: list[float] = []

    def look(self) -> float:
        self.looks.append(self.now)
        return self.now if self.now >= self.true_at else 0.0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds

    def wait(self, within_s: float, **options) -> float:
        return wait_until(self.look, within_s, clock=lambda: self.now, sleep=self.sleep, **options)

    def wait_async(self, within_s: float, **options) -> float:
        async def look() -> float:
            return self.look()

        async def sleep(seconds: float) -> None:
            self.sleep(seconds)

        return asyncio.run(wait_until_async(look, within_s, clock=lambda: self.now, sleep=sleep, **options))


WAITS = {"within_s": st.floats(0, 20), "every_s": st.floats(0.2, 3), "growth": st.floats(1, 2)}


@given(st.floats(0.001, 40), st.fixed_dictionaries(WAITS))
def test_what_comes_true_in_time_is_seen_within_one_pause_and_nothing_is_looked_at_after_the_deadline(true_at, wait):
    world = World(true_at)
    found = world.wait(most_s=4.0, **wait)
    assert max(world.looks) <= wait["within_s"] + 1e-9
    assert all(later - sooner <= 4.0 + 1e-9 for sooner, later in zip(world.looks, world.looks[1:], strict=False))
    if true_at <= max(world.looks):
        assert found == world.looks[-1]
        assert all(look < true_at for look in world.looks[:-1])
    else:
        assert not found
        assert max(world.looks) == pytest.approx(wait["within_s"])  # the last look is made at the deadline


@given(st.floats(0.001, 40), st.fixed_dictionaries(WAITS))
def test_a_coroutine_is_waited_for_just_as_a_function_is(true_at, wait):
    one, other = World(true_at), World(true_at)
    assert one.wait(**wait) == other.wait_async(**wait)
    assert one.looks == other.looks


def test_one_look_is_made_without_any_time_and_what_it_raises_ends_the_wait():
    world = World(5.0)
    assert not world.wait(0.0)
    assert world.looks == [0.0]

    def dead() -> bool:
        raise RuntimeError("the server has ended")

    with pytest.raises(RuntimeError, match="has ended"):
        wait_until(dead, 10)


@pytest.mark.parametrize("wrong", [{"within_s": -1}, {"within_s": 1, "every_s": 0}, {"within_s": 1, "growth": 0.9}])
def test_waits_that_would_spin_or_shrink_are_refused(wrong):
    with pytest.raises(ValueError, match="are needed"):
        wait_until(lambda: False, **wrong)
