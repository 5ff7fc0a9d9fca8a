"""Shapley shares from 64 sets are the mean over 720 orders, and have the properties that define them."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sizing.bill.plan import games

N = 6
ALL = (1 << N) - 1
ORDERS = list(itertools.permutations(range(N)))
# For each strategy, in every order: the set that stands before it.
BEFORE = [[sum(1 << j for j in order[: order.index(i)]) for order in ORDERS] for i in range(N)]
games_of_six = st.lists(st.floats(-100, 100), min_size=63, max_size=63).map(lambda rest: [0.0, *rest])


@pytest.mark.slow
@given(savings=games_of_six)
def test_shapley_is_the_mean_over_all_720_orders(savings: list[float]) -> None:
    assert len(ORDERS) == 720
    own = games.over_orders(savings, N)
    for i, share in enumerate(games.shapley(savings, N)):
        brute = math.fsum(savings[mask | 1 << i] - savings[mask] for mask in BEFORE[i]) / 720
        assert share == pytest.approx(brute, abs=1e-9)
        assert share == pytest.approx(sum(own[i]) / 720, abs=1e-9)


@pytest.mark.slow
@given(savings=games_of_six)
def test_shapley_shares_add_up_to_the_whole(savings: list[float]) -> None:
    assert sum(games.shapley(savings, N)) == pytest.approx(savings[ALL], abs=1e-9)


@pytest.mark.slow
@given(savings=games_of_six, player=st.integers(0, N - 1), own=st.floats(-50, 50))
def test_a_strategy_that_adds_the_same_to_every_set_gets_just_that(
    savings: list[float], player: int, own: float
) -> None:
    bit = 1 << player
    dummy = [savings[mask & ~bit] + (own if mask & bit else 0.0) for mask in range(1 << N)]
    assert games.shapley(dummy, N)[player] == pytest.approx(own, abs=1e-9)


@pytest.mark.slow
@given(savings=games_of_six, a=st.integers(0, N - 1), b=st.integers(0, N - 1))
def test_strategies_that_do_the_same_get_the_same(savings: list[float], a: int, b: int) -> None:
    def swapped(mask: int) -> int:
        return mask & ~(1 << a | 1 << b) | (mask >> a & 1) << b | (mask >> b & 1) << a

    alike = [(savings[mask] + savings[swapped(mask)]) / 2 for mask in range(1 << N)]
    shares = games.shapley(alike, N)
    assert shares[a] == pytest.approx(shares[b], abs=1e-9)


@pytest.mark.slow
@given(savings=games_of_six, order=st.permutations(range(N)))
def test_every_order_ends_at_the_same_saving(savings: list[float], order: list[int]) -> None:
    assert math.fsum(games.marginals(savings, order).values()) == pytest.approx(savings[ALL], abs=1e-9)


@given(savings=games_of_six, allowed=st.integers(0, ALL))
def test_best_set_is_allowed_and_none_allowed_is_better(savings: list[float], allowed: int) -> None:
    best = games.best_set(savings, allowed)
    assert best & ~allowed == 0
    assert savings[best] >= max(savings[mask] for mask in range(1 << N) if mask & ~allowed == 0) - 1e-6
    assert savings[best] >= 0


@pytest.mark.slow
@given(savings=games_of_six, chosen=st.integers(0, ALL), weeks=st.lists(st.floats(0.5, 10), min_size=N, max_size=N))
def test_greedy_road_takes_the_most_per_week_each_time(savings: list[float], chosen: int, weeks: list[float]) -> None:
    road = games.greedy(savings, chosen, weeks)
    assert sorted(i for i, _ in road) == games.members(chosen, N)
    assert math.fsum(gain for _, gain in road) == pytest.approx(savings[chosen], abs=1e-9)
    done = 0
    for i, gain in road:
        left = [j for j in games.members(chosen, N) if not done >> j & 1]
        assert gain / weeks[i] == max((savings[done | 1 << j] - savings[done]) / weeks[j] for j in left)
        done |= 1 << i


def test_known_game_of_three_has_its_known_shares() -> None:
    # One seller (bit 0) and two buyers: 1 is sold once the seller and at least one buyer are there.
    savings = [1.0 if mask & 1 and mask & 0b110 else 0.0 for mask in range(8)]
    assert games.shapley(savings, 3) == pytest.approx([2 / 3, 1 / 6, 1 / 6])
