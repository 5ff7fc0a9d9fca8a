"""Installed packages: known faults of their versions, and licences."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from packaging.utils import canonicalize_name

from workbook.doctor.model import Check
from workbook.doctor.package_checks import DISTRIBUTION
from workbook.doctor.security_data import read

ADVISORIES = "WORKBOOK_ADVISORIES"
STALE_DAYS = 30
_AUDIT_S = 900
_MOST_SHOWN = 6

# What a licence text begins with or contains, where the metadata name none. Order counts: AGPL holds GPL's words.
TEXTS = (
    ("AGPL", r"GNU AFFERO GENERAL PUBLIC LICENSE"),
    ("LGPL", r"GNU LESSER GENERAL PUBLIC LICENSE|GNU LIBRARY GENERAL PUBLIC LICENSE"),
    ("GPL", r"GNU GENERAL PUBLIC LICENSE"),
    ("MPL-2.0", r"Mozilla Public License,? (?:Version|v\.?) ?2\.0"),
    ("Apache-2.0", r"Apache License\s+Version 2\.0"),
    ("BSD", r"Redistribution and use in source and binary forms"),
    ("MIT", r"Permission is hereby granted, free of charge, to any person obtaining a copy"),
    ("ISC", r"Permission to use, copy, modify, and/?(?:or)? ?distribute this software"),
)
FORBIDDEN = re.compile(
    r"(?i)AGPL|Affero|(?<![A-Z])GPL|GNU General Public|SSPL|NonCommercial|BUSL|Business Source|Commons Clause"
)
LESSER = re.compile(r"(?i)LGPL|Lesser General Public|Library General Public")
PROPRIETARY = re.compile(r"(?i)proprietary|End User License")


def installed() -> dict[str, metadata.Distribution]:
    """Distributions of this environment by canonical name, the workbook itself left out."""
    found: dict[str, metadata.Distribution] = {
        canonicalize_name(one.metadata["Name"]): one for one in metadata.distributions() if one.metadata["Name"]
    }
    found.pop(DISTRIBUTION, None)
    return found


def default_install(extras: tuple[str, ...] = ("cpu",)) -> set[str]:
    """Canonical names of what the workbook needs without tests and benchmarks: what everybody gets."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    waiting = [(DISTRIBUTION, frozenset(extras))]
    seen = set()
    left_out = _left_out()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        for line in lines:
            requirement = Requirement(line)
            below = canonicalize_name(requirement.name)
            envs = [{"extra": extra} for extra in ("", *wanted)]
            if below not in left_out and (
                requirement.marker is None or any(requirement.marker.evaluate(env) for env in envs)
            ):
                waiting.append((below, frozenset(requirement.extras)))
    found.discard(DISTRIBUTION)
    return found


def _left_out() -> set[str]:
    from workbook.paths import project_root

    file = project_root() / "pyproject.toml"
    if not file.is_file():
        return set()
    told = tomllib.loads(file.read_text(encoding="utf-8"))
    return {canonicalize_name(name) for name in told.get("tool", {}).get("uv", {}).get("exclude-dependencies", ())}


# advisories


def advisories(path: Path | None = None, today: dt.date | None = None) -> list[Check]:
    """Installed versions against an advisory file: WORKBOOK_ADVISORIES (made by import_osv), or the shipped excerpt.

    A package without a record is only known to be without one if the file is a whole export, and no older than a month.
    """
    from reference.agents.dependencies import Advisories

    named = path or (Path(told).expanduser() if (told := os.environ.get(ADVISORIES, "").strip()) else None)
    known = Advisories.load(named)
    packages = installed()
    hits = [
        f"{name} {one.version}: {', '.join(found.id for found in bad)}"
        for name, one in sorted(packages.items())
        if (bad := known.affecting(name, one.version))
    ]
    days = ((today or dt.date.today()) - dt.date.fromisoformat(known.date)).days
    what = f"{known.source}, newest record {known.date}, {days} days old"
    checks = []
    if hits:
        checks.append(Check("advisories", "fail", f"{_some(hits)} ({what})", "update them: `pip install -U NAME`"))
    silent = sum(not known.knows(name) for name in packages)
    mend = (
        "with a network: `pip install pip-audit`, then `workbook doctor --security --deep`; without: import_osv of "
        f"reference.agents.dependencies on an OSV export of PyPI, and name its file in {ADVISORIES}"
    )
    if not known.source.startswith("OSV export"):
        said = f"{silent} of {len(packages)} installed packages: the shipped excerpt has no record of them ({what})"
        checks.append(Check("advisories", "not checked", said, mend))
    elif days > STALE_DAYS:
        checks.append(Check("advisories", "not checked", f"what became known in the last {days} days ({what})", mend))
    elif not hits:
        checks.append(Check("advisories", "ok", f"{len(packages)} installed packages, none with a record ({what})"))
    return checks


