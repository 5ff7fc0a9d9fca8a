"""The seams: each is small enough that a team can put its own system behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from reference.serving.rollout.types import CheckResult, GateResult, ModelVersion, Outcome, Policy, RolloutState


class Registry(Protocol):
    """Where versions and their aliases (production, canary, rollback) live. Unreachable: raises RegistryDownError."""

    def register(self, version: ModelVersion) -> ModelVersion: ...

    def get(self, model: str, version: str) -> ModelVersion: ...

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """Newest first."""
        ...

    def alias(self, model: str, alias: str) -> str | None: ...

    def set_alias(self, model: str, alias: str, version: str) -> None: ...


class Gate(Protocol):
    """One gate before release; never raises for a bad model, only for a bad gate definition."""

    name: str

    def check(self, candidate: ModelVersion, production: ModelVersion | None) -> GateResult: ...


class Monitor(Protocol):
    """Statistics over the outcomes of one rollout; valid however often `look` is called."""

    def add(self, outcomes: Sequence[Outcome]) -> None: ...

    def look(self, now: float) -> tuple[CheckResult, ...]:
        """One result per check, the sample-ratio check among them."""
        ...


class OutcomeSource(Protocol):
    """Where the controller gets outcomes from. `after`: a cursor of the source, "" for the start."""

    def read(self, rollout_id: str, after: str) -> tuple[Sequence[Outcome], str]: ...


class StateStore(Protocol):
    """Persisted state with a lease. A write with a stale generation or a lost lease raises LeaseLostError."""

    def load(self, rollout_id: str) -> tuple[RolloutState, Policy] | None: ...

    def active(self, model: str) -> RolloutState | None:
        """The rollout that routers of `model` follow; the last finished one if none runs."""
        ...

    def save(self, state: RolloutState, policy: Policy, owner: str, evidence: dict[str, Any]) -> None:
        """State and audit entry in one transaction."""
        ...

    def acquire(self, rollout_id: str, owner: str, seconds: float) -> bool: ...

    def take_over(self, rollout_id: str, owner: str, seconds: float) -> None:
        """The lease, whoever holds it: for commands by hand. The former holder's next write is refused."""
        ...

    def release(self, rollout_id: str, owner: str) -> None: ...

    def now(self) -> float:
        """Seconds since the epoch by one clock for all controllers."""
        ...

    def head(self, rollout_id: str) -> str:
        """Hash of the last audit entry, kept beside the log, "" without one."""
        ...

    def audit(self, rollout_id: str) -> list[dict[str, Any]]: ...


class Engine(Protocol):
    """What a controller needs of the serving engine; `served_as` names as in /v1/models."""

    def loaded(self) -> set[str]: ...

    def load(self, served_as: str, path: str) -> None: ...

    def unload(self, served_as: str) -> None: ...
