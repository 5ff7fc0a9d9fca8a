"""The live monitor: outcomes become windows, checks say harm, safe or not yet, and silence is never safety."""

import random

import pytest

from reference.serving.rollout.statistics.monitor import SequentialMonitor, odds_limit
from reference.serving.rollout.statistics.verdict import verdict
from reference.serving.rollout.types import BASELINE, CANDIDATE, CheckState, Outcome, Policy, RolloutError

POLICY = Policy(steps=(0.2, 1.0), bake_s=(60.0, 60.0))


def outcomes(n, *, share=0.2, slower=1.0, errors=0.01, candidate_errors=None, users=None, start=0.0, seed=1):
    rng, made = random.Random(seed), []
    for index in range(n):
        user = f"u{rng.randrange(users)}" if users else f"u{seed}-{index}"
        candidate = random.Random(f"salt{user}").random() < share
        rate = errors if not candidate or candidate_errors is None else candidate_errors
        failed = rng.random() < rate
        latency = rng.lognormvariate(0, 0.4) * (slower if candidate else 1.0)
        arm = CANDIDATE if candidate else BASELINE
        made.append(Outcome(arm, user, start + index * 0.1, failed, None if failed else latency, rng.random() < 0.9, 1))
    return made


def look(batches, policy=POLICY, **options):
    monitor = SequentialMonitor(policy, window_s=10.0, warm_up=50, **options)
    now = 0.0
    for batch in batches:
        monitor.add(batch)
        now = batch[-1].at
        monitor.look(now)
    return monitor, monitor.look(now + 100.0)


def states(checks):
    return {check.check: check.state for check in checks}


@pytest.mark.slow
def test_a_harmless_candidate_is_shown_safe():
    _, checks = look([outcomes(20_000)])
    said = verdict(POLICY, checks)
    assert said.safe, checks
    assert states(checks)["latency, p95"] is CheckState.SAFE


def test_a_slower_candidate_is_harm():
    _, checks = look([outcomes(8_000, slower=1.25)])
    assert "latency, typical" in verdict(POLICY, checks).harm


def test_doubled_errors_are_harm_and_an_alarm_stays():
    monitor, checks = look([outcomes(6_000, candidate_errors=0.10)])
    assert "error rate" in verdict(POLICY, checks).harm
    monitor.add(outcomes(3_000, start=1000.0, seed=2))
    assert "error rate" in verdict(POLICY, monitor.look(5_000.0)).harm


def test_silence_is_never_safety():
    monitor = SequentialMonitor(POLICY)
    assert not verdict(POLICY, monitor.look(1e6)).safe
    assert not verdict(POLICY, ()).safe
    monitor.add([one for one in outcomes(500) if one.arm == BASELINE])
    checks = monitor.look(1e6)
    assert states(checks)["error rate"] is CheckState.NO_DATA
    assert not verdict(Policy(require_safe=False), checks).safe


def test_looking_often_changes_nothing_but_the_moment():
    made = outcomes(3_000, slower=1.3)
    _, once = look([made])
    _, often = look([made[i : i + 100] for i in range(0, 3_000, 100)])
    assert [c.effect for c in once] == pytest.approx([c.effect for c in often])


def test_one_user_who_fails_a_thousand_times_is_one_unit():
    broken = [Outcome(CANDIDATE, "same-user", i * 0.05, True) for i in range(1_000)]
    monitor = SequentialMonitor(POLICY, window_s=10.0, warm_up=50)
    monitor.add(sorted([*outcomes(500), *broken], key=lambda one: one.at))
    assert not verdict(POLICY, monitor.look(1e4)).harm


def test_a_split_that_differs_from_the_share_is_a_mismatch():
    _, checks = look([outcomes(6_000, share=0.3)])
    assert verdict(POLICY, checks).mismatch
    _, sound = look([outcomes(6_000, share=0.2)])
    assert not verdict(POLICY, sound).mismatch


def test_late_outcomes_are_counted_as_late_and_not_used():
    monitor, _ = look([outcomes(1_000)])
    before = monitor.results()
    monitor.add(outcomes(50, seed=3))
    assert monitor.late == 50
    assert monitor.look(2e4) == before


def test_impossible_outcomes_are_refused_and_none_of_the_batch_counts():
    monitor = SequentialMonitor(POLICY)
    good = outcomes(10)
    with pytest.raises(RolloutError, match="latency_s"):
        monitor.add([*good, Outcome(CANDIDATE, "u", 1.0, False, -1.0)])
    with pytest.raises(RolloutError, match="arm"):
        monitor.add([Outcome("third", "u", 1.0)])
    monitor.look(1e6)
    assert monitor.results()[0].n_baseline == 0


@pytest.mark.slow
def test_a_tolerated_rise_needs_more_than_any_rise():
    assert odds_limit(0.01, 0.0) == 1.0
    assert odds_limit(0.01, 0.01) == pytest.approx((0.02 / 0.98) / (0.01 / 0.99))
    strict, mild = Policy(), Policy(error_increase_limit=0.05)
    batch = outcomes(6_000, candidate_errors=0.035)
    assert "error rate" in verdict(strict, look([batch], strict)[1]).harm
    assert "error rate" not in verdict(mild, look([batch], mild)[1]).harm