def audit(command: list[str] | None = None) -> list[Check]:
    """pip-audit over this environment, where it is installed. It asks the package index about every package.

    It ends with "No known vulnerabilities found" also where it could ask about none: what it skipped is counted here.
    """
    if command is None:
        if importlib.util.find_spec("pip_audit") is None:
            mend = "`pip install pip-audit`, then this command again"
            return [Check("audit", "not checked", "pip-audit is not installed", mend)]
        command = [sys.executable, "-m", "pip_audit"]
    command = [*command, "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_AUDIT_S)
        told = json.loads(done.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        said = f"pip-audit gave no result: {type(error).__name__}"
        return [Check("audit", "not checked", said, "run `pip-audit` by hand: it says why; it needs a network")]
    ids = {one["name"]: ", ".join(fault["id"] for fault in one.get("vulns", ())) for one in told}
    bad = [f"{one['name']} {one['version']}: {ids[one['name']]}" for one in told if ids[one["name"]]]
    skipped = [one for one in told if "skip_reason" in one and canonicalize_name(one["name"]) != DISTRIBUTION]
    checks = []
    if bad:
        checks.append(Check("audit", "fail", _some(bad), "update them: `pip install -U NAME`"))
    if skipped or not told:
        why = skipped[0]["skip_reason"] if skipped else "it listed nothing"
        said = f"{len(skipped)} of {len(told)} packages were skipped by pip-audit ({why})"
        checks.append(Check("audit", "not checked", said, "run it where the package index can be reached"))
    elif not bad:
        checks.append(Check("audit", "ok", f"pip-audit knows of nothing against {len(told)} packages, asked just now"))
    return checks


# licences


def licence(one: metadata.Distribution) -> str:
    """The licence that a distribution names, or that its licence file is; "" where neither tells."""
    told = one.metadata
    if expression := told["License-Expression"]:
        return str(expression)
    classified = [c.rpartition("::")[2].strip() for c in told.get_all("Classifier") or () if c.startswith("License ::")]
    if classified := [c for c in classified if c != "OSI Approved"]:
        return "; ".join(classified)
    # Some put the whole text there: its first line tells little, its words do.
    said = (told["License"] or "").strip()
    if said and len(said) < 100 and said.upper() != "UNKNOWN":
        return said
    return recognised([said, *_licence_texts(one)])


def recognised(texts: Iterable[str]) -> str:
    """The first licence of TEXTS that a text is; "" for none."""
    for text in texts:
        for name, pattern in TEXTS:
            if re.search(pattern, text):
                return name
    return ""


def _licence_texts(one: metadata.Distribution) -> Iterator[str]:
    for file in one.files or ():
        if re.match(r"(?i)(licen[cs]e|copying|notice)", file.name):
            try:
                yield file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue


def licences(packages: dict[str, str] | None = None, default: set[str] | None = None) -> list[Check]:
    """No GPL or AGPL in what everybody gets; unknown and proprietary ones are exceptions with a reason, or findings."""
    found = {name: licence(one) for name, one in installed().items()} if packages is None else packages
    core = default_install() if default is None else default
    exceptions = read()["licences"]
    bad: list[str] = []
    odd: list[str] = []
    extra: list[str] = []
    lesser: list[str] = []
    for name, said in sorted(found.items()):
        lesser += [name] * bool(LESSER.search(said) and name in core)
        if name in exceptions:
            continue
        if FORBIDDEN.search(said):
            (bad if name in core else extra).append(f"{name} ({said})")
        elif not said or PROPRIETARY.search(said):
            odd.append(f"{name} ({said or 'names none'})")
    checks = []
    if bad:
        mend = "take another package, or move it into an extra of its own"
        checks.append(Check("licences", "fail", f"in the default install: {_some(bad)}", mend))
    if extra:
        checks.append(Check("licences", "warn", f"beside the default install: {_some(extra)}", "know what you pass on"))
    if odd:
        mend = "read their licence, and write it with a reason into security.toml"
        checks.append(Check("licences", "warn", f"unknown or proprietary: {_some(odd)}", mend))
    if not checks:
        said = (
            f"{len(found)} packages ({len(core & set(found))} in the default install): no GPL, no AGPL; LGPL, used "
            f"unchanged: {', '.join(lesser) or 'none'}; {len(set(exceptions) & set(found))} exceptions with a reason"
        )
        checks.append(Check("licences", "ok", said))
    return checks


def _some(found: list[str]) -> str:
    more = f" and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
    return "; ".join(found[:_MOST_SHOWN]) + more
