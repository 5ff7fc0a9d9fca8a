"""Routing: sticky, one way only, one version per user and state, and it goes on when its stores do not answer."""

import asyncio
import dataclasses
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.serving.rollout.routing.blue_green import BlueGreen
from reference.serving.rollout.routing.client import VersionedClient
from reference.serving.rollout.routing.experiments import Experiment, Experiments
from reference.serving.rollout.routing.hashing import bucket
from reference.serving.rollout.routing.recorder import MemoryOutcomes, VersionMetrics
from reference.serving.rollout.routing.router import Router, version_of
from reference.serving.rollout.routing.shadow import Shadow
from reference.serving.rollout.types import BASELINE, CANDIDATE, Outcome, Phase, RolloutError, RolloutState

STATE = RolloutState("r1", "m", "v1.0", "v1.1", Phase.RUNNING, 0, 0.25, 0.0, 1)
users = st.text(min_size=1, max_size=30)


def state(**changes):
    return dataclasses.replace(STATE, **changes)


def test_a_bucket_is_the_same_in_another_process():
    code = "from reference.serving.rollout.routing.hashing import bucket; print(repr(bucket('anna', 's')))"
    said = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    ]
    assert said == [f"{bucket('anna', 's')!r}\n"] * 2


def test_buckets_are_uniform_and_independent_between_salts():
    from scipy.stats import chi2_contingency, chisquare

    n, ones, twos = 20_000, [], []
    for index in range(n):
        ones.append(int(bucket(f"user-{index}", "one") * 10))
        twos.append(int(bucket(f"user-{index}", "two") * 10))
    assert chisquare([ones.count(k) for k in range(10)]).pvalue > 1e-4
    table = [[0] * 10 for _ in range(10)]
    for a, b in zip(ones, twos, strict=True):
        table[a][b] += 1
    assert chi2_contingency(table).pvalue > 1e-4


@given(users, st.floats(0, 1), st.floats(0, 1))
def test_a_ramp_moves_users_one_way_only(user, a, b):
    low, high = sorted((a, b))
    place = bucket(user, "s:r1")
    before, after = version_of(state(share=low), place)[0], version_of(state(share=high), place)[0]
    assert (before, after) != ("v1.1", "v1.0")


@given(users, st.sampled_from(Phase), st.sampled_from([0.0, 0.05, 0.5, 1.0]))
def test_every_state_gives_every_user_exactly_one_version(user, phase, share):
    router = Router("s", lambda model: state(phase=phase, share=share))
    first, again = router.route(user, "m"), Router("s", lambda model: state(phase=phase, share=share)).route(user, "m")
    assert first == again
    assert first.version in ("v1.0", "v1.1")
    if phase in (Phase.ROLLED_BACK, Phase.ABORTED):
        assert first.version == "v1.0"
    if phase is Phase.FINISHED:
        assert first.version == "v1.1"


def test_an_empty_user_is_refused_whatever_runs():
    for current in (STATE, state(phase=Phase.FINISHED), None):
        router = Router("s", lambda model, current=current: current, lambda model: "v1.0")
        with pytest.raises(RolloutError, match="user"):
            router.route("", "m")


def test_a_store_that_fails_leaves_the_last_state_in_force():
    now, down = [0.0], [False]

    def states(model):
        if down[0]:
            raise ConnectionError("redis is gone")
        return state(share=1.0)

    router = Router("s", states, clock=lambda: now[0])
    assert router.route("anna", "m").version == "v1.1"
    down[0], now[0] = True, 10.0
    assert router.route("anna", "m").version == "v1.1"
    assert "redis is gone" in router.stale["m"]
    down[0], now[0] = False, 20.0
    router.route("anna", "m")
    assert router.stale == {}
    with pytest.raises(RolloutError, match="does not answer"):
        down[0] = True
        Router("s", states).route("anna", "m")


def test_a_rollback_reaches_the_router_after_its_fresh_time():
    now, current = [0.0], [state(share=1.0)]
    router = Router("s", lambda model: current[0], fresh_s=1.0, clock=lambda: now[0])
    assert router.route("anna", "m").version == "v1.1"
    current[0] = state(phase=Phase.ROLLED_BACK, share=0.0)
    now[0] = 0.99
    assert router.route("anna", "m").version == "v1.1"
    now[0] = 1.0
    assert router.route("anna", "m").version == "v1.0"


def test_a_model_without_a_rollout_serves_production_and_an_unknown_one_is_refused():
    router = Router("s", lambda model: None, {"m": "v1.0"}.get)
    assert router.route("anna", "m").version == "v1.0"
    with pytest.raises(RolloutError, match="production"):
        router.route("anna", "other")


AB = Experiment("ab", "layer", "m", 0.4, (("control", "v1.0"), ("treatment", "v1.1")))
CD = Experiment("cd", "layer", "m", 0.5, (("control", "v1.0"), ("treatment", "v0.9")))


@settings(max_examples=200)
@given(users)
def test_experiments_of_a_layer_exclude_each_other_and_stick(user):
    both = Experiments([AB, CD], "s")
    got = both.assign(user, "m")
    assert got == Experiments([AB, CD], "s").assign(user, "m")
    alone = [Experiments([one], "s").assign(user, "m") for one in (AB,)]
    if alone[0]:
        assert got.experiment == "ab"


def test_shares_of_experiments_are_met_and_the_rest_is_held_back():
    both, counts = Experiments([AB, CD], "s"), {}
    for index in range(20_000):
        got = both.assign(f"u{index}", "m")
        key = (got.experiment, got.arm) if got else None
        counts[key] = counts.get(key, 0) + 1
    for key, share in {("ab", "control"): 0.2, ("ab", "treatment"): 0.2, ("cd", "control"): 0.25, None: 0.1}.items():
        assert counts[key] / 20_000 == pytest.approx(share, abs=0.012)


