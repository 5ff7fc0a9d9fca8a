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
import uuid
from collections.abc import Callable
from typing import Any

from reference.serving.rollout.control.decide import PASSING, decide
from reference.serving.rollout.control.observation import Observation
from reference.serving.rollout.control.store import LeaseLostError
from reference.serving.rollout.control.surroundings import PRODUCTION, Surroundings
from reference.serving.rollout.control.transitions import Transitions
from reference.serving.rollout.interfaces import Engine, OutcomeSource, Registry, StateStore
from reference.serving.rollout.registry.base import RegistryDownError
from reference.serving.rollout.statistics.monitor import SequentialMonitor
from reference.serving.rollout.types import (
    CheckResult,
    Decision,
    ModelVersion,
    Phase,
    Policy,
    RolloutError,
    RolloutState,
)


class Controller:
    """Runs one rollout. `store`, `source`, `registry`, `engine`: see interfaces; all calls are made from `tick` and the
    commands, in the caller's thread. `clock`: the store's, so that all controllers share one.
    `make_monitor(policy, state)` builds the statistics anew, also after a crash.

    Raises RolloutError from the commands for a state that forbids them; `tick` never raises for a missing dependency of
    the rollout (it pauses), only errors of the state store itself.
    """

    def __init__(
        self,
        rollout_id: str,
        store: StateStore,
        source: OutcomeSource,
        registry: Registry,
        engine: Engine,
        *,
        clock: Callable[[], float] | None = None,
        owner: str = "",
        make_monitor: Callable[[Policy, RolloutState], SequentialMonitor] | None = None,
        check_artefact: Callable[[ModelVersion], None] | None = None,
    ) -> None:
        self.rollout_id, self.store, self.registry = rollout_id, store, registry
        self.around, self.clock = Surroundings(registry, engine), clock or store.now
        self.owner = owner or f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._check_artefact = check_artefact
        self.observation = Observation(
            rollout_id, store, source, self.around, self.clock, make_monitor or SequentialMonitor
        )
        self._change = Transitions(store, self.around, self.clock, self.owner, self._report)
        self._last_note = ("", "")
        self._holds = False
        self.reason = ""

    def _report(self, reason: str) -> None:
        self.reason = reason

    @property
    def checks(self) -> tuple[CheckResult, ...]:
        """Results of the last look."""
        return self.observation.checks

    @property
    def rejected(self) -> int:
        """Outcomes with impossible fields, which were left out."""
        return self.observation.rejected

    # -- commands

    def start(self, model: str, candidate: str, policy: Policy) -> RolloutState:
        """Begin: load the candidate, serve the first share, point the alias canary at it. Safe to call again.

        Raises RolloutError if there is no production version, the candidate is production already or unknown, another
        rollout of the model runs, or this one was of another candidate. A candidate that is corrupt or that the engine
        refuses also leaves an aborted rollout in the audit log. Nothing is served by the candidate in any of these.
        """
        if not self.store.acquire(self.rollout_id, self.owner, policy.lease_s):
            raise RolloutError(f"{self.rollout_id}: another controller is running it")
        self._holds = True
        if found := self.store.load(self.rollout_id):
            if (found[0].model, found[0].candidate) != (model, candidate):
                raise RolloutError(
                    f"{self.rollout_id}: was a rollout of {found[0].model} {found[0].candidate}; take another id"
                )
            return found[0]
        baseline = self.registry.alias(model, PRODUCTION)
        if baseline is None:
            raise RolloutError(f"{model}: no version has the alias {PRODUCTION}; set it on the one that serves now")
        if baseline == candidate:
            raise RolloutError(f"candidate: {candidate} is {PRODUCTION} already")
        running = self.store.active(model)
        if running and not running.over:
            raise RolloutError(f"{model}: rollout {running.rollout_id} is still running; finish or abort it first")
        if candidate not in {one.version for one in self.registry.versions(model)}:
            raise RolloutError(f"candidate: {model} {candidate!r} is not registered")
        state = RolloutState(
            self.rollout_id, model, baseline, candidate, Phase.RUNNING, 0, policy.steps[0], self.clock(), 1, "started",
            pending="canary",
        )  # fmt: skip
        try:
            if self._check_artefact:
                self._check_artefact(self.around.version(model, candidate))
            self.around.load_both(state)
        except RegistryDownError:
            raise
        except RolloutError as error:
            refused = dataclasses.replace(state, phase=Phase.ABORTED, share=0.0, reason=str(error), pending="")
            self._change.save(refused, policy, {"decision": "refuse", "reason": str(error)})
            raise
        self._change.save(state, policy, {"decision": "start"})
        return self._change.follow_up(state, policy)

    def roll_back(self, reason: str) -> RolloutState:
        """By hand, now, whoever holds the lease: everybody back to the baseline. RolloutError if it is over."""
        return self._by_hand(
            lambda state, policy: self._change.end(
                state, policy, Phase.ROLLED_BACK, reason, _by_hand(Decision.ROLL_BACK, reason)
            )
        )

    def pause(self, reason: str) -> RolloutState:
        """Nothing moves until `resume`; harm still rolls back."""
        return self._by_hand(
            lambda state, policy: self._change.pause(state, policy, reason, "person", _by_hand(Decision.PAUSE, reason))
        )

    def resume(self, reason: str) -> RolloutState:
        """Go on after a pause; the pause does not count as bake time. Raises RolloutError if nothing is paused."""

        def run(state: RolloutState, policy: Policy) -> RolloutState:
            if state.phase is not Phase.PAUSED:
                raise RolloutError(f"{self.rollout_id}: is {state.phase}, not paused")
            return self._change.resume(state, policy, reason, "hand")

        return self._by_hand(run)

    def promote(self, reason: str) -> RolloutState:
        """By hand to the next share, or to the end: what a person may decide where the statistics cannot."""

        def run(state: RolloutState, policy: Policy) -> RolloutState:
            if state.step + 1 == len(policy.steps):
                return self._change.end(state, policy, Phase.FINISHED, reason, _by_hand(Decision.FINISH, reason))
            return self._change.promote(state, policy, reason, _by_hand(Decision.PROMOTE, reason))

        return self._by_hand(run)

    def abort(self, reason: str) -> RolloutState:
        """End without a verdict on the candidate; users go back to the baseline."""
        return self._by_hand(
            lambda state, policy: self._change.end(
                state, policy, Phase.ABORTED, reason, {"decision": "abort", "reason": reason, "by": "hand"}
            )
        )

    def release(self) -> None:
        """Give the lease up, so that another controller need not wait for its end."""
        self.store.release(self.rollout_id, self.owner)
        self._holds = False

    # -- the loop

    def tick(self) -> Decision:
        """One look. HOLD also where another controller holds the lease; `reason` says why, `checks` what was seen."""
        _, policy = self._loaded()
        self._holds = self.store.acquire(self.rollout_id, self.owner, policy.lease_s)
        if not self._holds:
            self.observation.forget()
            self.reason = "another controller holds the lease"
            return Decision.HOLD
        try:
            return self._tick(*self._loaded())  # again: the last holder may have written since
        except LeaseLostError as error:
            # Somebody took the lease over, by hand or after a long halt of this process: nothing was written.
            self.observation.forget()
            self._holds, self.reason = False, str(error)
            return Decision.HOLD

    def _tick(self, state: RolloutState, policy: Policy) -> Decision:
        if state.pending:
            state = self._change.follow_up(state, policy)
        if state.over:
            self.reason = self.reason if state.pending else state.reason
            return Decision.HOLD
        seen = self.observation.look(state, policy)
        decision, reason, cause = decide(state, policy, seen)
        self.reason = reason
        evidence = {
            "decision": decision.value,
            "reason": reason,
            "requests at step": seen.candidate_requests,
            "outcomes rejected": self.rejected,
            "checks": [dataclasses.asdict(one) for one in self.checks],
        }
        passed = state.phase is Phase.PAUSED and state.paused_by in PASSING
        if decision is Decision.ROLL_BACK:
            self._change.end(state, policy, Phase.ROLLED_BACK, reason, evidence)
        elif decision is Decision.PAUSE:
            self._change.pause(state, policy, reason, cause, evidence)
        elif passed:
            # Only resumed: the pause was no bake time, so this look may not promote. The next one starts from here.
            decision = Decision.HOLD
            self._change.resume(state, policy, f"{state.paused_by} is back", "controller")
        elif decision is Decision.FINISH:
            self._change.end(state, policy, Phase.FINISHED, reason, evidence)
        elif decision is Decision.PROMOTE:
            self._change.promote(state, policy, reason, evidence)
        elif (decision.value, reason) != self._last_note:
            self._change.save(self._change.following(state, reason=reason), policy, evidence)
        self._last_note = (decision.value, reason)
        return decision

    # -- helpers of the commands

    def _loaded(self) -> tuple[RolloutState, Policy]:
        found = self.store.load(self.rollout_id)
        if found is None:
            raise RolloutError(f"{self.rollout_id}: no such rollout; start it first")
        return found

    def _refuse_over(self) -> tuple[RolloutState, Policy]:
        state, policy = self._loaded()
        if state.over:
            raise RolloutError(f"{self.rollout_id}: is over ({state.phase}); start another rollout")
        return state, policy

    def _by_hand(self, run: Callable[[RolloutState, Policy], RolloutState]) -> RolloutState:
        """A person does not wait for a lease: it is taken over, and given back where this one is not the loop."""
        policy = self._refuse_over()[1]
        self.store.take_over(self.rollout_id, self.owner, policy.lease_s)
        try:
            return run(*self._refuse_over())
        finally:
            if not self._holds:
                self.release()


def _by_hand(decision: Decision, reason: str) -> dict[str, Any]:
    return {"decision": decision.value, "reason": reason, "by": "hand"}
