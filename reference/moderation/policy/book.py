"""Every version of the policy, looked up by date and country."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from reference.moderation.types import ModerationError

from .model import Policy
from .reading import Version, shown, version_of


def default_policy_folder() -> Path:
    """The policy that comes with the package: for demonstrations, and as a pattern for one's own."""
    return Path(__file__).parent / "data"


class PolicyBook:
    """Every version of the policy, oldest first, without overlaps and without gaps."""

    def __init__(self, versions: tuple[Version, ...]) -> None:
        self._versions = versions
        self._made: dict[tuple[str, str, tuple[int, ...]], Policy] = {}

    @classmethod
    def load(cls, folder: str | Path | None = None) -> PolicyBook:
        """All `*.toml` of `folder` (default: the shipped policy).

        Raises:
            ModerationError: names file, key and mend: unreadable file, unknown or missing key, wrong type or value,
                thresholds out of order, unknown category or country code, a version or overlay that overlaps another,
                a gap between versions, dates without time zone.
        """
        place = default_policy_folder() if folder is None else Path(folder)
        if not place.is_dir():
            raise ModerationError(f"{place} is no folder of policy files; name the folder that holds the *.toml")
        files = sorted(place.glob("*.toml"))
        if not files:
            raise ModerationError(f"{place} holds no policy: put at least one *.toml there")
        versions = sorted((version_of(file) for file in files), key=lambda version: version.begin)
        for earlier, later in itertools.pairwise(versions):
            names = (
                f"{earlier.file.name} (until {shown(earlier.end)}) and {later.file.name} (from {shown(later.begin)})"
            )
            if earlier.end > later.begin:
                raise ModerationError(
                    f"effective dates overlap: {names}; end the earlier version with effective_until = "
                    f"{later.begin.isoformat()}"
                )
            if earlier.end < later.begin:
                raise ModerationError(
                    f"no policy in between: {names}; move effective_until to {later.begin.isoformat()} or add a version"
                )
        seen: dict[str, Path] = {}
        for version in versions:
            if version.name in seen:
                raise ModerationError(
                    f"{version.file.name} and {seen[version.name].name} both have version = {version.name!r}; "
                    "a version names one text of the policy: rename one"
                )
            seen[version.name] = version.file
        return cls(tuple(versions))

    @property
    def versions(self) -> tuple[str, ...]:
        """Names of the versions, oldest first."""
        return tuple(version.name for version in self._versions)

    def at(self, when: datetime, country: str = "") -> Policy:
        """The policy in force for an audience in `country` (ISO 3166 alpha-2; empty or without overlay: the base).

        Raises:
            ModerationError: `when` has no time zone, or no version was in force then.
        """
        if when.tzinfo is None:
            raise ModerationError(f"the time {when.isoformat()} has no time zone; add one, +00:00 for instance")
        country = country.upper()
        for version in reversed(self._versions):
            if version.begin <= when < version.end:
                return self._policy(version, country, when)
        first = self._versions[0]
        raise ModerationError(
            f"no policy was in force at {when.isoformat()}; the book runs from {shown(first.begin)} "
            f"({first.file.name}) to {shown(self._versions[-1].end)} ({self._versions[-1].file.name}): add a version"
        )

    def named(self, version: str, country: str = "", when: datetime | None = None) -> Policy:
        """A version by name, as of `when` (default: its first moment). Raises ModerationError if there is none."""
        for known in self._versions:
            if known.name == version:
                return self._policy(known, country.upper(), when or known.begin)
        raise ModerationError(f"no policy version {version!r}; there are {', '.join(self.versions)}")

    def _policy(self, version: Version, country: str, when: datetime) -> Policy:
        applying = tuple(
            number
            for number, overlay in enumerate(version.overlays)
            if country in overlay.countries and overlay.begin <= when < overlay.end
        )
        key = (version.name, country if applying else "", applying)
        policy = self._made.get(key)
        if policy is None:
            categories = dict(version.categories)
            for number in applying:
                overlay = version.overlays[number]
                categories[overlay.category] = replace(categories[overlay.category], **overlay.fields)
            policy = self._made[key] = Policy(version.name, country if applying else "", categories)
        return policy
