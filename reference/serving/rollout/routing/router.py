"""The router: user and model in, version out. It reads the rollout's state and never writes it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from reference.serving.rollout.routing.experiments import Experiments
from reference.serving.rollout.routing.hashing import bucket
from reference.serving.rollout.types import BASELINE, CANDIDATE, Phase, RolloutError, RolloutState


@dataclass(frozen=True)
class Route:
    """Who answers: `version`; `arm` of a rollout or of `experiment` ("" if neither runs); `reason` in words."""

    version: str
    arm: str
    reason: str
    rollout: str = ""
    experiment: str = ""


def version_of(state: RolloutState, place: float) -> tuple[str, str]:
    """(version, arm) for a user at `place` in [0, 1). Exactly one version for every state and place.

    A pause keeps the share: users who had the candidate keep it, nobody new gets it.
    """
    if state.phase is Phase.FINISHED:
        return state.candidate, CANDIDATE
    if state.phase in (Phase.ROLLED_BACK, Phase.ABORTED):
        return state.baseline, BASELINE
    return (state.candidate, CANDIDATE) if place < state.share else (state.baseline, BASELINE)


class Router:
    """Routes by the state that `states(model)` gives, looked up at most every `fresh_s` seconds.

    states: usually `StateStore.active`; None: no rollout was ever made, `production(model)` answers then.
    A store that fails leaves the last known state in force: serving goes on, and `stale` says so. `salt` must stay
    the same over restarts; the rollout's id is added to it, so that the same users are not the first to try every
    release.
    """

    def __init__(
        self,
        salt: str,
        states: Callable[[str], RolloutState | None],
        production: Callable[[str], str | None] | None = None,
        experiments: Experiments | None = None,
        *,
        fresh_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not salt:
            raise RolloutError("salt: empty; give one that stays the same over restarts")
        self.salt, self._states, self._production = salt, states, production
        self._experiments, self.fresh_s, self._clock = experiments, fresh_s, clock
        self._known: dict[str, tuple[float, RolloutState | None]] = {}
        self._fallback: dict[str, str] = {}
        self.stale: dict[str, str] = {}

    def state(self, model: str) -> RolloutState | None:
        """The state in force; the last known one while the store does not answer."""
        now = self._clock()
        known = self._known.get(model)
        if known and now - known[0] < self.fresh_s:
            return known[1]
        try:
            state = self._states(model)
        except Exception as error:
            if known is None:
                raise RolloutError(
                    f"{model}: the state store does not answer and nothing is known yet: {error}"
                ) from error
            self.stale[model] = str(error)
            self._known[model] = (now, known[1])
            return known[1]
        self.stale.pop(model, None)
        self._known[model] = (now, state)
        return state

    def forget(self, model: str) -> None:
        """Read the state anew at the next request; for a process that was told of a change."""
        self._known.pop(model, None)

    def route(self, user: str, model: str) -> Route:
        """Raises RolloutError for an empty user, and for a model with neither a rollout nor a production version."""
        state = self.state(model)
        running = state is not None and not state.over
        if state is None or state.over:
            version = version_of(state, 0.0)[0] if state else self._production_of(model)
            chosen = self._experiments.assign(user, model) if self._experiments and not running else None
            if chosen:
                return Route(chosen.version, chosen.arm, "experiment", "", chosen.experiment)
            bucket(user, self.salt)  # an empty user is refused whatever runs
            return Route(version, "", "production", state.rollout_id if state else "")
        place = bucket(user, f"{self.salt}:{state.rollout_id}")
        version, arm = version_of(state, place)
        return Route(version, arm, f"share {state.share:g}", state.rollout_id)

    def _production_of(self, model: str) -> str:
        try:
            version = self._production(model) if self._production else None
        except Exception as error:
            if model in self._fallback:
                self.stale[model] = str(error)
                return self._fallback[model]
            raise RolloutError(f"{model}: the registry does not answer and nothing is known yet: {error}") from error
        if version is None:
            raise RolloutError(
                f"model: {model!r} has neither a rollout nor a production version; set the alias production"
            )
        self._fallback[model] = version
        return version
