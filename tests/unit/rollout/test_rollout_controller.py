"""The controller promotes on evidence alone, rolls back on harm, survives a crash at every step, has one winner."""

import dataclasses
import json

import pytest
from rollout_fakes import MODEL, POLICY, Crash, World

from reference.serving.rollout.control.decide import Situation, decide
from reference.serving.rollout.control.observation import share_history
from reference.serving.rollout.control.store import entry, verify
from reference.serving.rollout.routing.router import version_of
from reference.serving.rollout.types import (
    BASELINE,
    CANDIDATE,
    CheckResult,
    CheckState,
    Decision,
    Outcome,
    Phase,
    RolloutError,
    RolloutState,
)


def drive(world, controller, ticks=60, seconds=20.0):
    """Tick until the rollout is over, as a loop in a process would."""
    for _ in range(ticks):
        world.pass_time(seconds)
        controller.tick()
        if world.state().over and not world.state().pending:
            return world.state()
    return world.state()


def started(**options):
    world = World(**options)
    controller = world.controller()
    controller.start(MODEL, "v1.1", world.policy)
    return world, controller


def test_a_good_release_goes_through_every_share_to_everybody():
    world, controller = started()
    state = drive(world, controller)
    assert state.phase is Phase.FINISHED
    assert world.registry.aliases == {"production": "v1.1", "canary": "v1.1", "rollback": "v1.0"}
    shares = [one["state"]["share"] for one in world.store.audit("r1")]
    assert sorted(set(shares)) == [0.05, 0.25, 0.5, 1.0]
    assert shares == sorted(shares)
    assert world.engine.names >= {"v1.0", "v1.1"}  # the way back stays loaded
    assert verify(world.store.audit("r1")) == ""


@pytest.mark.parametrize("step", [0, 1, 2])
def test_harm_at_any_step_sends_everybody_back(step):
    world, controller = started()
    while world.state().step < step:
        world.pass_time(20.0)
        controller.tick()
    world.states["error rate"] = CheckState.HARM
    world.pass_time(20.0)
    assert controller.tick() is Decision.ROLL_BACK
    state = world.state()
    assert (state.phase, state.share) == (Phase.ROLLED_BACK, 0.0)
    assert world.registry.aliases["production"] == "v1.0"
    assert world.engine.names == {"v1.0", "v1.1"}, "requests under way still need it"
    assert "error rate" in state.reason
    world.pass_time(POLICY.drain_s)
    controller.tick()
    assert world.engine.names == {"v1.0"}
    assert world.state().pending == ""


def test_not_yet_safe_holds_and_after_its_patience_waits_for_a_person():
    world, controller = started()
    world.states["latency, typical"] = CheckState.UNDECIDED
    state = drive(world, controller, ticks=80)
    assert (state.phase, state.paused_by, state.share) == (Phase.PAUSED, "not shown safe", 0.05)
    world.states.clear()
    world.pass_time(1000.0)
    assert controller.tick() is Decision.HOLD
    controller.resume("looked at it")
    assert drive(world, controller).phase is Phase.FINISHED


@pytest.mark.parametrize("arms", [(), (BASELINE,), (CANDIDATE,)])
def test_silence_pauses_and_never_promotes(arms):
    world, controller = started()
    for _ in range(30):
        world.pass_time(20.0, arms)
        controller.tick()
    state = world.state()
    assert (state.phase, state.paused_by, state.step) == (Phase.PAUSED, "silence", 0)
    # Traffic comes back: it goes on by itself, and the pause does not count as bake time.
    world.pass_time(20.0)
    controller.tick()
    assert world.state().phase is Phase.RUNNING
    assert world.now - world.state().step_started_at < POLICY.bake_s[0] + POLICY.silence_s + 40


def test_a_registry_that_is_down_pauses_and_harm_still_rolls_back():
    world, controller = started()
    world.registry.down = True
    world.pass_time(20.0)
    assert controller.tick() is Decision.PAUSE
    assert (world.state().share, world.state().paused_by) == (0.05, "registry")
    world.states["error rate"] = CheckState.HARM
    world.pass_time(20.0)
    assert controller.tick() is Decision.ROLL_BACK
    assert (world.state().share, world.state().pending) == (0.0, "back")
    world.registry.down = False
    world.pass_time(POLICY.drain_s)
    controller.tick()
    assert world.state().pending == ""
    assert world.engine.names == {"v1.0"}


