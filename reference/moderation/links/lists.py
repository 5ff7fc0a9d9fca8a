"""Block, allow, shortener and brand lists, read from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass, fields
from pathlib import Path

from reference.moderation.types import ModerationError

DEFAULT_LISTS = Path(__file__).parent / "data" / "lists.toml"


@dataclass(frozen=True, slots=True)
class LinkLists:
    """Hosts are lower case and mean themselves and all hosts under them."""

    block: frozenset[str]
    allow: frozenset[str]
    shorteners: frozenset[str]
    redirect_parameters: frozenset[str]
    brands: dict[str, frozenset[str]]

    @classmethod
    def load(cls, path: Path = DEFAULT_LISTS) -> LinkLists:
        """ModerationError names the file and the key."""
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModerationError(f"{path} cannot be read as TOML: {error}") from error
        known = {field.name for field in fields(cls)}
        for key in table:
            if key not in known:
                raise ModerationError(f"{path}: unknown key {key!r}; there are {', '.join(sorted(known))}")
        brands = table.pop("brands", {})
        groups = {f"brands.{name}": hosts for name, hosts in brands.items()} | table
        for key, hosts in groups.items():
            if not isinstance(hosts, list) or not all(isinstance(host, str) and host for host in hosts):
                raise ModerationError(f"{path}: {key} must be a list of strings")
        both = set(table.get("block", ())) & set(table.get("allow", ()))
        if both:
            raise ModerationError(f"{path}: {min(both)} stands in block and in allow; remove it from one")
        lists = {key: frozenset(h.lower() for h in table.get(key, ())) for key in known - {"brands"}}
        named = {name.lower(): frozenset(host.lower() for host in hosts) for name, hosts in brands.items()}
        return cls(brands=named, **lists)


def entry_over(host: str, hosts: Collection[str]) -> str:
    """The entry of `hosts` that the host is, or lies under; empty if none."""
    while host:
        if host in hosts:
            return host
        _, _, host = host.partition(".")
    return ""


def listed(host: str, hosts: Collection[str]) -> bool:
    """Whether the host or one above it is in the list."""
    return bool(entry_over(host, hosts))
