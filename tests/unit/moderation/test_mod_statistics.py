from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from reference.moderation.evaluation.agreement import Agreement, agreement_of
from reference.moderation.evaluation.escalation import (
    Band,
    by_group,
    choose_band,
    cost_per_million,
    curve,
    feasible,
    outcome,
)  # fmt: skip
from reference.moderation.evaluation.paired import mcnemar_exact, more_by_chance
from reference.moderation.evaluation.rates import (
    by_template,
    claim_rate,
    interval,
    lower_bound,
    precision,
    rows_needed,
    upper_bound,
)  # fmt: skip
from reference.moderation.evaluation.reliability import reliability
from reference.moderation.types import ModerationError

counts = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(deadline=None)
@given(counts)
def test_bounds_agree_with_scipys_exact_test(pair: tuple[int, int]) -> None:
    errors, n = pair
    theirs = binomtest(errors, n).proportion_ci(0.95, "exact")
    assert interval(errors, n) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.slow
@settings(deadline=None)
@given(counts)
def test_at_the_upper_bound_so_few_errors_come_in_one_of_twenty_samples(pair: tuple[int, int]) -> None:
    errors, n = pair
    upper = upper_bound(errors, n)
    assert upper > errors / n or errors == n
    if errors < n:
        assert binom.cdf(errors, n, upper) == pytest.approx(0.05, abs=1e-6)


@settings(deadline=None)
@given(counts)
def test_lower_and_upper_bound_mirror_each_other(pair: tuple[int, int]) -> None:
    errors, n = pair
    assert lower_bound(errors, n) == pytest.approx(1 - upper_bound(n - errors, n))


def test_known_sample_sizes() -> None:
    assert rows_needed(0.001) == 2995
    assert rows_needed(0.01) == 299


@settings(max_examples=50, deadline=None)
@given(st.floats(0.001, 0.5), st.integers(0, 20))
def test_rows_needed_is_the_least_that_suffices(rate: float, errors: int) -> None:
    n = rows_needed(rate, errors)
    assert upper_bound(errors, n) <= rate * (1 + 1e-9)
    assert n - 1 <= errors or upper_bound(errors, n - 1) >= rate * (1 - 1e-9)


def test_a_tenth_of_a_percent_is_refused_below_2995_posts() -> None:
    refused = claim_rate("<", 0.001, 0, 2994)
    assert refused.verdict == "not enough data"
    assert refused.needed == 2995
    assert "needs 2,995" in str(refused)
    assert claim_rate("<", 0.001, 0, 2995).verdict == "shown"
    assert claim_rate("<", 0.001, 1, 2995).verdict == "not enough data"
    assert claim_rate("<", 0.001, 30, 3000).verdict == "refuted"


@pytest.mark.parametrize(
    ("relation", "limit", "errors", "n"), [("<=", 0.1, 0, 9), ("<", 0.0, 0, 9), ("<", 0.1, 10, 9), ("<", 0.1, -1, 9)]
)
def test_a_claim_that_makes_no_sense_is_an_error(relation: str, limit: float, errors: int, n: int) -> None:
    with pytest.raises(ModerationError):
        claim_rate(relation, limit, errors, n)


def test_precision_falls_with_prevalence() -> None:
    found = [precision(0.001, 0.99, share) for share in (0.02, 0.001, 0.0001)]
    assert found == pytest.approx([0.953, 0.498, 0.090], abs=0.001)
    assert math.isnan(precision(0, 0, 0.5))


def test_rows_of_one_template_widen_the_interval() -> None:
    wrong = [k < 100 for k in range(1000)]
    one_template_is_wrong = [str(k // 100) for k in range(1000)]
    every_row_for_itself = [str(k) for k in range(1000)]
    together, alone = by_template(wrong, one_template_is_wrong), by_template(wrong, every_row_for_itself)
    assert together[1] > 2 * alone[1]
    assert by_template([False] * 1000, one_template_is_wrong)[1] == upper_bound(0, 10)


def _data(seed: int, clean: int = 400, bad: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scores = np.concatenate([rng.beta(1, 3, clean), rng.beta(3, 1, bad)])
    return scores, np.arange(clean + bad) >= clean


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 999), st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_a_band_keeps_to_its_targets_where_it_was_chosen(seed: int, fpr: float, fnr: float, ties: bool) -> None:
    scores, bad = _data(seed)
    if ties:
        scores = scores.round(1)
    found = outcome(scores, bad, choose_band(scores, bad, fpr, fnr))
    assert found.fpr <= fpr + 1e-9
    assert found.fnr <= fnr + 1e-9


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999))
def test_tighter_targets_escalate_no_less(seed: int) -> None:
    scores, bad = _data(seed)
    shares = [outcome(scores, bad, choose_band(scores, bad, rate, rate)).escalated for rate in (0.3, 0.1, 0.02, 0.0)]
    assert shares == sorted(shares)


def test_escalated_share_is_reweighted_to_the_prevalence() -> None:
    scores, bad = np.array([0.1, 0.5, 0.1, 0.1, 0.5, 0.9]), np.array([False] * 4 + [True] * 2)
    found = outcome(scores, bad, Band(0.3, 0.8), 0.1)
    assert found.escalated == pytest.approx(0.9 * 0.25 + 0.1 * 0.5)


