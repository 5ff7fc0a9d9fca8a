"""What a controller sees at one look: outcomes read on from where it was, judged, beside what is around them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from reference.serving.rollout.control.decide import Situation
from reference.serving.rollout.control.surroundings import Surroundings
from reference.serving.rollout.interfaces import OutcomeSource, StateStore
from reference.serving.rollout.statistics.monitor import SequentialMonitor
from reference.serving.rollout.statistics.windows import check_outcome
from reference.serving.rollout.types import (
    BASELINE,
    CANDIDATE,
    CheckResult,
    Outcome,
    Policy,
    RolloutError,
    RolloutState,
)


def share_history(audit: Sequence[dict[str, Any]]) -> list[tuple[float, float]]:
    """(from when, share) of every share that a rollout served, from its audit log."""
    history: list[tuple[float, float]] = []
    for one in audit:
        state = one["state"]
        if not history or state["share"] != history[-1][1]:
            history.append((state["step_started_at"], state["share"]))
    return history


class Observation:
    """The statistics of one rollout, kept between looks. `forget` after another controller may have written: the next
    look builds them anew from the audit log and the outcomes.

    Attributes:
        checks: results of the last look.
        rejected: outcomes with impossible fields.
    """

    def __init__(
        self,
        rollout_id: str,
        store: StateStore,
        source: OutcomeSource,
        around: Surroundings,
        clock: Callable[[], float],
        make_monitor: Callable[[Policy, RolloutState], SequentialMonitor],
    ) -> None:
        self._rollout_id, self._store, self._source = rollout_id, store, source
        self._around, self._clock, self._make_monitor = around, clock, make_monitor
        self._monitor: SequentialMonitor | None = None
        self._cursor, self._known_step, self._at_step = "", -1, 0
        self.rejected = 0
        self.checks: tuple[CheckResult, ...] = ()

    def forget(self) -> None:
        self._monitor = None

    def look(self, state: RolloutState, policy: Policy) -> Situation:
        now = self._clock()
        monitor = self._monitored(state, policy)
        source_problem = ""
        try:
            read, self._cursor = self._source.read(self._rollout_id, self._cursor)
        except Exception as error:
            read, source_problem = (), f"the outcomes cannot be read: {error}"
        outcomes = [fit for one in read if (fit := self._fit(one, now))]
        monitor.add(outcomes)
        self._at_step += sum(one.arm == CANDIDATE and one.at >= state.step_started_at for one in outcomes)
        self.checks = monitor.look(now)
        arms = (CANDIDATE,) if state.share >= 1.0 else (CANDIDATE, BASELINE)
        since = {arm: max(monitor.last_at.get(arm, 0.0), state.step_started_at) for arm in arms}
        silent = " and ".join(arm for arm, at in since.items() if now - at > policy.silence_s)
        around = self._around.problems(state)
        return Situation(
            now, self.checks, self._at_step, silent, around.registry, around.alias, around.candidate, source_problem,
            around.engine,
        )  # fmt: skip

    def _fit(self, outcome: Outcome, now: float) -> Outcome | None:
        """The outcome as the monitor may have it: impossible ones are counted and left out; one from the future is
        dated now, else a single wrong clock would hide silence for as long as it is ahead.
        """
        try:
            check_outcome(outcome)
        except RolloutError:
            self.rejected += 1
            return None
        return outcome if outcome.at <= now else dataclasses.replace(outcome, at=now)

    def _monitored(self, state: RolloutState, policy: Policy) -> SequentialMonitor:
        """The monitor with the whole rollout in it; a new process builds it from the audit log and the outcomes."""
        if self._monitor is None:
            self._monitor, self._cursor, self._known_step = self._make_monitor(policy, state), "", -1
            self._monitor.shares_from(share_history(self._store.audit(self._rollout_id)))
            self._known_step, self._at_step, self.rejected = state.step, 0, 0
        elif state.step != self._known_step:
            self._monitor.share_changed(state.step_started_at, state.share)
            self._known_step, self._at_step = state.step, 0
        return self._monitor
