"""Lengths of prompts and answers: fits meet what they were given, samples have the promised mean, quantiles and cut."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.sizing.fleet import published
from reference.sizing.fleet.lengths import Lengths

N = 200_000


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@st.composite
def quantiles(draw: st.DrawFn) -> dict[float, float]:
    """Two to five ascending points."""
    percents = draw(st.lists(st.integers(1, 99), min_size=2, max_size=5, unique=True))
    tokens = draw(st.lists(st.integers(2, 50_000), min_size=len(percents), max_size=len(percents)))
    return dict(zip(sorted(percents), sorted(tokens), strict=True))


@st.composite
def distributions(draw: st.DrawFn) -> Lengths:
    kind = draw(st.sampled_from(["p99", "mean", "quantiles", "uniform", "empirical"]))
    median = draw(st.floats(5, 5000))
    if kind == "p99":
        made = Lengths.lognormal_from(median=median, p99=median * draw(st.floats(1.1, 12)))
    elif kind == "mean":
        made = Lengths.lognormal_from(median=median, mean=median * draw(st.floats(1.01, 2)))
    elif kind == "quantiles":
        made = Lengths.from_quantiles({50: median, 90: median * draw(st.floats(1, 4)), 99: median * 5})
    elif kind == "uniform":
        first = draw(st.integers(1, 4000))
        made = Lengths.uniform(first, first + draw(st.integers(0, 4000)))
    else:
        made = Lengths.empirical(draw(st.lists(st.integers(1, 9000), min_size=1, max_size=50)))
    return made.cut(draw(st.integers(1, 20)), draw(st.integers(50, 20_000)))


@given(quantiles())
def test_a_fit_meets_every_quantile_that_it_was_given(points: dict[float, float]) -> None:
    fit = Lengths.from_quantiles(points)
    for percent, tokens in points.items():
        assert fit.quantile(percent) == pytest.approx(tokens, rel=1e-9)


@given(quantiles(), st.floats(0.01, 99.99), st.floats(0.01, 99.99))
def test_quantiles_never_fall(points: dict[float, float], a: float, b: float) -> None:
    fit = Lengths.from_quantiles(points)
    assert fit.quantile(min(a, b)) <= fit.quantile(max(a, b)) * (1 + 1e-12)


@given(distributions(), st.integers(0, 2**32))
@settings(max_examples=40)
def test_samples_have_the_promised_mean_quantiles_and_cut(lengths: Lengths, seed: int) -> None:
    drawn = lengths.sample(_rng(seed), N)
    assert drawn.dtype == np.int32
    assert drawn.min() >= lengths.low
    assert drawn.max() <= lengths.high
    # Whole tokens shift a mean by half a token at most; the rest is chance: six standard errors.
    assert drawn.mean() == pytest.approx(lengths.mean, abs=0.5 + 6 * drawn.std() / math.sqrt(N))
    for p in (10, 50, 90):
        # The share at or below the quantile must be p % or more, and that below it no more (up to chance).
        value = lengths.quantile(p)
        assert (drawn <= math.ceil(value)).mean() >= p / 100 - 0.007
        assert (drawn < math.floor(value)).mean() <= p / 100 + 0.007


@given(st.floats(2, 5000), st.floats(1.1, 12), st.integers(10, 4000), st.integers(4001, 30_000))
@settings(max_examples=40)
def test_the_share_cut_is_the_share_of_uncut_lengths_outside(median: float, ratio: float, low: int, high: int) -> None:
    whole = Lengths.lognormal_from(median=median, p99=median * ratio)
    cut = whole.cut(low, high)
    drawn = whole.sample(_rng(1), N)
    assert cut.share_cut == pytest.approx(((drawn < low) | (drawn > high)).mean(), abs=0.007)
    observed = Lengths.empirical(drawn[:1000], low=low, high=high)
    assert observed.share_cut == pytest.approx(((drawn[:1000] < low) | (drawn[:1000] > high)).mean())


def test_the_share_cut_of_an_even_distribution_is_counted() -> None:
    assert Lengths.uniform(1, 10).cut(high=7).share_cut == pytest.approx(0.3)
    assert Lengths.uniform(1, 10).share_cut == 0


@given(st.floats(2, 5000), st.floats(1.05, 3))
def test_a_lognormal_of_mean_and_median_has_both(median: float, ratio: float) -> None:
    fit = Lengths.lognormal_from(median=median, mean=median * ratio, low=1)
    assert fit.quantile(50) == pytest.approx(median)
    if fit.quantile(1e-6) > 1 and fit.quantile(100 - 1e-9) < fit.high:  # else the cut moves the mean
        assert fit.mean == pytest.approx(median * ratio, rel=1e-6)


@given(st.floats(2, 5000), st.floats(1.05, 12))
def test_a_lognormal_of_median_and_99th_percentile_has_both(median: float, ratio: float) -> None:
    fit = Lengths.lognormal_from(median=median, p99=median * ratio)
    assert fit.quantile(50) == pytest.approx(median)
    assert fit.quantile(99) == pytest.approx(median * ratio)


def test_the_mean_of_lognormal_pieces_is_the_integral_of_their_quantiles() -> None:
    fit = Lengths.from_quantiles({25: 546, 50: 928, 75: 2357, 90: 3830, 99: 6683}, high=7999)
    percents = (np.arange(200_000) + 0.5) / 2000
    assert fit.mean == pytest.approx(np.mean([fit.quantile(p) for p in percents[::10]]), rel=1e-3)


def test_a_constant_is_constant() -> None:
    lengths = Lengths.constant(512)
    assert set(lengths.sample(_rng(), 100)) == {512}
    assert lengths.mean == lengths.quantile(1) == lengths.quantile(99) == 512


def test_the_same_seed_draws_the_same_lengths_and_another_draws_others() -> None:
    lengths = Lengths.lognormal_from(median=100, p99=1000)
    assert (lengths.sample(_rng(3), 1000) == lengths.sample(_rng(3), 1000)).all()
    assert (lengths.sample(_rng(3), 1000) != lengths.sample(_rng(4), 1000)).any()


def test_published_fits_come_within_a_tenth_of_the_published_means() -> None:
    """The means were not used for the fits."""
    for quantile_points, mean in (
        (published.AZURE_2024_CHAT_PROMPT, published.AZURE_2024_CHAT_PROMPT_MEAN),
        (published.AZURE_2024_CHAT_OUTPUT, published.AZURE_2024_CHAT_OUTPUT_MEAN),
    ):
        assert Lengths.from_quantiles(quantile_points.value).mean == pytest.approx(mean.value, rel=0.1)


def test_a_fit_reports_its_error_at_quantiles_that_it_did_not_use() -> None:
    fit = Lengths.from_quantiles(published.AZURE_2024_CHAT_PROMPT.value)
    errors = fit.error_at(published.AZURE_2024_CHAT_PROMPT_QUARTILES.value | {50: 928})
    assert errors[50] == pytest.approx(0, abs=1e-9)
    assert errors[75] == pytest.approx(fit.quantile(75) / 2357 - 1)
    assert -0.25 < errors[75] < -0.1


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Lengths.from_quantiles({50: 900, 90: 800}), "quantiles must not fall: 900 tokens at 50 %"),
        (lambda: Lengths.from_quantiles({50: 900, 100: 8000}), "percent of quantiles must lie between 0 and 100"),
        (lambda: Lengths.from_quantiles({0: 1, 50: 900}), "percent of quantiles must lie between 0 and 100"),
        (lambda: Lengths.from_quantiles({50: 900}), "quantiles must have at least two points"),
        (lambda: Lengths.from_quantiles({50: 0.5, 90: 3}), r"quantiles\[50\] must be a length of at least 1"),
        (lambda: Lengths.from_quantiles({50: 9, 99: 9000}, limit=8192), r"quantiles\[99\].*context limit of 8,192"),
        (lambda: Lengths.lognormal_from(median=5, p99=4), "p99 must exceed the median"),
        (lambda: Lengths.lognormal_from(median=5, mean=5), "mean must exceed the median"),
        (lambda: Lengths.lognormal_from(median=5), "exactly one of p99 and mean"),
        (lambda: Lengths.lognormal_from(median=math.nan, p99=4), "median must be a length"),
        (lambda: Lengths.lognormal_from(median=9000, p99=9999, limit=8192), "median.*context limit of 8,192"),
        (lambda: Lengths.constant(0), "first must be a length of at least 1"),
        (lambda: Lengths.constant(9000, limit=8192), "past the context limit of 8,192"),
        (lambda: Lengths.uniform(5, 4), "last must not lie below first"),
        (lambda: Lengths.uniform(1, 4.5), "last must be a whole number"),  # type: ignore[arg-type]
        (lambda: Lengths.empirical([]), "values must be a list of at least one"),
        (lambda: Lengths.empirical([3, 0]), "values must be a length of at least 1"),
        (lambda: Lengths.empirical([3, 9000], limit=8192), "values.*context limit of 8,192"),
        (lambda: Lengths.constant(5).quantile(100), "p must lie between 0 and 100"),
        (lambda: Lengths.constant(5).cut(low=9, high=3), "low <= high"),
    ],
)
def test_bad_lengths_are_refused_by_name(make, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make()
