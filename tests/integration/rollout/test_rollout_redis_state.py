"""The rollout's state in a real Redis: one writer, whole writes, and processes that fight or die."""

import os
import signal
import subprocess
import sys
import time

import pytest

from reference.serving.redis_store import connect, private_redis
from reference.serving.rollout.control.redis_state import RedisStateStore
from reference.serving.rollout.control.store import LeaseLostError, verify
from reference.serving.rollout.types import Phase, Policy, RolloutError, RolloutState

POLICY = Policy()
STATE = RolloutState("r1", "m", "v1.0", "v1.1", Phase.RUNNING, 0, 0.05, 1000.0, 1)


@pytest.fixture(scope="module")
def server():
    with private_redis() as running:
        yield running


@pytest.fixture
def store(server):
    client = connect(server.url)
    client.flushdb()
    return RedisStateStore(client)


def generation(state, number, **changes):
    import dataclasses

    return dataclasses.replace(state, generation=number, **changes)


def test_what_is_saved_is_loaded_again_and_followed_by_routers(store):
    assert store.load("r1") is None
    assert store.active("m") is None
    assert store.acquire("r1", "one", 10)
    store.save(STATE, POLICY, "one", {"decision": "start"})
    assert store.load("r1") == (STATE, POLICY)
    assert store.active("m") == STATE
    assert verify(store.audit("r1")) == ""


def test_a_write_without_the_lease_or_out_of_turn_changes_nothing(store):
    with pytest.raises(LeaseLostError, match="does not hold"):
        store.save(STATE, POLICY, "one", {})
    store.acquire("r1", "one", 10)
    store.save(STATE, POLICY, "one", {})
    with pytest.raises(LeaseLostError, match="generation 1 after 1"):
        store.save(generation(STATE, 1, share=0.25), POLICY, "one", {})
    with pytest.raises(LeaseLostError, match="does not hold"):
        store.save(generation(STATE, 2, share=0.25), POLICY, "two", {})
    assert store.load("r1")[0].share == 0.05
    assert len(store.audit("r1")) == 1


def test_the_servers_clock_ends_a_lease(store):
    assert store.acquire("r1", "one", 10)
    assert not store.acquire("r1", "two", 10)
    assert store.acquire("r1", "one", 0.05)
    deadline = time.monotonic() + 5
    while not store.acquire("r1", "two", 10):
        assert time.monotonic() < deadline
    with pytest.raises(LeaseLostError):
        store.save(STATE, POLICY, "one", {})


def test_a_second_rollout_of_a_model_waits_for_the_end_of_the_first(store):
    store.acquire("r1", "one", 10)
    store.save(STATE, POLICY, "one", {})
    store.acquire("r2", "one", 10)
    other = RolloutState("r2", "m", "v1.0", "v0.9", Phase.RUNNING, 0, 0.05, 1.0, 1)
    with pytest.raises(RolloutError, match="r1 is still running"):
        store.save(other, POLICY, "one", {})
    assert store.load("r2") is None
    store.save(generation(STATE, 2, phase=Phase.ROLLED_BACK), POLICY, "one", {})
    store.save(other, POLICY, "one", {})
    assert store.active("m").rollout_id == "r2"


_WRITER = """
import sys, time, dataclasses
from reference.serving.redis_store import connect
from reference.serving.rollout.control.redis_state import RedisStateStore
from reference.serving.rollout.control.store import LeaseLostError
from reference.serving.rollout.types import Policy, RolloutState, Phase
store, owner, seconds = RedisStateStore(connect(sys.argv[1])), sys.argv[2], float(sys.argv[3])
end, written = time.monotonic() + seconds, 0
print("up", flush=True)
while time.monotonic() < end or not written:  # the other may have held the lease all the time
    if not store.acquire("r1", owner, 0.3):
        time.sleep(0.01)
        continue
    found = store.load("r1")
    state = found[0] if found else RolloutState("r1", "m", "a", "b", Phase.RUNNING, 0, 0.05, 1.0, 0)
    try:
        store.save(dataclasses.replace(state, generation=state.generation + 1), Policy(), owner, {"by": owner})
        written += 1
    except LeaseLostError:
        pass
    if written % 20 == 0:
        store.release("r1", owner)
        time.sleep(0.02)  # longer than the other one waits before it asks again
"""


def spawn(server, owner, seconds):
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, server.url, owner, str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "up\n"
    return process


@pytest.mark.slow
def test_two_processes_that_fight_leave_one_unbroken_log(server, store):
    processes = [spawn(server, owner, 3.0) for owner in ("one", "two")]
    assert [process.wait(60) for process in processes] == [0, 0]
    log = store.audit("r1")
    assert verify(log) == ""
    assert {one["owner"] for one in log} == {"one", "two"}
    assert store.load("r1")[0].generation == len(log)


def test_a_killed_controllers_lease_ends_and_the_next_goes_on(server, store):
    process = spawn(server, "doomed", 60.0)
    deadline = time.monotonic() + 30
    while len(store.audit("r1")) < 30:
        assert time.monotonic() < deadline
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    written = len(store.audit("r1"))
    while not store.acquire("r1", "heir", 10):
        assert time.monotonic() < deadline
    state, policy = store.load("r1")
    store.save(generation(state, state.generation + 1, reason="taken over"), policy, "heir", {})
    assert verify(store.audit("r1")) == ""
    assert len(store.audit("r1")) == written + 1


def test_a_lease_is_given_up_only_by_its_owner_and_taken_over_by_hand(store):
    store.acquire("r1", "one", 10)
    store.release("r1", "two")
    assert not store.acquire("r1", "two", 10)
    store.take_over("r1", "two", 10)
    with pytest.raises(LeaseLostError, match="does not hold"):
        store.save(STATE, POLICY, "one", {})
    store.save(STATE, POLICY, "two", {})
    store.release("r1", "two")
    assert store.acquire("r1", "one", 10)


def test_the_store_has_its_own_clock_and_keeps_the_head_of_the_log(store):
    assert abs(store.now() - time.time()) < 5
    assert store.head("r1") == ""
    store.acquire("r1", "one", 10)
    store.save(STATE, POLICY, "one", {})
    assert store.head("r1") == store.audit("r1")[-1]["hash"]
    store.redis.rpop("rollout:audit:r1")
    assert "missing" in verify(store.audit("r1"), store.head("r1"))
