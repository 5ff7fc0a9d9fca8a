"""The controller: looks, decides, writes the decision down, then does what follows from it: a crash loses nothing.

Order of every change: the state first (routers follow it at once), then aliases and the engine, then a note that these
are done. Whatever a crash leaves undone stands in `state.pending` and is done by whoever holds the lease next; each
such step may be repeated. The previous version stays loaded until the rollout is finished, so the way back is one
write.
"""

from __future__ import annotations

import dataclasses
import os
import socket
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from reference.serving.rollout.control.decide import PASSING, Situation, decide
from reference.serving.rollout.interfaces import Engine, OutcomeSource, Registry, StateStore
from reference.serving.rollout.statistics.monitor import SequentialMonitor
from reference.serving.rollout.types import (
    BASELINE,
    CANDIDATE,
    CheckResult,
    Decision,
    ModelVersion,
    Phase,
    Policy,
    RolloutError,
    RolloutState,
)

PRODUCTION, CANARY, ROLLBACK = "production", "canary", "rollback"


def share_history(audit: Sequence[dict[str, Any]]) -> list[tuple[float, float]]:
    """(from when, share) of every share that a rollout served, from its audit log."""
    history: list[tuple[float, float]] = []
    for one in audit:
        state = one["state"]
        if not history or state["share"] != history[-1][1]:
            history.append((state["step_started_at"], state["share"]))
    return history


