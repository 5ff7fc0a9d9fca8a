"""The changes of a rollout's state, each written down before anything follows from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from reference.serving.rollout.control.surroundings import Surroundings
from reference.serving.rollout.interfaces import StateStore
from reference.serving.rollout.types import Phase, Policy, RolloutState


class Transitions:
    """Moves one rollout on. `owner` must hold its lease: the store refuses the write otherwise (LeaseLostError).

    report: called with what is left to do where a dependency is down.
    """

    def __init__(
        self,
        store: StateStore,
        around: Surroundings,
        clock: Callable[[], float],
        owner: str,
        report: Callable[[str], None],
    ) -> None:
        self._store, self._around, self._clock, self._owner, self._report = store, around, clock, owner, report

    def promote(self, state: RolloutState, policy: Policy, reason: str, evidence: dict[str, Any]) -> RolloutState:
        """To the next share; its bake time begins now."""
        step = state.step + 1
        return self.save(
            self.following(
                state, phase=Phase.RUNNING, step=step, share=policy.steps[step], step_started_at=self._clock(),
                reason=reason, paused_by="", paused_at=0.0,
            ), policy, evidence,
        )  # fmt: skip

    def pause(
        self, state: RolloutState, policy: Policy, reason: str, cause: str, evidence: dict[str, Any]
    ) -> RolloutState:
        """`cause`: who must be back before it goes on. A second pause for the same cause writes nothing."""
        if state.phase is Phase.PAUSED and state.paused_by == cause:
            return state
        at = state.paused_at if state.phase is Phase.PAUSED else self._clock()
        return self.save(
            self.following(state, phase=Phase.PAUSED, paused_by=cause, paused_at=at, reason=reason), policy, evidence
        )

    def resume(self, state: RolloutState, policy: Policy, reason: str, by: str) -> RolloutState:
        """To where it was: the pause is taken out of the bake time."""
        idle = max(0.0, self._clock() - state.paused_at)
        resumed = self.following(
            state, phase=Phase.RUNNING, paused_by="", paused_at=0.0, reason=reason,
            step_started_at=state.step_started_at + idle,
        )  # fmt: skip
        return self.save(resumed, policy, {"decision": "resume", "reason": reason, "paused_s": idle, "by": by})

    def end(
        self, state: RolloutState, policy: Policy, phase: Phase, reason: str, evidence: dict[str, Any]
    ) -> RolloutState:
        """Share 1 for FINISHED, 0 for every other end; then aliases and the engine follow."""
        won = phase is Phase.FINISHED
        ended = self.following(
            state, phase=phase, share=1.0 if won else 0.0, step_started_at=self._clock(), reason=reason, paused_by="",
            paused_at=0.0, pending="aliases" if won else "back",
        )  # fmt: skip
        return self.follow_up(self.save(ended, policy, evidence), policy)

    def follow_up(self, state: RolloutState, policy: Policy) -> RolloutState:
        """Do what the state leaves to do; a dependency that is down leaves it pending for the next look."""
        while state.pending:
            try:
                left = self._around.follow_up(state, policy, self._clock())
            except Exception as error:
                self._report(f"{state.pending} still to do: {error}")
                return state
            if left == state.pending:
                self._report(f"{left} still to do: after {policy.drain_s:g} s")
                return state
            state = self.save(self.following(state, pending=left), policy, {"decision": "done", "what": state.pending})
        return state

    def following(self, state: RolloutState, **changes: Any) -> RolloutState:
        """The next generation of the state, not yet written."""
        return dataclasses.replace(state, generation=state.generation + 1, **changes)

    def save(self, state: RolloutState, policy: Policy, evidence: dict[str, Any]) -> RolloutState:
        self._store.save(state, policy, self._owner, evidence)
        return state
