"""Simulated rollouts: the sequential rule keeps its promises, and what it is compared with is a real rule."""

import dataclasses
import math

import numpy as np
import pytest

from reference.serving.rollout.simulation.fixed_thresholds import FixedThreshold, Thresholds, fitted
from reference.serving.rollout.simulation.rollouts import (
    HELD,
    MISMATCH,
    PROMOTED,
    ROLLED_BACK,
    Sequential,
    many,
    simulate,
    summarize,
)
from reference.serving.rollout.simulation.scenario import Scenario, Traffic
from reference.serving.rollout.types import Policy, RolloutError

POLICY = Policy()
SAME = Scenario("same")


def ends(scenario: Scenario, policy: Policy = POLICY, n: int = 12) -> list[str]:
    return [run.end for run in many(scenario, policy, lambda: Sequential(policy), n, window_s=900.0)]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_rollout():
    one, two, other = (simulate(SAME, POLICY, Sequential(POLICY), seed) for seed in (4, 4, 5))
    assert one == two
    assert one != other


@pytest.mark.slow
def test_a_harmless_release_reaches_everybody():
    assert ends(SAME).count(PROMOTED) >= 11


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [{"latency_ratio": 1.10}, {"error_ratio": 2.0}, {"tail_share": 0.05, "tail_ratio": 3.0}, {"goal_ratio": 0.8}],
    ids=lambda change: next(iter(change)),
)
def test_a_harmful_release_never_leaves_the_first_share(change):
    runs = many(dataclasses.replace(SAME, **change), POLICY, lambda: Sequential(POLICY), 12, window_s=900.0)
    assert [run.share for run in runs] == [0.05] * 12
    assert {run.end for run in runs} == {ROLLED_BACK}


def test_a_broken_split_pauses_instead_of_deciding():
    assert set(ends(dataclasses.replace(SAME, skew=1.3))) == {MISMATCH}


@pytest.mark.slow
def test_too_little_traffic_holds_and_never_promotes():
    runs = many(dataclasses.replace(SAME, units_per_s=0.001), POLICY, lambda: Sequential(POLICY), 6, window_s=3600.0)
    assert {run.end for run in runs} <= {HELD, ROLLED_BACK}
    assert all(run.share == 0.05 for run in runs)


@pytest.mark.slow
def test_a_common_outage_is_not_the_candidates_fault():
    runs = ends(dataclasses.replace(SAME, outage_every_s=7200.0))
    assert runs.count(ROLLED_BACK) <= 2


def test_thresholds_at_the_limits_stop_harmless_releases_of_small_services():
    thresholds = fitted(SAME, POLICY)
    runs = many(SAME, POLICY, lambda: FixedThreshold(POLICY, thresholds), 12, window_s=300.0)
    assert sum(run.end == ROLLED_BACK for run in runs) >= 11


def test_a_threshold_far_away_lets_a_harmful_release_through():
    far = Thresholds("far", 0.5, None, 3, 300.0)
    runs = many(
        dataclasses.replace(SAME, error_ratio=3.0), POLICY, lambda: FixedThreshold(POLICY, far), 6, window_s=900.0
    )
    assert {run.end for run in runs} == {PROMOTED}


def test_windows_have_the_moments_of_the_scenario():
    scenario = Scenario("m", units_per_s=2.0, swing=0.0, tail_share=0.1, tail_ratio=2.0, latency_ratio=1.2)
    traffic = Traffic(scenario, np.random.default_rng(2), 900.0, 0.95, 1.10)
    windows = [traffic.window(index * 900.0, 0.5) for index in range(400)]
    timed = sum(w.candidate.timed for w in windows)
    mean = sum(w.candidate.timed * w.candidate.mean_log for w in windows) / timed
    assert mean == pytest.approx(math.log(0.8 * 1.2) + 0.1 * math.log(2), abs=0.01)
    assert sum(w.baseline.failed for w in windows) / sum(w.baseline.units for w in windows) == pytest.approx(
        0.01, rel=0.1
    )
    base = sum(w.baseline.timed for w in windows)
    assert sum(w.baseline.slow for w in windows) / base == pytest.approx(0.05, rel=0.05)
    # Slower than the threshold / 1.10 in the baseline is what slower than the threshold would be at +10 %.
    expected = 0.5 * math.erfc((1.6448536 - math.log(1.10) / 0.6) / math.sqrt(2))
    assert sum(w.baseline.slow_scaled for w in windows) / base == pytest.approx(expected, rel=0.05)


@pytest.mark.slow
def test_a_summary_counts_every_run_once():
    runs = many(SAME, POLICY, lambda: Sequential(POLICY), 5, window_s=3600.0)
    said = summarize("same", "sequential", runs, 0.05)
    assert said.n == 5
    assert said.promoted == sum(run.end == PROMOTED for run in runs) / 5
    assert said.rolled_back_low <= said.rolled_back <= said.rolled_back_high


def test_impossible_scenarios_are_refused_by_name():
    with pytest.raises(RolloutError, match="units_per_s"):
        Scenario("x", units_per_s=0.0)
    with pytest.raises(RolloutError, match="error_ratio"):
        Scenario("x", error_rate=0.6, error_ratio=2.0)
    with pytest.raises(RolloutError, match="window_s"):
        simulate(SAME, POLICY, Sequential(POLICY), 1, window_s=1e6)
