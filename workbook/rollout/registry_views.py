"""workbook rollout versions."""

from __future__ import annotations

from typing import Any


def versions(model: str, register: bool, production: str | None, as_json: bool) -> None:
    from reference.serving.rollout.registry.base import ALIASES
    from reference.serving.rollout.versions.shipped import GOOD, WRONG, shipped
    from workbook import console
    from workbook.rollout.common import registry

    found = registry(model)
    if register:
        for name in (*GOOD, *WRONG):
            found.register(shipped(name))
    if production:
        found.set_alias(model, "production", production)
    aliases = {alias: found.alias(model, alias) for alias in ALIASES}
    kept = {one.version for one in found.deployable(model)}
    rows: list[dict[str, Any]] = [
        {
            "version": one.version,
            "digest": one.digest,
            "aliases": [alias for alias, version in aliases.items() if version == one.version],
            "deployable": one.version in kept,
            "data_sha256": one.lineage.get("data_sha256", ""),
            "path": one.path,
        }
        for one in found.versions(model)
    ]
    if as_json:
        console.emit_json("rollout", {"registry": found.uri, "versions": rows})
        return
    log = console.stdout()
    if not rows:
        console.say(log, f"{model}: nothing is registered in {found.uri}; `workbook rollout versions --register`")
    for row in rows:
        held = ", ".join(row["aliases"]) or ("deployable" if row["deployable"] else "")
        console.say(log, f"{row['version']:<14}{str(row['digest'])[:12]}  {held}")
