"""The security specialist: analysers of others and checks of our own, on what the change adds."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping

from reference.agents.dependencies import Advisories, changed_pins, is_manifest
from reference.agents.dependencies.advisories import fixed_version
from reference.agents.interfaces import Context
from reference.agents.rules import rule
from reference.agents.syntax import parse_python
from reference.agents.types import Agent, AgentReport, Change, ChangedFile, Finding, ReviewError, Role, Status

from . import analysers, hostile_text, other_languages, removed_checks, secrets, sinks
from .fault import Fault

_NOT_DEPLOYED = re.compile(r"(^|[/_.-])(docs?|tests?|testing|dev|develop|lint|typing|examples?|ci|bench\w*)([/_.-]|$)")
_OTHER = ("javascript", "typescript", "tsx", "go")
_IN_TESTS = {
    "secret",
    "hidden-text",
    "addresses-reviewer",
}  # tests do dangerous things on purpose; these are not for show


class SecuritySpecialist:
    """Args:
    advisories: default: the shipped snapshot.
    """

    agent = Agent.SECURITY

    def __init__(self, advisories: Advisories | None = None) -> None:
        self._advisories = advisories

    async def review(self, context: Context) -> AgentReport:
        files = [one for one in (context.change.file(path) for path in context.files) if one is not None]
        if not files:
            return AgentReport(self.agent, status=Status.SKIPPED, reason="no text in the change")
        return await asyncio.to_thread(self._review, context, files)

    def _review(self, context: Context, files: list[ChangedFile]) -> AgentReport:
        troubles: list[str] = []
        remarks: list[str] = []
        found: list[Finding] = []
        by_tool = self._analysed(files, context.timeout_s, troubles)
        for file in files:
            faults = [*by_tool.get(file.path, ()), *_own_faults(file, troubles)]
            kept = _single(_new(file, faults))
            hidden = frozenset(fault.line for fault in kept if "secret" in fault.rule)
            found += [_finding(file, fault, hidden) for fault in kept]
        found += self._dependencies(files, remarks)
        if said := _spoken_to(context.change):
            remarks.append(said)
        found.sort(key=lambda one: (one.path, one.line, one.rule))
        status = Status.DEGRADED if troubles else Status.OK
        return AgentReport(self.agent, tuple(found), status, "; ".join([*troubles, *remarks]))

    def _analysed(self, files: list[ChangedFile], timeout_s: float, troubles: list[str]) -> dict[str, list[Fault]]:
        code = {f.path: f.after for f in files if f.language == "python" and f.role is Role.SOURCE and f.after}
        found: dict[str, list[Fault]] = {}
        tools: list[Callable[[Mapping[str, str], float], dict[str, list[Fault]]]] = [analysers.ruff, analysers.bandit]
        for tool in tools if code else []:
            try:
                for path, faults in tool(code, timeout_s * 0.8).items():
                    found.setdefault(path, []).extend(faults)
            except (ReviewError, ValueError, KeyError) as problem:
                troubles.append(f"{tool.__name__}: {problem}")
        # faults of the text before are not new
        old = {f.path: f.before for f in files if f.path in found and f.before}
        for tool in tools if old else []:
            try:
                for path, faults in tool(old, timeout_s * 0.8).items():
                    stood = Counter(_key(fault, old[path] or "") for fault in faults)
                    found[path] = _without(found[path], stood, code[path])
            except (ReviewError, ValueError, KeyError) as problem:
                troubles.append(f"{tool.__name__} on the text before: {problem}; the changed lines alone decide")
        return found

    def _dependencies(self, files: list[ChangedFile], remarks: list[str]) -> list[Finding]:
        manifests = [one for one in files if is_manifest(one.path) and one.status != "deleted"]
        pins = [(file, pin) for file in manifests for pin in changed_pins(file)]
        if not pins:
            return []
        known = self._advisories or Advisories.load()
        found = []
        for file, pin in pins:
            hits = (
                known.affecting(pin.package, pin.version)
                if pin.version
                else known.affecting_all(pin.package, pin.specifier)
            )
            if not hits:
                continue
            told = ", ".join(f"{one.id} ({one.summary})" for one in hits[:2])
            more = f", and {len(hits) - 2} more" if len(hits) > 2 else ""
            fixed = fixed_version(hits, pin.version)
            name = "vulnerable-dependency" if fixed else "vulnerable-dependency-unfixed"
            if _NOT_DEPLOYED.search(file.path):
                name = "vulnerable-development-dependency"
            values = {
                "package": pin.package,
                "version": pin.version or pin.specifier,
                "advisories": told + more,
                "fixed": fixed,
            }
            found.append(_finding(file, Fault(name, pin.line, pin.line, values, "advisories", 0.95)))
        looked = sum(known.knows(pin.package) for _, pin in pins)
        remarks.append(
            f"{looked} of {len(pins)} changed pins are in the advisory file ({len(known)} records, newest "
            f"{known.date}); nothing is known about the others"
        )
        return found


def _own_faults(file: ChangedFile, troubles: list[str]) -> list[Fault]:
    if file.status == "deleted":
        return []
    faults = [*secrets.faults_of(file), *hostile_text.faults_of(file)]
    if file.role is Role.SOURCE:
        faults += removed_checks.faults_of(file)
    if file.after is None or not file.is_code:
        return faults
    try:
        faults += _without(_syntactic(file, file.after), _stood(file), file.after)
    except RecursionError:
        troubles.append("one file is nested too deeply")
    return faults


def _syntactic(file: ChangedFile, text: str) -> list[Fault]:
    if file.language == "python":
        module = parse_python(text)
        return list(sinks.faults_of(module)) if module is not None else []
    return list(other_languages.faults_of(file.language, text)) if file.language in _OTHER else []


def _stood(file: ChangedFile) -> Counter[tuple[str, str]]:
    if not file.before:
        return Counter()
    return Counter(_key(fault, file.before) for fault in _syntactic(file, file.before))


def _key(fault: Fault, text: str) -> tuple[str, str]:
    lines = text.split("\n")
    code = "".join(lines[fault.line - 1 : fault.end_line])
    return fault.rule, "".join(code.split())


def _without(faults: list[Fault], stood: Counter[tuple[str, str]], text: str) -> list[Fault]:
    """Faults that are more often in the new text than in the old one, counted by rule and code."""
    left = Counter(stood)
    kept = []
    for fault in faults:
        key = _key(fault, text)
        if left[key] > 0:
            left[key] -= 1
        else:
            kept.append(fault)
    return kept


def _new(file: ChangedFile, faults: list[Fault]) -> list[Fault]:
    """On lines that the change adds; tests only for what matters in tests too."""
    added = file.added.keys()
    kept = []
    for fault in faults:
        if file.role is Role.TEST and fault.rule not in _IN_TESTS:
            continue
        if fault.rule == "check-removed" or any(line in added for line in range(fault.line, fault.end_line + 1)):
            kept.append(fault)
    return kept


# One place, one weakness: the surer and graver rule stays.
_STRONGER = {
    "sql-built": "sql-injection", "shell-command": "command-injection", "dynamic-code": "code-injection",
    "unsafe-deserialisation": "request-deserialised", "possible-secret": "secret",
}  # fmt: skip


def _single(faults: list[Fault]) -> list[Fault]:
    kept: list[Fault] = []
    for fault in sorted(faults, key=lambda one: (one.rule in _STRONGER, -one.confidence, one.line, one.tool)):
        family = _STRONGER.get(fault.rule, fault.rule)
        same = any(
            _STRONGER.get(one.rule, one.rule) == family and one.line <= fault.end_line and fault.line <= one.end_line
            for one in kept
        )
        if not same:
            kept.append(fault)
    return kept


def _finding(file: ChangedFile, fault: Fault, hidden: frozenset[int] = frozenset()) -> Finding:
    id = f"security/{fault.rule}"
    lines = file.after.split("\n") if file.after is not None else []
    evidence = file.added.get(fault.line) or (lines[fault.line - 1] if 0 < fault.line <= len(lines) else "")
    if hidden and not hidden.isdisjoint(range(fault.line, fault.end_line + 1)):
        evidence = f"a line of {len(evidence)} characters that holds a secret"  # never the secret itself
    return Finding(
        Agent.SECURITY, id, rule(id).severity, file.path, fault.line, max(fault.line, fault.end_line),
        dict(fault.values), fault.tool, evidence, fault.confidence,
    )  # fmt: skip


def _spoken_to(change: Change) -> str:
    """A remark where title, description or a file name speak to the reviewer; they have no line to comment on."""
    places = [
        ("title", change.title),
        ("description", change.body),
        *(("a file name", one.path) for one in change.files),
    ]
    found = sorted({name for name, text in places if hostile_text.speaks_to_reviewer(text)})
    return f"{' and '.join(found)} of the change give orders to reviewers; nothing here follows them" if found else ""
