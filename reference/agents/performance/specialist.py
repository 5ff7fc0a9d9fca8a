"""The performance specialist: faults of the new text that the text before did not have."""

from __future__ import annotations

import ast
import asyncio
from collections import Counter
from pathlib import PurePosixPath

from reference.agents.interfaces import Context, Snapshot
from reference.agents.rules.registry import rule
from reference.agents.syntax import parse_python
from reference.agents.types import Agent, AgentReport, ChangedFile, Finding, Role, Status

from . import caches, complexity, foreign, lifetimes, queries
from .scopes import Fault, Function, Source

_LANGUAGES = {"python", "javascript", "typescript", "tsx", "go"}
_RARE = {"migrations", "scripts", "management", "tests", "test", "benchmarks"}  # run by hand, or on little data


class PerformanceSpecialist:
    """Reads Python, JavaScript, TypeScript and Go files of the change; no tool of others, no subprocess."""

    agent = Agent.PERFORMANCE

    async def review(self, context: Context) -> AgentReport:
        files = [f for f in (context.change.file(path) for path in context.files) if f is not None and _readable(f)]
        if not files:
            return AgentReport(
                self.agent, status=Status.SKIPPED, reason="no source file in the change in a language that is read"
            )
        return await asyncio.to_thread(self._review, files, context.change.snapshot)

    def _review(self, files: list[ChangedFile], snapshot: Snapshot | None) -> AgentReport:
        found: list[Finding] = []
        unread: list[str] = []
        for file in files:
            try:
                new = _new_faults(file, snapshot)
            except RecursionError:
                new = None
            if new is None:
                unread.append(file.path)
            else:
                found += [_finding(file, fault) for fault in new]
        found.sort(key=lambda one: (one.path, one.line, one.rule))
        reason = f"{len(unread)} files could not be parsed" if unread else ""
        return AgentReport(self.agent, tuple(found), Status.DEGRADED if unread else Status.OK, reason)


def _readable(file: ChangedFile) -> bool:
    folders = set(PurePosixPath(file.path).parts[:-1])
    return file.language in _LANGUAGES and file.is_code and file.role is Role.SOURCE and not folders & _RARE


def _new_faults(file: ChangedFile, snapshot: Snapshot | None) -> list[Fault] | None:
    """None: the new text cannot be parsed."""
    found = _read(file, file.after, snapshot)
    if found is None:
        return None
    old = Counter(_key(f, file.before or "") for f in _read(file, file.before or "", snapshot) or ())
    added = file.added.keys()
    new = []
    for fault in sorted(found, key=lambda one: (one.line, one.rule)):
        key = _key(fault, file.after or "")
        if old[key] > 0:
            old[key] -= 1
        elif fault.lines & added:
            new.append(fault)
    return new


def _read(file: ChangedFile, text: str | None, snapshot: Snapshot | None) -> list[Fault] | None:
    """Faults of one text of the file; None where it cannot be parsed."""
    if text is None:
        return None
    if file.language != "python":
        return foreign.faults(file.language, text)
    parsed = parse_python(text)
    return None if parsed is None else _faults(parsed, file.path, snapshot)


def _faults(tree: ast.Module, path: str, snapshot: Snapshot | None) -> list[Fault]:
    source = Source(tree)
    local = {node.name: node for node in ast.walk(tree) if isinstance(node, Function)}
    imported = {
        alias.asname or alias.name: (node, alias.name)
        for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }  # fmt: skip
    known: dict[str, bool] = {}

    def helper(name: str) -> bool:
        if name not in known:
            if name in local:
                known[name] = queries.asks(local[name])
            else:
                known[name] = name in imported and _imported_asks(*imported[name], path, snapshot)
        return known[name]

    return [
        *queries.faults(source, helper),
        *complexity.faults(source),
        *lifetimes.faults(source),
        *caches.faults(source),
    ]


def _imported_asks(node: ast.ImportFrom, name: str, path: str, snapshot: Snapshot | None) -> bool:
    """One hop: the module that the name comes from, read as text from the snapshot."""
    if snapshot is None or node.module is None:
        return False
    parts = node.module.split(".")
    if node.level:
        folder = PurePosixPath(path).parts[: -node.level]
        parts = [*folder, *parts]
    text = snapshot.read("/".join(parts) + ".py")
    tree = parse_python(text) if text else None
    return tree is not None and any(isinstance(n, Function) and n.name == name and queries.asks(n) for n in tree.body)


def _key(fault: Fault, text: str) -> tuple[str, str, str]:
    return fault.rule, fault.where, "".join(_line(text, fault.line).split())


def _line(text: str, number: int) -> str:
    # As ast counts: only line feeds and carriage returns end a line
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines[number - 1] if number <= len(lines) else ""


def _finding(file: ChangedFile, fault: Fault) -> Finding:
    return Finding(
        Agent.PERFORMANCE, fault.rule, rule(fault.rule).severity, file.path, fault.line, fault.end_line,
        fault.values, "ast", _line(file.after or "", fault.line),
    )  # fmt: skip
