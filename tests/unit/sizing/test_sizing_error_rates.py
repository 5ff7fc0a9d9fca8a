"""Error rates: exact bounds against the binomial itself, Bayes by hand, sample sizes that are just enough."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sizing.error_rates import (
    precision_at,
    prevalence_for_precision,
    rate_upper_bound,
    sample_for_bound,
    wrong_actions,
)


def test_wrong_actions_of_a_million_posts_by_hand() -> None:
    found = wrong_actions(1e6, 0.02, 0.001, 0.01)
    assert found.removed_wrongly == pytest.approx(980)
    assert found.missed == pytest.approx(200)
    assert found.removed_rightly == pytest.approx(19_800)
    assert found.precision == pytest.approx(19_800 / 20_780)


@given(prevalence=st.floats(0.001, 0.9), fpr=st.floats(0.0001, 0.5), fnr=st.floats(0, 0.9))
def test_prevalence_for_a_precision_gives_that_precision(prevalence: float, fpr: float, fnr: float) -> None:
    precision = precision_at(prevalence, fpr, fnr)
    assert prevalence_for_precision(precision, fpr, fnr) == pytest.approx(prevalence, rel=1e-6)


@given(errors=st.integers(0, 12), more=st.integers(1, 300), confidence=st.floats(0.5, 0.999))
def test_at_the_bound_so_few_errors_come_with_what_confidence_leaves(errors: int, more: int, confidence: float) -> None:
    n = errors + more
    p = rate_upper_bound(errors, n, confidence)
    few = sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(errors + 1))
    assert few == pytest.approx(1 - confidence, rel=1e-6)
    assert p > errors / n


@pytest.mark.parametrize(("limit", "errors", "n"), [(0.001, 0, 2995), (0.01, 0, 299), (0.05, 0, 59)])
def test_known_sample_sizes(limit: float, errors: int, n: int) -> None:
    assert sample_for_bound(limit, errors) == n


@given(limit=st.floats(0.005, 0.5), errors=st.integers(0, 5))
def test_sample_is_just_enough(limit: float, errors: int) -> None:
    n = sample_for_bound(limit, errors)
    assert rate_upper_bound(errors, n) < limit
    assert n == errors + 1 or rate_upper_bound(errors, n - 1) >= limit


def test_bound_of_a_large_sample_neither_overflows_nor_loses_itself() -> None:
    assert rate_upper_bound(1000, 2_000_000) == pytest.approx(1000 / 2e6 + 1.645 * math.sqrt(1000) / 2e6, rel=0.01)
    assert rate_upper_bound(7, 7) == 1.0


@pytest.mark.parametrize(("errors", "n"), [(-1, 10), (11, 10), (0, 0), (True, 10), (1.5, 10)])
def test_impossible_counts_are_refused(errors: int, n: int) -> None:
    with pytest.raises(ValueError):
        rate_upper_bound(errors, n)


def test_senseless_shares_are_refused() -> None:
    with pytest.raises(ValueError, match="fpr"):
        wrong_actions(10, 0.1, 1.5, 0.1)
    with pytest.raises(ValueError, match="prevalence"):
        wrong_actions(10, -0.1, 0.5, 0.1)
    with pytest.raises(ValueError, match="nothing is removed"):
        _ = wrong_actions(10, 0, 0, 0).precision
    with pytest.raises(ValueError, match="no prevalence"):
        prevalence_for_precision(1.0, 0.1, 0.1)
    with pytest.raises(ValueError, match="limit"):
        sample_for_bound(0)
