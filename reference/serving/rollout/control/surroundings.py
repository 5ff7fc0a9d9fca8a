"""What a controller needs around it: the registry's aliases and the engine's adapters, looked at and put right."""

from __future__ import annotations

from dataclasses import dataclass

from reference.serving.rollout.interfaces import Engine, Registry
from reference.serving.rollout.types import ModelVersion, Policy, RolloutError, RolloutState

PRODUCTION, CANARY, ROLLBACK = "production", "canary", "rollback"


@dataclass(frozen=True)
class Problems:
    """What is wrong around a rollout, "" where nothing is: the fields of `decide.Situation`."""

    registry: str = ""
    alias: str = ""
    candidate: str = ""
    engine: str = ""


class Surroundings:
    """Registry and engine of one rollout. Where adapters lie is remembered: an engine that was restarted while the
    registry is down gets them back.
    """

    def __init__(self, registry: Registry, engine: Engine) -> None:
        self.registry, self.engine = registry, engine
        self._found: dict[tuple[str, str], ModelVersion] = {}

    def version(self, model: str, version: str) -> ModelVersion:
        """Raises RegistryDownError, and RolloutError for an unknown version or one whose weights were changed."""
        if (model, version) not in self._found:
            self._found[model, version] = self.registry.get(model, version)
        return self._found[model, version]

    def load_both(self, state: RolloutState) -> None:
        """Baseline first: if only one gets in, it is the one that is needed. Raises RolloutError."""
        for name in (state.baseline, state.candidate):
            one = self.version(state.model, name)
            self.engine.load(one.served_as, one.path)

    def problems(self, state: RolloutState) -> Problems:
        """Look at everything; adapters that the engine lost are loaded again on the way."""
        try:
            production = self.registry.alias(state.model, PRODUCTION)
            canary = self.registry.alias(state.model, CANARY)
            known = {one.version for one in self.registry.versions(state.model)}
        except Exception as error:  # a registry has many ways of being down; none of them may stop serving
            return Problems(registry=f"the registry does not answer: {error}", engine=self._adapters(state).engine)
        if state.candidate not in known:
            return Problems(candidate=f"version {state.candidate} was deleted while in use")
        if production != state.baseline:
            return Problems(alias=f"alias {PRODUCTION} was moved from {state.baseline} to {production} by hand")
        if canary != state.candidate and state.pending != "canary":
            return Problems(alias=f"alias {CANARY} was moved from {state.candidate} to {canary} by hand")
        return self._adapters(state)

    def _adapters(self, state: RolloutState) -> Problems:
        try:
            loaded = self.engine.loaded()
        except Exception as error:
            return Problems(engine=f"the engine does not answer: {error}")
        for name in (state.baseline, state.candidate):
            try:
                one = self.version(state.model, name)
                if one.served_as and one.served_as not in loaded:
                    self.engine.load(one.served_as, one.path)
            except Exception as error:
                if name == state.candidate:
                    return Problems(candidate=f"version {name} is not served any more: {error}")
                return Problems(engine=f"version {name} is not served any more: {error}")
        return Problems()

    def follow_up(self, state: RolloutState, policy: Policy, now: float) -> str:
        """Do the next piece of `state.pending`; returns what is left of it. May be repeated; raises what fails.

        A version that lost is unloaded only after policy.drain_s: routers learn of the end a moment later, and an
        adapter that is gone would turn their requests into errors.
        """
        if state.pending == "canary":
            self.registry.set_alias(state.model, CANARY, state.candidate)
            return ""
        if state.pending == "aliases":
            self.registry.set_alias(state.model, ROLLBACK, state.baseline)
            self.registry.set_alias(state.model, PRODUCTION, state.candidate)
            return ""
        if state.pending == "back":
            self.registry.set_alias(state.model, CANARY, state.baseline)
            return "unload"
        if state.pending == "unload":
            if now - state.step_started_at < policy.drain_s:
                return "unload"
            try:
                served_as = self.version(state.model, state.candidate).served_as
            except RolloutError:
                served_as = ""  # deleted: nobody knows its name any more
            if served_as in self.engine.loaded():
                self.engine.unload(served_as)
            return ""
        raise RolloutError(f"pending: this version cannot do {state.pending!r}")
