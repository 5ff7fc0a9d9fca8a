"""Reviewers: seats by load and wait, people per seat by hand, Erlang A against Erlang C, B and the fluid limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sizing.queueing import erlang_b, erlang_c
from reference.sizing.review_staffing import Shifts, erlang_a, seats_for, split_by_language, staffing, zipf_shares


@pytest.mark.slow
@given(rate=st.floats(0.01, 20), seconds=st.floats(1, 60), ceiling=st.floats(0.3, 0.95))
def test_seats_are_the_fewest_below_the_ceiling(rate: float, seconds: float, ceiling: float) -> None:
    seats = seats_for(rate, seconds, ceiling)
    assert rate * seconds / seats <= ceiling + 1e-6
    assert seats == 1 or rate * seconds / (seats - 1) > ceiling - 1e-6


@given(rate=st.floats(0.01, 3), wait=st.floats(0.5, 200))
def test_seats_keep_the_wait(rate: float, wait: float) -> None:
    def mean(seats: int) -> float:
        return erlang_c(rate * 30, seats) * 30 / (seats - rate * 30)

    seats = seats_for(rate, 30, 0.9, wait)
    assert mean(seats) <= wait
    fewer = seats - 1
    assert fewer < rate * 30 / 0.9 + 1e-6 or mean(fewer) > wait


def test_people_per_seat_by_hand() -> None:
    shifts = Shifts(contract_hours=40, present=0.85, reviewing=0.8, shift_hours=8, exposure_hours=4)
    assert shifts.review_share == 0.5  # the limit on harmful content binds, not the breaks
    assert shifts.people_per_seat == pytest.approx(168 / (40 * 0.85 * 0.5))
    assert Shifts(exposure_hours=8).review_share == 0.8


def test_one_per_cent_of_a_million_posts_a_minute() -> None:
    found = staffing(1e6 / 60 * 0.01, 30, Shifts(), 0.85)
    assert found.seats == 5883  # 5,000 busy / 0.85
    assert found.on_shift == 11_766
    assert found.payroll > 9 * found.seats
    assert found.occupancy == pytest.approx(5000 / 5883)


@given(rate=st.floats(0.05, 3), languages=st.integers(2, 12))
def test_separate_lines_need_at_least_as_many_as_one(rate: float, languages: int) -> None:
    shares = zipf_shares(languages)
    assert sum(shares) == pytest.approx(1)
    assert sum(split_by_language(shares, rate, 30, 0.85, 60)) >= seats_for(rate, 30, 0.85, 60)


@pytest.mark.parametrize("load", [0.5, 3.0, 3.9])
def test_erlang_a_with_endless_patience_is_erlang_c(load: float) -> None:
    found = erlang_a(load / 30, 30, 4, patience_s=1e6)
    assert found.wait_probability == pytest.approx(erlang_c(load, 4), rel=0.02)
    assert found.unseen < 0.001


def test_erlang_a_without_patience_is_erlang_b() -> None:
    found = erlang_a(0.2, 30, 4, patience_s=1e-6)
    assert found.unseen == pytest.approx(erlang_b(6.0, 4), rel=1e-3)


@pytest.mark.parametrize("times", [1.5, 10.0])
def test_erlang_a_leaves_unseen_what_is_over_the_capacity(times: float) -> None:
    found = erlang_a(100 / 30 * times, 30, 100, patience_s=300)
    assert found.unseen == pytest.approx(1 - 1 / times, rel=0.01)
    assert found.occupancy == pytest.approx(1, abs=0.01)


@given(load=st.floats(0.2, 30), seats=st.integers(1, 20), patience=st.floats(1, 600))
def test_erlang_a_keeps_littles_law_and_its_bounds(load: float, seats: int, patience: float) -> None:
    found = erlang_a(load / 30, 30, seats, patience)
    assert 0 <= found.unseen < 1
    assert found.occupancy <= 1 + 1e-9
    assert found.mean_wait == pytest.approx(found.unseen * patience, rel=1e-6)  # both are the mean line


@pytest.mark.parametrize(
    "call",
    [
        lambda: seats_for(1, 0),
        lambda: seats_for(1, 30, 1.0),
        lambda: seats_for(1, 30, 0.8, 0),
        lambda: erlang_a(1, 30, 0, 10),
        lambda: erlang_a(0, 30, 4, 10),
        lambda: split_by_language([0.5], 1, 30),
        lambda: zipf_shares(0),
        lambda: Shifts(present=0),
        lambda: Shifts(contract_hours=200),
    ],
)
def test_senseless_staffing_is_refused(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError):
        call()
