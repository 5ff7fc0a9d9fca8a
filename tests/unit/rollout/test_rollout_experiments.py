"""Power and effects of fixed-size tests, against simulation, scipy and what must be true of any such plan."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.serving.rollout.statistics import comparison
from reference.sizing import ab_tests as planning

rates = st.floats(0.005, 0.4)
shares = st.floats(0.02, 0.98)


def test_the_planned_number_of_users_has_the_power_it_promises():
    n = planning.users_for_rate(0.05, 0.065, share=0.2)
    random, found = np.random.default_rng(1), 0
    for _ in range(1500):
        t, c = random.binomial(int(n * 0.2), 0.065), random.binomial(int(n * 0.8), 0.05)
        pt, pc = t / int(n * 0.2), c / int(n * 0.8)
        pooled = (t + c) / n
        found += abs(pt - pc) / math.sqrt(pooled * (1 - pooled) / n / 0.2 / 0.8) > 1.96
    assert found / 1500 == pytest.approx(0.80, abs=0.04)


@settings(deadline=None)
@given(rates, shares, st.floats(1.1, 2.0))
def test_what_the_plan_needs_is_what_the_table_detects(rate, share, factor):
    users = planning.users_for_rate(rate, min(0.95, rate * factor), share, sides=1)
    found = planning.detectable_rate(rate, users, share, sides=1)
    assert found == pytest.approx(min(0.95, rate * factor), rel=0.02)


@settings(deadline=None)
@given(rates, st.floats(0.02, 0.5), st.floats(1e3, 1e7))
def test_more_users_and_a_fairer_split_detect_smaller_effects(rate, share, users):
    less = planning.detectable_rate(rate, users, share)
    more, fairer = planning.detectable_rate(rate, users * 2, share), planning.detectable_rate(rate, users, 0.5)
    assert less is None or (more <= less + 1e-12 and fairer <= less + 1e-12)


def test_a_canary_without_users_detects_nothing():
    row = planning.detectable(0.0)
    assert (row.error_rate, row.latency_ratio, row.goal_rate) == (None, None, None)
    assert not row.doubled_errors
    assert not row.ten_percent_latency


def test_a_small_service_cannot_see_doubled_errors_in_a_day_and_a_large_one_can():
    assert not planning.detectable(10_000.0).doubled_errors
    assert planning.detectable(1_000_000.0).doubled_errors


def test_peeking_costs_users_but_not_many_times_as_many():
    assert 1.2 < planning.peeking_factor() < 4.0


def test_newcombes_interval_covers_the_true_difference():
    random, covered = np.random.default_rng(2), 0
    for _ in range(800):
        effect = comparison.rate_effect(
            "x",
            (int(random.binomial(400, 0.06)), 400),
            (int(random.binomial(100, 0.09)), 100),
            higher_is_better=False,
        )
        covered += effect.low <= 0.03 <= effect.high
    assert covered / 800 == pytest.approx(0.95, abs=0.025)


def test_the_latency_interval_is_welchs():
    from scipy.stats import ttest_ind

    random = np.random.default_rng(3)
    c, t = np.exp(random.normal(0, 0.5, 80)), np.exp(random.normal(0.1, 0.7, 60))
    effect = comparison.latency_effect("latency", c.tolist(), t.tolist())
    expected = ttest_ind(np.log(t), np.log(c), equal_var=False).confidence_interval(0.95)
    assert (math.log(effect.low), math.log(effect.high)) == pytest.approx((expected.low, expected.high))


def test_swapping_the_arms_mirrors_the_effect():
    one = comparison.rate_effect("goal", (50, 500), (80, 500), higher_is_better=True)
    two = comparison.rate_effect("goal", (80, 500), (50, 500), higher_is_better=True)
    assert (one.low, one.high) == pytest.approx((-two.high, -two.low))
    assert (one.better, two.worse) == (True, True)


def test_a_better_metric_does_not_ship_while_a_guardrail_is_open():
    goal = comparison.rate_effect("goal", (500, 5000), (650, 5000), higher_is_better=True)
    errors_open = comparison.Guardrail(
        comparison.rate_effect("errors", (2, 50), (3, 50), higher_is_better=False), 0.005
    )
    errors_fine = comparison.Guardrail(
        comparison.rate_effect("errors", (50, 5000), (48, 5000), higher_is_better=False), 0.005
    )
    errors_bad = comparison.Guardrail(
        comparison.rate_effect("errors", (50, 5000), (150, 5000), higher_is_better=False), 0.005
    )
    assert comparison.decide(goal, [errors_open])[0] == "not enough data"
    assert comparison.decide(goal, [errors_fine])[0] == "ship"
    assert comparison.decide(goal, [errors_bad])[0] == "stop"
    flat = comparison.rate_effect("goal", (500, 5000), (505, 5000), higher_is_better=True)
    assert comparison.decide(flat, [errors_fine])[0] == "not enough data"


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: planning.users_for_rate(0.05, 0.05), "changed"),
        (lambda: planning.users_for_rate(0.05, 0.06, share=0.0), "share"),
        (lambda: planning.users_for_latency(1.0, 0.5), "ratio"),
        (lambda: planning.detectable(-1.0), "users_per_day"),
        (lambda: comparison.rate_effect("x", (3, 2), (1, 2), higher_is_better=True), "control"),
        (lambda: comparison.latency_effect("x", [1.0, 2.0], [1.0]), "treatment"),
    ],
)
def test_impossible_plans_are_refused_by_name(call, field):
    with pytest.raises(ValueError, match=field):
        call()


def test_no_hit_among_the_rule_of_three_excludes_the_rate():
    assert planning.cases_to_exclude(0.01) == 299
    assert planning.cases_to_exclude(0.01, 2) > planning.cases_to_exclude(0.01, 1) > 299


def test_the_paired_gate_finds_what_it_promises():
    random, drop = np.random.default_rng(4), planning.paired_detectable(500, 0.08)
    worse, better = (0.08 + drop) / 2, (0.08 - drop) / 2
    found = 0
    for _ in range(2000):
        b, c, _ = random.multinomial(500, [worse, better, 1 - worse - better])
        found += (b - c) / math.sqrt(max(1, b + c)) > 1.645
    assert found / 2000 == pytest.approx(0.80, abs=0.05)


def test_the_quantile_interval_covers_the_quantile():
    random, true = np.random.default_rng(5), math.exp(0.6 * 1.6448536)
    half = planning.quantile_half_width(500, 0.6)
    inside = sum(abs(np.quantile(np.exp(random.normal(0, 0.6, 500)), 0.95) / true - 1) < half for _ in range(1500))
    assert inside / 1500 == pytest.approx(0.95, abs=0.03)