class Controller:
    """Runs one rollout. `store`, `source`, `registry`, `engine`: see interfaces; all calls are made from `tick` and the
    commands, in the caller's thread. `make_monitor(policy, state)` builds the statistics anew, also after a crash.

    Raises RolloutError from the commands for a state that forbids them; `tick` never raises for a missing dependency of
    the rollout (it pauses), only LeaseLostError and errors of the state store itself.
    """

    def __init__(
        self,
        rollout_id: str,
        store: StateStore,
        source: OutcomeSource,
        registry: Registry,
        engine: Engine,
        *,
        clock: Callable[[], float] = time.time,
        owner: str = "",
        make_monitor: Callable[[Policy, RolloutState], SequentialMonitor] | None = None,
        check_artefact: Callable[[ModelVersion], None] | None = None,
    ) -> None:
        self.rollout_id, self.store, self.source = rollout_id, store, source
        self.registry, self.engine, self.clock = registry, engine, clock
        self.owner = owner or f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._make_monitor = make_monitor or (lambda policy, state: SequentialMonitor(policy, state))
        self._check_artefact = check_artefact
        self._monitor: SequentialMonitor | None = None
        self._cursor, self._known_step, self._at_step = "", -1, 0
        self._last_note = ("", "")
        self.checks: tuple[CheckResult, ...] = ()
        self.reason = ""

    # -- commands

    def start(self, model: str, candidate: str, policy: Policy) -> RolloutState:
        """Begin: load the candidate, point the alias canary at it, serve the first share. Safe to call again.

        Raises RolloutError if there is no production version, the candidate is production already, unknown or corrupt,
        or another rollout of the model runs; nothing is served by the candidate then.
        """
        self._lease(policy)
        found = self.store.load(self.rollout_id)
        if found:
            return found[0]
        baseline = self.registry.alias(model, PRODUCTION)
        if baseline is None:
            raise RolloutError(f"{model}: no version has the alias {PRODUCTION}; set it on the one that serves now")
        if baseline == candidate:
            raise RolloutError(f"candidate: {candidate} is {PRODUCTION} already")
        running = self.store.active(model)
        if running and not running.over:
            raise RolloutError(f"{model}: rollout {running.rollout_id} is still running; finish or abort it first")
        version, previous = self.registry.get(model, candidate), self.registry.get(model, baseline)
        if self._check_artefact:
            self._check_artefact(version)
        for one in (previous, version):
            self.engine.load(one.served_as, one.path)
        self.registry.set_alias(model, CANARY, candidate)
        state = RolloutState(
            self.rollout_id, model, baseline, candidate, Phase.RUNNING, 0, policy.steps[0], self.clock(), 1, "started"
        )
        self._save(state, policy, {"decision": "start"})
        return state

    def roll_back(self, reason: str) -> RolloutState:
        """By hand: everybody back to the baseline, now. Raises RolloutError if the rollout is over."""
        return self._by_hand(Decision.ROLL_BACK, reason)

    def pause(self, reason: str) -> RolloutState:
        """Nothing moves until `resume`; harm still rolls back."""
        return self._by_hand(Decision.PAUSE, reason)

    def resume(self, reason: str) -> RolloutState:
        """Go on after a pause; the pause does not count as bake time. Raises RolloutError if nothing is paused."""
        state, policy = self._loaded()
        if state.phase is not Phase.PAUSED:
            raise RolloutError(f"{self.rollout_id}: is {state.phase}, not paused")
        self._lease(policy)
        return self._resumed(state, policy, reason)

    def abort(self, reason: str) -> RolloutState:
        """End without a verdict on the candidate; users go back to the baseline."""
        state, policy = self._loaded()
        self._refuse_over(state)
        self._lease(policy)
        return self._end(state, policy, Phase.ABORTED, reason, {"decision": "abort", "by": "hand"})

    # -- the loop

    def tick(self) -> Decision:
        """One look. HOLD also where another controller holds the lease; `reason` says why, `checks` what was seen."""
        found = self.store.load(self.rollout_id)
        if found is None:
            raise RolloutError(f"{self.rollout_id}: no such rollout; start it first")
        state, policy = found
        if not self.store.acquire(self.rollout_id, self.owner, policy.lease_s):
            self._monitor, self.reason = None, "another controller holds the lease"
            return Decision.HOLD
        state, policy = self._loaded()  # again: the last holder may have written since
        if state.over:
            self._finish_pending(state, policy)
            self.reason = state.reason
            return Decision.HOLD
        seen = self._look(state, policy)
        decision, reason, cause = decide(state, policy, seen)
        self.reason = reason
        evidence = {
            "decision": decision.value,
            "reason": reason,
            "requests at step": seen.candidate_requests,
            "checks": [dataclasses.asdict(one) for one in self.checks],
        }
        if decision is Decision.ROLL_BACK:
            self._end(state, policy, Phase.ROLLED_BACK, reason, evidence)
        elif decision is Decision.FINISH:
            self._end(state, policy, Phase.FINISHED, reason, evidence)
        elif decision is Decision.PROMOTE:
            self._promote(state, policy, reason, evidence)
        elif decision is Decision.PAUSE:
            self._pause(state, policy, reason, cause, evidence)
        elif state.phase is Phase.PAUSED and state.paused_by in PASSING:
            self._resumed(state, policy, f"{state.paused_by} is back")
        elif (decision.value, reason) != self._last_note:
            self._save(self._next(state, reason=reason), policy, evidence)
        self._last_note = (decision.value, reason)
        return decision

    # -- parts of a look

    def _look(self, state: RolloutState, policy: Policy) -> Situation:
        now = self.clock()
        monitor = self._monitored(state, policy)
        outcomes, self._cursor = self.source.read(self.rollout_id, self._cursor)
        monitor.add(outcomes)
        self._at_step += sum(one.arm == CANDIDATE and one.at >= state.step_started_at for one in outcomes)
        self.checks = monitor.look(now)
        arms = (CANDIDATE,) if state.share >= 1.0 else (CANDIDATE, BASELINE)
        since = {arm: max(monitor.last_at.get(arm, 0.0), state.step_started_at) for arm in arms}
        silent = " and ".join(arm for arm, at in since.items() if now - at > policy.silence_s)
        registry, alias, candidate = self._dependencies(state)
        return Situation(now, self.checks, self._at_step, silent, registry, alias, candidate)

    def _monitored(self, state: RolloutState, policy: Policy) -> SequentialMonitor:
        """The monitor with the whole rollout in it; a new process builds it from the audit log and the outcomes."""
        if self._monitor is None:
            self._monitor, self._cursor, self._known_step = self._make_monitor(policy, state), "", -1
            self._monitor.shares_from(share_history(self.store.audit(self.rollout_id)))
            self._known_step, self._at_step = state.step, 0
        elif state.step != self._known_step:
            self._monitor.share_changed(state.step_started_at, state.share)
            self._known_step, self._at_step = state.step, 0
        return self._monitor

    def _dependencies(self, state: RolloutState) -> tuple[str, str, str]:
        """(registry problem, alias problem, candidate problem), "" each where nothing is wrong."""
        try:
            production = self.registry.alias(state.model, PRODUCTION)
            canary = self.registry.alias(state.model, CANARY)
            known = {one.version for one in self.registry.versions(state.model)}
        except Exception as error:  # a registry has many ways of being down; none of them may stop serving
            return f"the registry does not answer: {error}", "", ""
        if state.candidate not in known:
            return "", "", f"version {state.candidate} was deleted while in use"
        if production != state.baseline:
            return "", f"alias {PRODUCTION} was moved from {state.baseline} to {production} by hand", ""
        if canary != state.candidate:
            return "", f"alias {CANARY} was moved from {state.candidate} to {canary} by hand", ""
        return "", "", ""

    # -- changes of state

    def _promote(self, state: RolloutState, policy: Policy, reason: str, evidence: dict[str, Any]) -> None:
        step = state.step + 1
        self._save(
            self._next(
                state, phase=Phase.RUNNING, step=step, share=policy.steps[step], step_started_at=self.clock(),
                reason=reason, paused_by="", paused_at=0.0,
            ), policy, evidence,
        )  # fmt: skip

    def _pause(self, state: RolloutState, policy: Policy, reason: str, cause: str, evidence: dict[str, Any]) -> None:
        if state.phase is Phase.PAUSED and state.paused_by == cause:
            return
        at = state.paused_at if state.phase is Phase.PAUSED else self.clock()
        self._save(
            self._next(state, phase=Phase.PAUSED, paused_by=cause, paused_at=at, reason=reason), policy, evidence
        )

    def _resumed(self, state: RolloutState, policy: Policy, reason: str) -> RolloutState:
        idle = max(0.0, self.clock() - state.paused_at)
        resumed = self._next(
            state, phase=Phase.RUNNING, paused_by="", paused_at=0.0, reason=reason,
            step_started_at=state.step_started_at + idle,
        )  # fmt: skip
        self._save(resumed, policy, {"decision": "resume", "reason": reason, "paused_s": idle})
        return resumed

    def _end(
        self, state: RolloutState, policy: Policy, phase: Phase, reason: str, evidence: dict[str, Any]
    ) -> RolloutState:
        won = phase is Phase.FINISHED
        ended = self._next(
            state, phase=phase, share=1.0 if won else 0.0, reason=reason, paused_by="", paused_at=0.0,
            pending="aliases" if won else "unload",
        )  # fmt: skip
        self._save(ended, policy, evidence)
        self._finish_pending(ended, policy)
        return ended

    def _finish_pending(self, state: RolloutState, policy: Policy) -> None:
        """Do what a final decision leaves to do; a dependency that is down leaves it pending for the next look."""
        if not state.pending:
            return
        try:
            if state.pending == "aliases":
                self.registry.set_alias(state.model, ROLLBACK, state.baseline)
                self.registry.set_alias(state.model, PRODUCTION, state.candidate)
            else:
                self.registry.set_alias(state.model, CANARY, state.baseline)
                candidate = self.registry.get(state.model, state.candidate)
                if candidate.served_as in self.engine.loaded():
                    self.engine.unload(candidate.served_as)
        except Exception as error:
            self.reason = f"{state.pending} still to do: {error}"
            return
        self._save(self._next(state, pending=""), policy, {"decision": "done", "what": state.pending})

    def _next(self, state: RolloutState, **changes: Any) -> RolloutState:
        return dataclasses.replace(state, generation=state.generation + 1, **changes)

    def _save(self, state: RolloutState, policy: Policy, evidence: dict[str, Any]) -> None:
        self.store.save(state, policy, self.owner, evidence)

    # -- helpers of the commands

    def _lease(self, policy: Policy) -> None:
        if not self.store.acquire(self.rollout_id, self.owner, policy.lease_s):
            raise RolloutError(
                f"{self.rollout_id}: another controller holds the lease; try again in {policy.lease_s:g} s"
            )

    def _loaded(self) -> tuple[RolloutState, Policy]:
        found = self.store.load(self.rollout_id)
        if found is None:
            raise RolloutError(f"{self.rollout_id}: no such rollout; start it first")
        return found

    def _refuse_over(self, state: RolloutState) -> None:
        if state.over:
            raise RolloutError(f"{self.rollout_id}: is over ({state.phase}); start another rollout")

    def _by_hand(self, decision: Decision, reason: str) -> RolloutState:
        state, policy = self._loaded()
        self._refuse_over(state)
        self._lease(policy)
        evidence = {"decision": decision.value, "reason": reason, "by": "hand"}
        if decision is Decision.ROLL_BACK:
            return self._end(state, policy, Phase.ROLLED_BACK, reason, evidence)
        self._pause(state, policy, reason, "person", evidence)
        return self._loaded()[0]
