"""Question 5: the solutions against parts written apart from them, and the clock that plays single flights."""

from __future__ import annotations

import asyncio
import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.builds import draw_cases, judge_build, observe
from exercises.catalogue import exercise, solution
from exercises.drawing import variant
from exercises.model import Case, Verdict
from exercises.q5._single_flight_wrong import ByHand
from reference.sizing.bill.plan import games

FLIGHT = exercise("q5-single-flight")


def solved(name, **params):
    space = dict(params)
    exec(compile(solution(name).code, name, "exec"), space)
    return space


savings = st.integers(0, 5).flatmap(
    lambda n: st.tuples(st.just(n), st.lists(st.floats(-1e6, 1e6), min_size=2**n - 1, max_size=2**n - 1))
)


@given(savings)
@settings(max_examples=60, deadline=None)
def test_the_solution_of_the_shares_walks_the_orders_to_what_the_sets_give(drawn):
    n, rest = drawn
    found = solved("q5-shapley-shares")["shapley"]([0.0, *rest], n)
    assert found == pytest.approx(games.shapley([0.0, *rest], n), rel=1e-9, abs=1e-4)
    assert sum(found) == pytest.approx(([0.0, *rest])[-1], rel=1e-9, abs=1e-4)


def schedule(random):
    """Any requests on two keys: some fail, some leave, times as the exercise has them (nothing at the same moment)."""

    def load():
        return [random.randint(1, 8) / 2 + 0.25, random.choice([None, f"answer {random.randint(0, 99)}"])]

    asked = [
        [random.randint(0, 40) / 2, random.choice("ab"), random.choice([None, None, random.randint(0, 6) / 2 + 0.125])]
        for _ in range(random.randint(1, 12))
    ]
    loads = {key: [load() for _ in range(8)] for key in "ab"}
    return Case("any", {"ttl_s": random.randint(1, 12) / 2, "requests": asked, "loads": loads, "until": 64.0})


@pytest.mark.parametrize("seed", range(60))
def test_the_solution_does_what_the_gateway_does_on_any_schedule(seed):
    case = schedule(Random(seed))
    gateway = observe(FLIGHT.build, FLIGHT.build.reference, case)
    assert "value" in gateway
    assert observe(FLIGHT.build, solved(FLIGHT.id)["SingleFlight"], case) == gateway
    assert observe(FLIGHT.build, ByHand, case) == gateway


def test_flights_can_be_checked_in_a_notebook_whose_loop_runs():
    case = draw_cases(FLIGHT, variant(FLIGHT, "ada"))[0]

    async def cell():
        return observe(FLIGHT.build, FLIGHT.build.reference, case)

    assert asyncio.run(cell()) == observe(FLIGHT.build, FLIGHT.build.reference, case)


class Spins:
    def __init__(self, ttl_s, now):
        pass

    async def get(self, key, load):
        while True:  # noqa: ASYNC110  (what is tried here)
            await asyncio.sleep(0)


class NeverAnswers(Spins):
    async def get(self, key, load):
        await asyncio.Event().wait()


class KeepsTheLoop(Spins):
    """Refuses to be cancelled."""

    async def get(self, key, load):
        while True:
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                continue


class IsNotAsynchronous(Spins):
    def get(self, key, load):
        return "answer"


class GuessesTheAnswer(Spins):
    async def get(self, key, load):
        return json.loads('"answer 1000"')


@pytest.mark.slow
@pytest.mark.parametrize("odd", [Spins, NeverAnswers, KeepsTheLoop, IsNotAsynchronous, GuessesTheAnswer])
def test_a_flight_that_never_ends_or_guesses_earns_nothing_and_stops(odd):
    # One of each group: a loop that refuses to end is waited for in every case.
    cases = list({case.group: case for case in draw_cases(FLIGHT, variant(FLIGHT, "ada"))}.values())
    parts = judge_build(FLIGHT.build, cases, [observe(FLIGHT.build, odd, case) for case in cases])
    assert not sum(part.earned for part in parts)
    assert all(part.verdict is not Verdict.OPEN for part in parts)
