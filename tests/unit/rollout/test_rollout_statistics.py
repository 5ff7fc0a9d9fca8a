"""The sequential tests: right against exact sums and another library, and quiet under the null at every look."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.serving.rollout.statistics.curves import p_value
from reference.serving.rollout.statistics.means import LatencyRatio
from reference.serving.rollout.statistics.odds import OddsRatio, ShareRatio
from reference.serving.rollout.types import RolloutError


@settings(deadline=None)
@given(st.integers(0, 12), st.integers(0, 12), st.data())
def test_a_window_adds_the_noncentral_hypergeometric_likelihood(nc, nb, data):
    from scipy.stats import nchypergeom_fisher

    c, b = data.draw(st.integers(0, nc)), data.draw(st.integers(0, nb))
    curve = OddsRatio((2.0,))
    curve.add(c, nc, b, nb)
    for ratio in (1.0, 2.0):
        exact = nchypergeom_fisher.logpmf(c, nc + nb, c + b, nc, ratio) if 0 < c + b < nc + nb and nc and nb else 0.0
        assert curve.log_likelihood[curve._at(ratio)] == pytest.approx(exact, abs=1e-6)


def test_the_expected_e_value_under_the_null_is_at_most_one():
    # Exact: a sum over every outcome of two windows given their totals.
    from scipy.stats import nchypergeom_fisher

    for truth in (0.5, 1.0):
        expected = 0.0
        for first in range(4):
            for second in range(4):
                curve = OddsRatio()
                curve.add(first, 5, 3 - first, 40)
                curve.add(second, 5, 3 - second, 40)
                pmf = [nchypergeom_fisher.pmf(k, 45, 3, 5, truth) for k in (first, second)]
                expected += pmf[0] * pmf[1] * math.exp(curve.log_e_above(1.0))
        assert expected == pytest.approx(1.0) if truth == 1.0 else expected < 1.0


def _null_alarms(alpha: float, runs: int, looks: int) -> tuple[int, int]:
    random, odds_alarms, mean_alarms = np.random.default_rng(3), 0, 0
    for _ in range(runs):
        odds, latency, odds_alarm, mean_alarm = OddsRatio(), LatencyRatio(), False, False
        for look in range(looks):
            # A common rate and level that swing, and a share that grows: comparing inside windows survives it.
            rate = 0.02 + 0.05 * (look % 7 == 0)
            nc, nb = (20, 180) if look < looks / 2 else (100, 100)
            odds.add(int(random.binomial(nc, rate)), nc, int(random.binomial(nb, rate)), nb)
            level = rate * 10
            arms = []
            for n in (nc, nb):
                values = random.normal(level, 0.5, n)
                arms.append((n, float(values.mean()), float(((values - values.mean()) ** 2).sum())))
            latency.add(arms[0], arms[1])
            odds_alarm |= p_value(odds.log_e_above(1.0)) <= alpha
            mean_alarm |= p_value(latency.log_e_above(1.0)) <= alpha
        odds_alarms += odds_alarm
        mean_alarms += mean_alarm
    return odds_alarms, mean_alarms


@pytest.mark.slow
def test_peeking_at_every_window_keeps_false_alarms_below_the_level():
    runs = 300
    odds, mean = _null_alarms(0.1, runs, 40)
    most = runs * 0.1 + 3 * math.sqrt(runs * 0.09)
    assert odds <= most
    assert mean <= most


def test_a_fixed_test_at_every_window_would_not():
    # The control: a z-test at each look, as dashboards do. If it were quiet, the test above would show nothing.
    random, alarms, runs = np.random.default_rng(3), 0, 300
    for _ in range(runs):
        difference = np.cumsum(random.normal(size=40)) / np.sqrt(np.arange(1, 41))
        alarms += bool((difference > 1.2816).any())
    assert alarms > runs * 0.3


def test_doubled_odds_are_found_and_lie_in_the_interval():
    random, curve = np.random.default_rng(5), OddsRatio((2.0,))
    for _ in range(60):
        curve.add(int(random.binomial(300, 0.04)), 300, int(random.binomial(2000, 0.0204)), 2000)
    assert p_value(curve.log_e_above(1.0)) < 1e-3
    low, high = curve.interval(0.05)
    assert low <= 2.0 <= high
    assert curve.log_e_below(2.0) < math.log(20)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 50), st.integers(50, 60), st.integers(0, 500), st.integers(500, 600))
def test_more_candidate_events_never_lower_the_evidence_of_harm(c, nc, b, nb):
    one, two = OddsRatio(), OddsRatio()
    one.add(c, nc, b, nb)
    # The same total, one event moved to the candidate.
    if c < nc and b > 0:
        two.add(c + 1, nc, b - 1, nb)
        assert two.log_e_above(1.0) >= one.log_e_above(1.0) - 1e-9


@pytest.mark.slow
def test_the_sample_ratio_check_agrees_with_savvi():
    multinomial = pytest.importorskip("savvi.multinomial")
    random = np.random.default_rng(11)
    for truth in (0.05, 0.06):
        ours = ShareRatio()
        theirs = multinomial.Multinomial(0.001, np.array([0.05, 0.95]))
        for _ in range(40):
            c = int(random.binomial(500, truth))
            ours.add(c, 500, 0.05)
            theirs.update(np.array([c, 500 - c]))
        assert (p_value(ours.log_e_differs(1.0)) <= 0.001) == (float(theirs.p) <= 0.001)


def test_impossible_counts_are_refused_by_name():
    with pytest.raises(RolloutError, match="candidate: 3 events among 2 trials"):
        OddsRatio().add(3, 2, 0, 5)
    with pytest.raises(RolloutError, match="share: must lie between"):
        ShareRatio().add(1, 2, 1.0)
    with pytest.raises(RolloutError, match="baseline"):
        LatencyRatio().add((1, 0.0, 0.0), (1, math.nan, 0.0))


def test_latency_says_nothing_below_its_least_units():
    ratio = LatencyRatio()
    ratio.add((20, 1.0, 4.0), (30, 0.0, 5.0))
    assert ratio.log_e_above(1.0) == 0.0
    assert ratio.interval(0.05) == (0.0, math.inf)


def test_a_growing_share_in_a_busy_hour_is_no_slowdown():
    # Simpson's paradox: faster in both hours, yet slower overall, because most of it ran in the busy one.
    ratio = LatencyRatio()
    ratio.add((50, math.log(0.9), 5.0), (950, 0.0, 95.0))
    ratio.add((500, math.log(1.8), 50.0), (500, math.log(2.0), 50.0))
    pooled = (50 * math.log(0.9) + 500 * math.log(1.8)) / 550 - (500 * math.log(2.0)) / 1450
    assert pooled > 0.1
    assert ratio.estimate() < 1.0