@pytest.mark.parametrize("alias", ["production", "canary"])
def test_an_alias_moved_by_hand_pauses_for_a_person(alias):
    world, controller = started()
    world.registry.aliases[alias] = "v0.9"
    world.pass_time(20.0)
    assert controller.tick() is Decision.PAUSE
    assert f"{alias} was moved" in world.state().reason
    world.registry.aliases[alias] = {"production": "v1.0", "canary": "v1.1"}[alias]
    world.pass_time(200.0)
    assert controller.tick() is Decision.HOLD
    assert world.state().share == 0.05


def test_a_candidate_deleted_while_in_use_is_rolled_back():
    world, controller = started()
    world.registry.known.remove("v1.1")
    world.pass_time(20.0)
    assert controller.tick() is Decision.ROLL_BACK
    assert "deleted" in world.state().reason
    assert world.state().share == 0.0


def test_a_clock_that_runs_behind_holds():
    world, controller = started()
    late = world.controller("one", clock=lambda: 10.0)
    world.pass_time(20.0)
    assert late.tick() is Decision.HOLD
    assert "clock" in late.reason or "bakes" in late.reason
    assert world.state().step == 0
    del controller


def test_the_second_controller_holds_until_the_lease_ends_and_then_takes_over():
    world, first = started()
    second = world.controller("two")
    world.pass_time(10.0)
    first.tick()
    assert second.tick() is Decision.HOLD
    assert "another controller" in second.reason
    world.pass_time(POLICY.lease_s + 1)
    second.tick()
    assert "another controller" not in second.reason
    assert first.tick() is Decision.HOLD
    assert "another controller" in first.reason
    assert verify(world.store.audit("r1")) == ""


def test_a_corrupt_adapter_starts_nothing():
    world = World()
    world.engine.broken.add("v1.1")
    with pytest.raises(RolloutError, match=r"v1\.1.*refuses"):
        world.controller().start(MODEL, "v1.1", POLICY)
    state = world.state()
    assert (state.phase, state.share) == (Phase.ABORTED, 0.0)
    assert "refuses" in world.store.audit("r1")[0]["evidence"]["reason"]
    assert "canary" not in world.registry.aliases
    assert version_of(state, 0.0)[0] == "v1.0"


def test_one_rollout_of_a_model_at_a_time():
    world, _ = started()
    other = world.controller("two")
    other.rollout_id = "r2"
    with pytest.raises(RolloutError, match="still running"):
        other.start(MODEL, "v0.9", POLICY)


def test_commands_by_hand_are_recorded_and_refused_when_over():
    world, controller = started()
    controller.pause("lunch")
    world.pass_time(500.0)
    assert controller.tick() is Decision.HOLD
    controller.resume("back")
    controller.roll_back("a customer called")
    assert world.state().phase is Phase.ROLLED_BACK
    for call in (controller.roll_back, controller.pause, controller.abort, controller.resume):
        with pytest.raises(RolloutError, match="r1"):
            call("again")
    said = [one["evidence"].get("decision") for one in world.store.audit("r1")]
    assert [one for one in said if one not in ("hold", "done")] == ["start", "pause", "resume", "roll back"]


def run_with_crash(at, after, harm):
    """A whole rollout whose process dies once around the call numbered `at`; a new controller goes on."""
    world = World()
    world.fault.at, world.fault.after = at, after
    winners = set()

    def step(call):
        try:
            call()
        except Crash:
            world.now += POLICY.lease_s + 1  # the lease of the dead one has to end
            return world.controller(f"new{world.fault.calls}")
        return None

    controller = world.controller("first")
    for _ in range(3):
        again = step(lambda current=controller: current.start(MODEL, "v1.1", POLICY))
        if again is None:
            break
        controller = again
    for tick in range(80):
        world.pass_time(20.0)
        if harm and tick == 8:
            world.states["error rate"] = CheckState.HARM
        controller = step(controller.tick) or controller
        state = world.state()
        if state.over:
            winners.add("v1.1" if state.share == 1.0 else "v1.0")
        if state.over and not state.pending:
            break
    return world, winners


