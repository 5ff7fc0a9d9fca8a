"""Rules that hold in every registry: digests, aliases, and which versions must stay deployable."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from reference.serving.rollout.types import ModelVersion, RolloutError

ALIASES = ("production", "canary", "rollback")
KEPT = 3
WEIGHTS = "adapter_model.safetensors"


class RegistryDownError(RolloutError):
    """The registry does not answer. Serving goes on; what needs the registry waits."""


def digest_of(folder: str | Path) -> str:
    """sha256 of the weights in a version's folder, hex. Raises RolloutError naming the file that is missing."""
    path = Path(folder) / WEIGHTS
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise RolloutError(
            f"path: {path} cannot be read ({error.strerror}); register the folder of the adapter"
        ) from None


def check_digest(version: ModelVersion) -> None:
    """Raise RolloutError if the weights are not those that were registered."""
    found = digest_of(version.path)
    if found != version.digest:
        raise RolloutError(
            f"digest: {version.name} {version.version} is registered with {version.digest[:12]}, its file has "
            f"{found[:12]}: it was changed or is corrupt; register it under a new version"
        )


def deployable(versions: Sequence[ModelVersion], aliases: Mapping[str, str]) -> tuple[ModelVersion, ...]:
    """Versions that must stay deployable, newest first: those with an alias, and the newest others up to KEPT besides
    production.
    """
    production = aliases.get("production")
    kept = {version for alias, version in aliases.items() if alias in ALIASES}
    for one in versions:
        if len(kept - {production}) >= KEPT:
            break
        kept.add(one.version)
    return tuple(one for one in versions if one.version in kept)


def refuse_delete(
    version: str, versions: Sequence[ModelVersion], aliases: Mapping[str, str], in_use: Callable[[str], bool]
) -> None:
    """Raise RolloutError, naming what holds it, for a version that must not go."""
    holders = sorted(alias for alias, held in aliases.items() if held == version)
    if holders:
        raise RolloutError(f"version: {version} has the alias {', '.join(holders)}; move the alias first")
    if in_use(version):
        raise RolloutError(f"version: {version} is part of a running rollout; finish or abort it first")
    if version in {one.version for one in deployable(versions, aliases)}:
        raise RolloutError(f"version: {version} is one of the last {KEPT}, which stay deployable")
