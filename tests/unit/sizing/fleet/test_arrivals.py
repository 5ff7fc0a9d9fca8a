"""Arrival times: as many as expected, as bursty as asked, where the rate says, in order and within the horizon."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reference.sizing.fleet import published
from reference.sizing.fleet.arrivals import RateProfile, arrival_times, bursty, gamma_renewal, poisson


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@st.composite
def profiles(draw: st.DrawFn) -> RateProfile:
    """One to six pieces with jumps and stretches of no rate at all."""
    pieces = draw(st.integers(1, 6))
    lengths = draw(st.lists(st.floats(0.5, 200), min_size=pieces, max_size=pieces))
    levels = st.lists(st.sampled_from([0.0, 0.5, 3.0, 40.0, 90.0]), min_size=pieces, max_size=pieces)
    return RateProfile(np.concatenate([[0.0], np.cumsum(lengths)]), np.array(draw(levels)), np.array(draw(levels)))


@pytest.mark.slow
@given(profiles(), st.sampled_from([0.5, 1.0, 2.0]), st.integers(0, 2**32))
def test_arrivals_ascend_and_lie_within_the_horizon(profile: RateProfile, cv: float, seed: int) -> None:
    times = arrival_times(profile, _rng(seed), cv=cv)
    assert times.dtype == np.float64
    assert (np.diff(times) >= 0).all()
    if times.size:
        assert times[0] >= 0
        assert times[-1] < profile.horizon_s
        # Where the rate is 0 nobody comes.
        assert (profile.at(times) > 0).all()


@given(profiles(), st.integers(0, 2**32))
@settings(max_examples=50)
def test_the_number_of_arrivals_is_within_six_standard_deviations(profile: RateProfile, seed: int) -> None:
    count = arrival_times(profile, _rng(seed)).size
    assert abs(count - profile.total) <= 6 * math.sqrt(profile.total) + 1


@pytest.mark.parametrize("seed", range(3))
def test_poisson_counts_have_the_mean_and_the_variance_of_poisson(seed: int) -> None:
    """3,000 windows of 10 expected arrivals: both within four standard errors; gamma gaps of cv 2 are far outside."""
    times = poisson(100.0, 300.0, _rng(seed))
    counts = np.bincount((times * 10).astype(int), minlength=3000)
    assert counts.mean() == pytest.approx(10, abs=4 * math.sqrt(10 / 3000))
    assert counts.var() == pytest.approx(10, abs=4 * 10 * math.sqrt(2 / 3000))
    rougher = np.bincount((gamma_renewal(100.0, 2.0, 300.0, _rng(seed)) * 10).astype(int), minlength=3000)
    assert rougher.var() > 20


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_poisson_totals_vary_as_poisson(seed: int) -> None:
    rng = _rng(seed)
    totals = np.array([poisson(2.0, 50.0, rng).size for _ in range(2000)])
    assert totals.mean() == pytest.approx(100, abs=4 * math.sqrt(100 / 2000))
    assert totals.var() == pytest.approx(100, abs=4 * 100 * math.sqrt(2 / 2000))


@pytest.mark.slow
@given(st.sampled_from([0.3, 0.7, 1.0, 1.41, 2.0, 3.0]), st.floats(0.1, 1000), st.integers(0, 2**32))
@settings(max_examples=30)
def test_gaps_have_the_coefficient_of_variation_that_was_asked_for(cv: float, rate: float, seed: int) -> None:
    gaps = np.diff(gamma_renewal(rate, cv, 100_000 / rate, _rng(seed)))
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.06)
    assert gaps.mean() * rate == pytest.approx(1, abs=6 * cv / math.sqrt(100_000))


@pytest.mark.slow
def test_a_bursty_process_is_stationary_from_the_start() -> None:
    """As many arrivals in the first second as in any other: an ordinary renewal process would have far more."""
    rng = _rng(5)
    runs = [gamma_renewal(1.0, 3.0, 20.0, rng) for _ in range(20_000)]
    first, last = (np.mean([((t >= a) & (t < a + 1)).sum() for t in runs]) for a in (0, 19))
    assert first == pytest.approx(1, abs=0.1)
    assert last == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("cv", "seed"), [(1.0, 0), (1.0, 1), (1.0, 2)])
def test_a_day_reproduces_its_rate(cv: float, seed: int) -> None:
    """Chi-square over 288 windows of five minutes; one wrong by 2 % would be seen."""
    hours = np.arange(25)
    profile = RateProfile.linear(hours * 3600.0, 12 * (1 + 0.9 * np.sin(hours * np.pi / 12)))
    times = arrival_times(profile, _rng(seed), cv=cv)
    edges = np.linspace(0, 86400, 289)
    seen = np.histogram(times, edges)[0]
    fine = profile.split(edges)
    expected = np.diff(np.interp(edges, fine.edges, fine.cumulative))
    chi = ((seen - expected) ** 2 / expected).sum()
    assert stats.chi2.sf(chi, 288) > 1e-4
    skewed = expected * np.where(np.arange(288) < 144, 1.02, 0.98)
    assert stats.chi2.sf(((seen - skewed) ** 2 / skewed).sum(), 288) < 1e-4


@pytest.mark.slow
@given(profiles(), st.lists(st.floats(0.1, 900), max_size=5))
def test_splitting_changes_neither_rate_nor_total(profile: RateProfile, at: list[float]) -> None:
    fine = profile.split(at)
    assert fine.total == pytest.approx(profile.total, rel=1e-9, abs=1e-9)
    middles = (fine.edges[:-1] + fine.edges[1:]) / 2
    assert fine.at(middles) == pytest.approx(profile.at(middles), rel=1e-6, abs=1e-6)


@given(profiles(), st.floats(0, 20), st.floats(0, 0.99), st.floats(0.1, 300))
def test_a_flash_crowd_multiplies_the_rate_only_while_it_lasts(
    profile: RateProfile, factor: float, where: float, duration_s: float
) -> None:
    start = where * profile.horizon_s
    crowd = profile.with_flash_crowd(factor, start, duration_s)
    middles = (crowd.edges[:-1] + crowd.edges[1:]) / 2
    inside = (middles > start) & (middles < start + duration_s)
    assert crowd.at(middles) == pytest.approx(np.where(inside, factor, 1.0) * profile.at(middles), rel=1e-6, abs=1e-6)
    assert crowd.horizon_s == profile.horizon_s


def test_profiles_add() -> None:
    a = RateProfile.linear([0, 10], [0, 10])
    b = RateProfile.steps([0, 5, 10], [2, 4])
    assert a.plus(b).total == pytest.approx(a.total + b.total)
    assert a.plus(b).at([2.5, 7.5]) == pytest.approx([4.5, 11.5])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_bursts_keep_the_mean_and_spread_counts_as_their_formula_says(seed: int) -> None:
    """Variance over mean of the counts in windows of a minute against the formula of `with_bursts`; Poisson has 1."""
    rate, factor, share, length = 20.0, 4.0, 0.1, 30.0
    times = bursty(rate, factor, share, length, 600_000, _rng(seed))
    counts = np.bincount((times // 60).astype(int), minlength=10_000)[:10_000]
    tau = length * (1 - share)
    v = share * (factor - 1) ** 2 / (1 - share)
    expected = 1 + 2 * rate * v * tau * (1 - (1 - math.exp(-60 / tau)) * tau / 60)
    assert times.size == pytest.approx(rate * 600_000, rel=0.04)
    assert counts.var() / counts.mean() == pytest.approx(expected, rel=0.12)


@pytest.mark.slow
def test_bursts_are_as_likely_at_the_start_as_at_any_time() -> None:
    rng = _rng(8)
    first = [RateProfile.constant(1.0, 1.0).with_bursts(5.0, 0.1, 30.0, rng).total for _ in range(3000)]
    assert np.mean(first) == pytest.approx(1, abs=6 * np.std(first) / math.sqrt(3000))
    assert max(first) > 4.9


@pytest.mark.slow
def test_bursts_can_be_as_rough_as_a_published_hour() -> None:
    """Azure's chat trace at 69.2 requests/s has a dispersion of 17.3 over a minute, which no Poisson process has."""
    times = bursty(69.2, 1.6, 0.2, 20.0, 200_000, _rng(1))
    counts = np.bincount((times // 60).astype(int), minlength=3333)[:3333]
    published_minute = published.AZURE_2024_CHAT_DISPERSION.value[60]
    assert 0.3 * published_minute < counts.var() / counts.mean() < 10 * published_minute
    even = np.bincount((poisson(69.2, 200_000, _rng(1)) // 60).astype(int), minlength=3333)[:3333]
    assert even.var() / even.mean() < 1.2


def test_the_same_seed_gives_the_same_times_and_another_gives_others() -> None:
    profile = RateProfile.linear([0, 50, 100], [1, 30, 2])
    for cv in (1.0, 2.0):
        assert np.array_equal(arrival_times(profile, _rng(1), cv=cv), arrival_times(profile, _rng(1), cv=cv))
        assert not np.array_equal(arrival_times(profile, _rng(1), cv=cv), arrival_times(profile, _rng(2), cv=cv))
    for seed in range(9):
        assert np.array_equal(bursty(5, 2, 0.4, 9, 500, _rng(seed)), bursty(5, 2, 0.4, 9, 500, _rng(seed)))


def test_no_rate_is_no_arrivals() -> None:
    assert poisson(0, 60, _rng()).size == 0
    assert gamma_renewal(0, 2.0, 60, _rng()).size == 0
    assert bursty(0, 3, 0.1, 9, 60, _rng()).size == 0


@pytest.mark.slow
def test_times_are_made_in_less_than_twice_their_own_memory() -> None:
    import tracemalloc

    profile = RateProfile.linear([0, 86400], [10, 30])
    for cv in (1.0, 2.0):
        tracemalloc.start()
        times = arrival_times(profile, _rng(), cv=cv)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert times.size > 1_500_000
        assert peak < 2 * times.nbytes


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: poisson(-1, 60, _rng()), "rate must be finite and not negative"),
        (lambda: poisson(math.nan, 60, _rng()), "rate must be finite and not negative"),
        (lambda: poisson(math.inf, 60, _rng()), "rate must be finite and not negative"),
        (lambda: poisson(1, 0, _rng()), "horizon_s must be positive"),
        (lambda: gamma_renewal(1, 0, 60, _rng()), "cv must be positive"),
        (lambda: RateProfile.linear([0, 5], [1, math.nan]), "rates must be finite"),
        (lambda: RateProfile.linear([1, 5], [1, 1]), "edges must ascend from 0"),
        (lambda: RateProfile.linear([0, 5, 5], [1, 1, 1]), "edges must ascend"),
        (lambda: RateProfile.steps([0, 5], [1, 1]), "left and right must have 1 entries"),
        (lambda: RateProfile.constant(1, 60).with_flash_crowd(2, 60, 5), "start_s must lie within"),
        (lambda: RateProfile.constant(1, 60).with_flash_crowd(-2, 6, 5), "factor must be finite and not negative"),
        (lambda: RateProfile.constant(1, 60).with_bursts(12, 0.1, 5, _rng()), "factor must lie between 1 and"),
        (lambda: RateProfile.constant(1, 60).with_bursts(2, 1.0, 5, _rng()), "share must lie between 0 and 1"),
        (lambda: RateProfile.constant(1, 60).plus(RateProfile.constant(1, 50)), "horizon_s must be the same"),
    ],
)
def test_bad_arrivals_are_refused_by_name(make, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make()