def test_perfect_scores_meet_targets_only_with_enough_rows() -> None:
    def perfect(clean: int, bad: int) -> tuple[np.ndarray, np.ndarray]:
        truth = np.arange(clean + bad) >= clean
        return truth.astype(float), truth

    few, many = feasible(perfect(3000, 300), perfect(2994, 400)), feasible(perfect(3000, 300), perfect(2995, 299))
    assert not few.met
    assert few.fpr.verdict == "not enough data"
    assert many.met
    assert many.share_needed <= 0.02


def test_overlapping_scores_cannot_meet_all_targets_and_say_what_it_takes() -> None:
    found = feasible(_data(1, 8000, 2000), _data(2, 8000, 2000))
    assert not found.met
    assert found.share_needed > 0.02
    assert found.within_share is not None
    assert found.within_share.escalated < 0.04


def test_the_curve_has_one_outcome_per_target() -> None:
    assert len(curve(_data(1), _data(2), [(0.1, 0.1), (0.01, 0.01)])) == 2


def test_a_group_without_rows_of_a_kind_has_no_rate_of_it() -> None:
    found = by_group([0.1, 0.9, 0.95], [False, True, False], ["a", "b", "a"], Band(0.5, 0.8))
    assert found["a"]["fpr"] == 0.5
    assert "fnr" not in found["a"]
    assert found["b"]["fnr"] == 0


@pytest.mark.parametrize("scores", [[0.1, float("nan")], [0.1], [[0.1, 0.2]]])
def test_broken_scores_are_refused(scores: list) -> None:
    with pytest.raises(ModerationError):
        choose_band(scores, [True, False], 0.1, 0.1)


def test_cost_is_the_sum_of_what_reaches_each_stage() -> None:
    found = cost_per_million({"rules": 1.0, "person": 0.02}, {"rules": 1e-6, "person": 0.1})
    assert found == pytest.approx({"rules": 1.0, "person": 2000.0, "total": 2001.0})
    with pytest.raises(ModerationError, match="judge"):
        cost_per_million({"judge": 1.0}, {"rules": 1.0})


verdicts = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)  # the first example imports scikit-learn
@given(verdicts)
def test_kappa_agrees_with_scikit_learn_and_lies_in_its_interval(pairs: list[tuple[str, str]]) -> None:
    from sklearn.metrics import cohen_kappa_score

    found = agreement_of(pairs, rounds=200)
    assert found.kappa == pytest.approx(agreement_of([(b, a) for a, b in pairs], rounds=200).kappa)
    assert (found.n, found.observed) == (len(pairs), pytest.approx(sum(a == b for a, b in pairs) / len(pairs)))
    if found.kappa is None:
        assert len({one for pair in pairs for one in pair}) == 1
    else:
        assert found.kappa == pytest.approx(cohen_kappa_score(*zip(*pairs, strict=True)))
    assert (found.low is not None) == (found.high is not None) == (found.kappa is not None and len(pairs) >= 30)
    if found.low is not None and found.high is not None:
        assert found.low <= found.high


def test_kappa_of_full_agreement_is_one_and_of_one_verdict_or_none_undefined() -> None:
    full = agreement_of([("a", "a"), ("b", "b")] * 20)
    assert (full.n, full.observed, full.kappa, full.low, full.high) == (40, 1.0, 1.0, 1.0, 1.0)
    assert agreement_of([("a", "a")] * 40) == Agreement(40, 1.0, None)
    assert agreement_of([]) == Agreement(0, 0.0, None)
    pairs = [("a", "a"), ("b", "b"), ("a", "b")] * 10
    assert agreement_of(pairs).low is not None
    assert agreement_of(pairs[1:]).low is None  # 29 pairs


def test_the_interval_of_kappa_is_near_that_of_the_large_sample_formula() -> None:
    pairs = [("a", "a")] * 380 + [("b", "b")] * 420 + [("a", "b")] * 120 + [("b", "a")] * 80
    found = agreement_of(pairs)
    # Cohen 1960: po = 0.8, pe = 0.5; standard error sqrt(po (1 - po) / n) / (1 - pe).
    chance = (500 * 460 + 500 * 540) / 1000**2
    side = 1.96 * math.sqrt(0.8 * 0.2 / 1000) / (1 - chance)
    assert (found.low, found.high) == pytest.approx((found.kappa - side, found.kappa + side), abs=0.01)


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar_is_the_exact_binomial_test_of_the_discordant_pairs(first: int, second: int) -> None:
    n, k = first + second, min(first, second)
    tail = sum(math.comb(n, i) for i in range(k + 1)) / 2**n
    assert mcnemar_exact(first, second) == pytest.approx(min(1.0, 2 * tail))
    assert mcnemar_exact(first, second) == pytest.approx(binomtest(first, n).pvalue if n else 1.0)
    above = sum(math.comb(n, i) for i in range(first, n + 1)) / 2**n
    assert more_by_chance(first, second) == pytest.approx(above)


def test_negative_counts_of_pairs_are_refused() -> None:
    with pytest.raises(ModerationError, match="-1"):
        mcnemar_exact(3, -1)


def test_calibration_error_is_small_for_true_probabilities_and_large_for_squared_ones() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(8000)
    truth = rng.random(8000) < p
    good, poor = reliability(p, truth), reliability(p**2, truth)
    assert good.ece < 0.03 < 0.1 < poor.ece
    assert poor.low <= poor.ece <= poor.high
    assert sum(n for *_, n in poor.bins) == 8000
