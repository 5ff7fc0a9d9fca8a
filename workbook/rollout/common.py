"""What the subcommands share: policy files, the store, the registry, an engine by its address."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference.serving.rollout.control.redis_state import RedisStateStore
    from reference.serving.rollout.interfaces import Engine
    from reference.serving.rollout.registry import MlflowRegistry
    from reference.serving.rollout.routing.recorder import RedisOutcomes
    from reference.serving.rollout.types import Policy

URL = "WORKBOOK_ROLLOUT_ENGINE_URL"


def read_policy(path: Path | None) -> Policy:
    """The default without a file. Raises RolloutError naming the file and the field."""
    from reference.serving.rollout.types import Policy, RolloutError

    if path is None:
        return Policy()
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RolloutError(f"--policy: {path} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise RolloutError(f"--policy: {path} is not JSON ({error})") from None
    known = {field.name: field for field in dataclasses.fields(Policy)}
    if not isinstance(values, dict) or (unknown := sorted(set(values) - set(known))):
        said = ", ".join(unknown) if isinstance(values, dict) else "no object"
        raise RolloutError(f"--policy: {path} has {said}; the fields are {', '.join(known)}")
    try:
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return Policy(**fields)
    except TypeError as error:
        raise RolloutError(f"--policy: {path}: a value has the wrong type ({error})") from None


def stores() -> tuple[RedisStateStore, RedisOutcomes]:
    """State and outcomes in REDIS_URL, or in the workbook's own Redis."""
    from reference.serving.redis_store import connect
    from reference.serving.rollout.control.redis_state import RedisStateStore
    from reference.serving.rollout.routing.recorder import RedisOutcomes

    client = connect()
    return RedisStateStore(client), RedisOutcomes(client)


def registry(model: str, store: RedisStateStore | None = None) -> MlflowRegistry:
    """MLflow, which refuses to delete what a running rollout uses."""
    from reference.serving.rollout.registry import MlflowRegistry

    def in_use(version: str) -> bool:
        running = store.active(model) if store else None
        return bool(running and not running.over and version in (running.baseline, running.candidate))

    return MlflowRegistry(in_use=in_use)


class NoEngine:
    """Stands in where none is named: what needs one says so, and stays pending for a controller that has one."""

    def _refuse(self) -> Any:
        from reference.serving.rollout.types import RolloutError

        raise RolloutError(f"no engine is named: run `workbook rollout engine` and set {URL}, or use `drill`")

    def loaded(self) -> set[str]:
        found: set[str] = self._refuse()
        return found

    def load(self, served_as: str, path: str) -> None:
        self._refuse()

    def unload(self, served_as: str) -> None:
        self._refuse()


def named_engine() -> Engine:
    """The engine of WORKBOOK_ROLLOUT_ENGINE_URL; without one everything that needs it is refused with the mend.

    It is not asked whether it answers: a controller must come up while its engine is down, and pause.
    """
    if not os.environ.get(URL, "").strip():
        return NoEngine()
    from reference.serving.rollout.versions.engine import VllmAdapters, named_server

    return VllmAdapters(named_server(os.environ[URL]))


def plain(value: Any) -> Any:
    """Dataclasses and what JSON does not know, as JSON."""
    from reference.serving.rollout.control.store import finite

    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    return json.loads(json.dumps(finite(value), default=str))
