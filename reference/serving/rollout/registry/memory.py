"""A registry in memory: for drills, tests and the simulation, with the rules of the real one."""

from __future__ import annotations

from collections.abc import Callable

from reference.serving.rollout.registry.base import (
    ALIASES,
    RegistryDownError,
    check_digest,
    deployable,
    refuse_delete,
)
from reference.serving.rollout.types import ModelVersion, RolloutError


class MemoryRegistry:
    """`down` may be set to play an outage. `in_use(version)`: whether a running rollout holds a version."""

    def __init__(self, in_use: Callable[[str], bool] = lambda version: False) -> None:
        self._models: dict[str, dict[str, ModelVersion]] = {}
        self._aliases: dict[str, dict[str, str]] = {}
        self._in_use = in_use
        self.down = False

    def _up(self) -> None:
        if self.down:
            raise RegistryDownError("registry: in memory, switched off")

    def register(self, version: ModelVersion) -> ModelVersion:
        """Raises RolloutError for a changed artefact, and for a version number that has other weights already."""
        self._up()
        check_digest(version)
        known = self._models.setdefault(version.name, {})
        if version.version in known and known[version.version].digest != version.digest:
            raise RolloutError(f"version: {version.version} is registered with other weights; take a new number")
        known.setdefault(version.version, version)
        return known[version.version]

    def get(self, model: str, version: str) -> ModelVersion:
        """Raises RolloutError for an unknown version and for weights that were changed since."""
        self._up()
        try:
            found = self._models[model][version]
        except KeyError:
            raise RolloutError(f"version: {model} {version!r} is not registered") from None
        check_digest(found)
        return found

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        self._up()
        return tuple(reversed(self._models.get(model, {}).values()))

    def alias(self, model: str, alias: str) -> str | None:
        self._up()
        return self._aliases.get(model, {}).get(alias)

    def set_alias(self, model: str, alias: str, version: str) -> None:
        self._up()
        if alias not in ALIASES:
            raise RolloutError(f"alias: {alias!r} is not one of {', '.join(ALIASES)}")
        if version not in self._models.get(model, {}):
            raise RolloutError(f"version: {model} {version!r} is not registered")
        self._aliases.setdefault(model, {})[alias] = version

    def deployable(self, model: str) -> tuple[ModelVersion, ...]:
        return deployable(self.versions(model), self._aliases.get(model, {}))

    def delete(self, model: str, version: str) -> None:
        """Raises RolloutError for a version that an alias, a running rollout or the last-three rule holds."""
        self.get(model, version)
        refuse_delete(version, self.versions(model), self._aliases.get(model, {}), self._in_use)
        del self._models[model][version]