def test_layers_are_independent():
    other = Experiment("x", "second", "n", 0.5, (("control", "a"), ("treatment", "b")))
    both = Experiments([AB, other], "s")
    people = [f"u{index}" for index in range(10_000)]
    in_ab = [user for user in people if both.assign(user, "m")]
    in_both = [user for user in in_ab if both.assign(user, "n")]
    assert len(in_both) / len(in_ab) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("experiments", "field"),
    [
        ([AB, dataclasses.replace(CD, share=0.7)], "share"),
        ([AB, dataclasses.replace(CD, name="ab")], "name"),
        ([AB, dataclasses.replace(CD, layer="second")], "layer"),
    ],
)
def test_overlapping_experiments_are_refused_by_name(experiments, field):
    with pytest.raises(RolloutError, match=field):
        Experiments(experiments, "s")


def test_a_running_rollout_keeps_experiments_off_its_model():
    router = Router("s", lambda model: STATE, experiments=Experiments([dataclasses.replace(AB, share=1.0)], "s"))
    assert router.route("anna", "m").experiment == ""
    over = Router(
        "s",
        lambda model: state(phase=Phase.ROLLED_BACK),
        experiments=Experiments([dataclasses.replace(AB, share=1.0)], "s"),
    )
    assert over.route("anna", "m").experiment == "ab"


def test_blue_green_drains_the_old_slot_before_it_is_replaced():
    slots = BlueGreen("v1.0")
    with pytest.raises(RolloutError, match="empty"):
        slots.switch()
    slots.deploy("v1.1")
    with slots.request() as version:
        assert version == "v1.0"
        slots.switch()
        with slots.request() as newer:
            assert newer == "v1.1"
        with pytest.raises(RolloutError, match="1 requests still run"):
            slots.deploy("v1.2", timeout_s=0.0)
    assert slots.deploy("v1.2", timeout_s=0.0) == "blue"
    slots.switch()
    assert slots.version(slots.live) == "v1.2"


def test_no_request_is_lost_while_slots_switch():
    slots, served = BlueGreen("a"), []
    slots.deploy("b")

    def work():
        for _ in range(300):
            with slots.request() as version:
                served.append(version)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        slots.switch()
    for thread in threads:
        thread.join()
    assert len(served) == 1200
    assert (slots.in_flight("blue"), slots.in_flight("green")) == (0, 0)


def test_shadow_traffic_never_delays_or_fails_the_answer():
    async def slow(text):
        await asyncio.sleep(0 if text != "hang" else 60)
        if text == "boom":
            raise RuntimeError
        return text.upper()

    async def main():
        async with Shadow(slow, lambda a, b: a == b, 1.0, queue=3, workers=1, timeout_s=0.01) as shadow:
            assert [shadow.offer(str(i), t, t.upper()) for i, t in enumerate(["a", "boom", "hang", "full"])] == [
                True, True, True, False,
            ]  # fmt: skip
            await shadow.drain()
            shadow.offer("9", "b", "C")
            await shadow.drain()
            return shadow.counts

    counts = asyncio.run(main())
    assert (counts.copied, counts.dropped, counts.failed, counts.agreed, counts.differed) == (4, 1, 2, 1, 1)


def run_client(ask, current=STATE, n=200):
    outcomes, metrics = MemoryOutcomes(), VersionMetrics()
    client = VersionedClient(Router("s", lambda model: current), "m", ask, outcomes, metrics=metrics, clock=lambda: 5.0)

    async def main():
        return [await client.ask(f"u{i}", "hello", f"q{i}") for i in range(n)]

    return asyncio.run(main()), outcomes.read("r1", "")[0], metrics.text()


def test_a_failing_candidate_is_counted_and_no_user_sees_it():
    async def ask(version, text):
        if version == "v1.1":
            raise ConnectionError("500")
        return version

    answers, outcomes, text = run_client(ask)
    assert {one.served_by for one in answers} == {"v1.0"}
    failed = [one for one in outcomes if one.error]
    assert len(failed) == sum(one.retried for one in answers) > 20
    assert {one.arm for one in failed} == {CANDIDATE}
    assert f'rollout_requests_total{{arm="candidate",model="m",outcome="error",version="v1.1"}} {len(failed)}.0' in text


def test_a_failing_baseline_fails():
    async def ask(version, text):
        raise ConnectionError("500")

    with pytest.raises(ConnectionError):
        run_client(ask)


def test_every_answer_is_recorded_once_under_its_arm():
    async def ask(version, text):
        return version

    answers, outcomes, _ = run_client(ask)
    assert len(outcomes) == 200
    assert sum(one.arm == CANDIDATE for one in outcomes) == sum(one.served_by == "v1.1" for one in answers)
    assert not any(one.error for one in outcomes)


def test_memory_outcomes_are_idempotent_bounded_and_never_skip_silently():
    outcomes = MemoryOutcomes(most=5)
    assert outcomes.record("r", "q1", Outcome(BASELINE, "u", 1.0))
    assert not outcomes.record("r", "q1", Outcome(BASELINE, "u", 1.0))
    _, cursor = outcomes.read("r", "")
    for index in range(2, 6):
        outcomes.record("r", f"q{index}", Outcome(BASELINE, "u", float(index)))
    found, _ = outcomes.read("r", cursor)
    assert [one.at for one in found] == [2.0, 3.0, 4.0, 5.0]
    outcomes.record("r", "q7", Outcome(BASELINE, "u", 7.0))
    with pytest.raises(RolloutError, match="no longer kept"):
        outcomes.read("r", "")
    with pytest.raises(RolloutError, match="arm"):
        outcomes.record("r", "q8", Outcome("third", "u", 8.0))
