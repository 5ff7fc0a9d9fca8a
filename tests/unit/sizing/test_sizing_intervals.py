"""Intervals against published values and an independent library, and by how often they hold the truth."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import binomtest, t

from reference.sizing.intervals import (
    PARTS,
    T_95,
    exact_interval,
    mean_in_parts,
    percentile_of_known,
    spread_in_parts,
    wilson,
)

COUNTS = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_wilson_gives_the_published_interval() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263 and 0 of 20.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_exact_interval_gives_the_published_one() -> None:
    # The same table, method 5 (Clopper and Pearson).
    assert exact_interval(81, 263) == pytest.approx((0.2527, 0.3676), abs=1e-4)
    assert exact_interval(0, 20) == pytest.approx((0.0, 0.1684), abs=1e-4)


@pytest.mark.slow
@given(COUNTS, st.sampled_from([0.8, 0.95, 0.99]))
def test_exact_interval_is_that_of_scipy(case: tuple[int, int], confidence: float) -> None:
    hits, trials = case
    ends = binomtest(hits, trials).proportion_ci(confidence, method="exact")
    assert exact_interval(hits, trials, confidence) == pytest.approx((ends.low, ends.high), abs=1e-6)


@given(COUNTS)
@example((12, 12))
@example((0, 11))
def test_intervals_hold_the_share(case: tuple[int, int]) -> None:
    hits, trials = case
    low, high = wilson(hits, trials)
    assert 0 <= low <= hits / trials <= high <= 1  # strictly: figures draw the two sides as lengths
    low, high = exact_interval(hits, trials)
    assert 0 <= low <= hits / trials + 1e-12
    assert hits / trials - 1e-12 <= high <= 1


@pytest.mark.parametrize("interval", [wilson, exact_interval])
def test_no_trials_say_nothing_and_senseless_counts_are_refused(interval: Any) -> None:
    assert interval(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match=r"hits|errors"):
        interval(3, 2)


def test_the_t_of_the_parts_is_student_s() -> None:
    assert pytest.approx(t.ppf(0.975, PARTS - 1), abs=1e-3) == T_95


def test_batch_means_hold_the_mean_of_a_correlated_run_where_single_values_do_not() -> None:
    """An AR(1) process of mean 0: about 95 % of the intervals hold it, of those for independent values far fewer."""
    random, runs, n, keep = np.random.default_rng(3), 300, 2000, 0.8
    noise = random.standard_normal((runs, n))
    values = np.zeros((runs, n))
    for i in range(1, n):
        values[:, i] = keep * values[:, i - 1] + noise[:, i]
    held = np.mean([abs(mean) <= half for mean, half in map(mean_in_parts, values)])
    naive = np.mean(np.abs(values.mean(axis=1)) <= 1.96 * values.std(axis=1) / math.sqrt(n))
    assert 0.90 <= held <= 0.99
    assert naive < 0.7


def test_a_run_of_fewer_values_than_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="values must hold at least 10 entries, got 9"):
        mean_in_parts(np.ones(9))


@pytest.mark.slow
@given(st.lists(st.one_of(st.floats(0, 1e6), st.just(math.nan), st.just(math.inf)), max_size=50), st.floats(0, 100))
def test_percentiles_take_what_is_known(values: list[float], percent: float) -> None:
    known = [value for value in values if math.isfinite(value)]
    found = percentile_of_known(np.array(values), percent, none=-1.0)
    assert found == (np.percentile(known, percent) if known else -1.0)


def test_a_percentile_above_a_hundred_is_refused() -> None:
    with pytest.raises(ValueError, match="percent must lie between 0 and 100, got 101"):
        percentile_of_known(np.ones(3), 101)


def test_the_spread_names_the_smallest_and_the_largest_part_and_leaves_out_empty_ones() -> None:
    seconds = np.repeat(np.arange(1.0, 11.0), 5)
    assert spread_in_parts(seconds, 50) == "p50 1 to 10 s over 10 parts of the run"
    seconds[:25] = math.nan
    assert spread_in_parts(seconds, 99) == "p99 6 to 10 s over 5 parts of the run"
    assert spread_in_parts(np.full(20, math.nan), 99) == ""
