"""Findings from rules, and checks of which one may fail without the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from reference.agents.rules.registry import rule
from reference.agents.types import Agent, AgentReport, ChangedFile, Finding, ReviewError, Status

_LONGEST_VALUE = 200


def finding(
    file: ChangedFile, id: str, line: int, end: int | None = None, *, tool: str = "ast", confidence: float = 1.0,
    **values: object,
) -> Finding:  # fmt: skip
    """One finding on `line` of the new text; severity from the registry, evidence from the line itself."""
    lines = (file.after or "").splitlines()
    evidence = file.added.get(line) or (lines[line - 1] if 0 < line <= len(lines) else "")
    known = rule(id)
    texts = {name: str(value)[:_LONGEST_VALUE] for name, value in values.items()}
    last = max(line, end or line)
    return Finding(known.agent, id, known.severity, file.path, line, last, texts, tool, evidence[:400], confidence)


@dataclass
class Gathering:
    """Runs a specialist's checks one by one until its time is up, keeps what they find and why one failed."""

    agent: Agent
    timeout_s: float
    findings: list[Finding] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def left_s(self) -> float:
        return self.timeout_s - (time.monotonic() - self.began)

    def take(self, what: str, check: Callable[[], Iterable[Finding]]) -> None:
        """`what` names check and file for the reason: "clones", "syntax of src/a.py"."""
        if self.left_s <= 0:
            if "out of time" not in " ".join(self.reasons):
                self.reasons.append(f"out of time after {self.timeout_s:g} s; the rest began with {what}")
            return
        try:
            self.findings.extend(check())
        except ReviewError as problem:
            self.reasons.append(str(problem))
        except RecursionError:
            self.reasons.append(f"{what}: nested too deeply")
        except Exception as problem:  # one odd file must not cost the others their review
            self.reasons.append(f"{what}: {type(problem).__name__}: {problem}"[:300])

    def report(self) -> AgentReport:
        status = Status.DEGRADED if self.reasons else Status.OK
        return AgentReport(self.agent, tuple(ordered(self.findings)), status, "; ".join(self.reasons))


def ordered(findings: Sequence[Finding]) -> list[Finding]:
    """Without repeats, in the order of the files and lines: the same change gives the same list."""
    seen: set[tuple[str, str, int]] = set()
    kept = []
    for one in sorted(findings, key=lambda x: (x.path, x.line, x.rule, sorted(x.values.items()))):
        if (key := (one.rule, one.path, one.line)) not in seen:
            seen.add(key)
            kept.append(one)
    return kept