@pytest.mark.slow
@pytest.mark.parametrize("harm", [False, True], ids=["good", "bad"])
def test_a_crash_around_any_write_changes_nothing_in_the_end(harm):
    world, _ = run_with_crash(-1, False, harm)
    calls, expected = world.fault.calls, (world.state().phase, dict(world.registry.aliases), set(world.engine.names))
    assert calls >= 8
    for at in range(calls):
        for after in (False, True):
            world, winners = run_with_crash(at, after, harm)
            state = world.state()
            assert (state.phase, dict(world.registry.aliases), set(world.engine.names)) == expected, (at, after)
            assert len(winners) == 1, (at, after)
            assert verify(world.store.audit("r1")) == "", (at, after)


def test_a_new_controller_replays_the_whole_rollout_into_its_monitor():
    world, controller = started()
    while world.state().step < 2:
        world.pass_time(20.0)
        controller.tick()
    world.now += POLICY.lease_s + 1
    other = world.controller("two")
    world.pass_time(20.0)
    other.tick()
    assert world.monitors[-1].seen == len(world.source.outcomes)
    assert [share for _, share in world.monitors[-1].shares] == [0.05, 0.25, 0.5]


def test_a_changed_audit_log_is_noticed():
    world, controller = started()
    drive(world, controller)
    log = world.store.audit("r1")
    assert verify(log) == ""
    changed = [dict(one) for one in log]
    changed[2] = changed[2] | {"evidence": {"decision": "nothing to see"}}
    assert "entry 3 was changed" in verify(changed)
    assert "does not follow" in verify(log[:1] + log[2:])


def test_a_pause_by_a_person_is_not_ended_by_a_dependency_that_comes_back():
    world, controller = started()
    controller.pause("an incident elsewhere")
    world.registry.down = True
    world.pass_time(20.0)
    assert controller.tick() is Decision.HOLD
    assert world.state().paused_by == "person"
    world.registry.down = False
    world.pass_time(500.0)
    assert controller.tick() is Decision.HOLD
    assert (world.state().phase, world.state().paused_by) == (Phase.PAUSED, "person")


def test_a_pause_is_no_bake_time():
    world, controller = started()
    world.pass_time(20.0)
    controller.tick()
    world.registry.down = True
    controller.tick()
    world.pass_time(POLICY.bake_s[0] + 50)
    world.registry.down = False
    assert controller.tick() is Decision.HOLD
    world.pass_time(1.0)
    assert controller.tick() is Decision.HOLD
    assert world.state().step == 0, "it had baked for 21 s when the registry went down"
    world.pass_time(POLICY.bake_s[0])
    assert controller.tick() is Decision.PROMOTE


def test_a_person_can_roll_back_while_another_process_holds_the_lease():
    world, loop = started()
    loop.tick()
    world.controller("console").roll_back("customers call")
    assert (world.state().phase, world.state().share) == (Phase.ROLLED_BACK, 0.0)
    world.pass_time(POLICY.drain_s)
    loop.tick()
    assert world.state().pending == ""
    assert verify(world.store.audit("r1"), world.store.head("r1")) == ""


def test_a_lease_taken_over_between_look_and_write_writes_nothing():
    world, loop = started()
    world.pass_time(20.0)
    look = loop.observation.look

    def interrupted(state, policy):
        seen = look(state, policy)
        world.controller("console").pause("wait")
        return seen

    loop.observation.look = interrupted
    world.states["error rate"] = CheckState.HARM
    assert loop.tick() is Decision.HOLD
    assert world.state().phase is Phase.PAUSED
    loop.observation.look = look
    assert loop.tick() is Decision.ROLL_BACK


def test_a_person_may_promote_what_the_statistics_cannot_decide():
    world, controller = started()
    world.states["latency, typical"] = CheckState.UNDECIDED
    drive(world, controller, ticks=80)
    for share in (0.25, 0.5, 1.0):
        assert controller.promote("the owner says so").share == share
    assert controller.promote("and done").phase is Phase.FINISHED
    assert world.registry.aliases["production"] == "v1.1"


def test_outcomes_from_a_clock_ahead_do_not_hide_silence():
    world, controller = started()
    world.source.outcomes += [Outcome(arm, f"{arm}1", world.now + 1e6, False, 0.5) for arm in (BASELINE, CANDIDATE)]
    world.now += 1
    controller.tick()
    world.now += POLICY.silence_s + 2
    assert controller.tick() is Decision.PAUSE
    assert world.state().paused_by == "silence"


def test_an_impossible_outcome_is_counted_and_the_others_of_its_batch_are_kept():
    world, controller = started()
    world.pass_time(20.0)
    world.source.outcomes.insert(3, Outcome(CANDIDATE, "u", world.now, False, -1.0))
    world.source.outcomes.insert(9, Outcome("both", "u", world.now, False, 0.5))
    controller.tick()
    assert controller.rejected == 2
    assert world.monitors[-1].seen == len(world.source.outcomes) - 2


def test_outcomes_that_cannot_be_read_pause_until_they_can():
    world, controller = started()
    read, world.source.read = world.source.read, lambda *a: (_ for _ in ()).throw(OSError("gone"))
    world.pass_time(20.0)
    assert controller.tick() is Decision.PAUSE
    assert world.state().paused_by == "outcomes"
    world.source.read = read
    controller.tick()
    assert world.state().phase is Phase.RUNNING
    assert world.monitors[-1].seen == len(world.source.outcomes), "what came meanwhile is not lost"


def test_an_engine_that_was_restarted_gets_its_adapters_back():
    world, controller = started()
    world.pass_time(20.0)
    controller.tick()
    world.engine.names.clear()
    controller.tick()
    assert world.engine.names == {"v1.0", "v1.1"}
    world.engine.names.clear()
    world.engine.broken.add("v1.1")
    assert controller.tick() is Decision.ROLL_BACK
    assert "not served any more" in world.state().reason


def test_an_engine_that_does_not_answer_pauses():
    world, controller = started()
    world.pass_time(20.0)
    loaded, world.engine.loaded = world.engine.loaded, lambda: (_ for _ in ()).throw(RolloutError("engine: no answer"))
    assert controller.tick() is Decision.PAUSE
    assert world.state().paused_by == "engine"
    world.engine.loaded = loaded
    controller.tick()
    assert world.state().phase is Phase.RUNNING


def test_the_loser_of_two_starts_leaves_the_alias_alone():
    world = World()
    first, second = world.controller("one"), world.controller("two")
    second.rollout_id = "r2"
    save = world.store.save

    def race(*arguments):
        world.store.save = save
        first.start(MODEL, "v1.1", POLICY)
        return save(*arguments)

    world.store.save = race
    with pytest.raises(RolloutError, match="still running"):
        second.start(MODEL, "v0.9", POLICY)
    assert world.registry.aliases["canary"] == "v1.1"


def test_a_rollout_id_is_used_once():
    world, controller = started()
    assert controller.start(MODEL, "v1.1", POLICY).generation == world.state().generation
    with pytest.raises(RolloutError, match="take another id"):
        controller.start(MODEL, "v0.9", POLICY)


def test_everybody_at_once_without_a_comparison_is_never_finished_by_itself():
    policy = dataclasses.replace(POLICY, steps=(1.0,), bake_s=(100.0,))
    state = RolloutState("r", MODEL, "v1.0", "v1.1", Phase.RUNNING, 0, 1.0, 0.0, 1)
    seen = Situation(200.0, [CheckResult("error rate", CheckState.NO_DATA, "")], 10_000)
    assert decide(state, policy, seen)[0] is Decision.HOLD


def test_the_share_history_ends_with_the_end_of_the_rollout():
    world, controller = started()
    world.pass_time(20.0)
    controller.tick()
    begun, ended = world.state().step_started_at, world.now
    controller.roll_back("no")
    assert share_history(world.store.audit("r1")) == [(begun, 0.05), (ended, 0.0)]


def test_a_cut_tail_of_the_log_is_seen_by_its_head():
    world, controller = started()
    drive(world, controller)
    log, head = world.store.audit("r1"), world.store.head("r1")
    assert verify(log, head) == ""
    assert verify(log[:-2]) == ""
    assert "are missing" in verify(log[:-2], head)


def test_numbers_that_json_does_not_know_are_written_as_words():
    made = entry(RolloutState("r", "m", "a", "b", Phase.RUNNING, 0, 0.1, 0.0, 1), "o",
                 {"high": float("inf"), "rows": [float("nan")]}, "", 0.0)  # fmt: skip
    assert json.loads(json.dumps(made, allow_nan=False))["evidence"] == {"high": "inf", "rows": ["nan"]}
