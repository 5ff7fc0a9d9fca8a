"""Tier 2: a second look at what the tools found. It may demote a finding to a suggestion; nothing is ever removed.

Findings that are critical, and secrets of any severity, are not even shown: no answer could change them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from reference.agents.interfaces import Context, Model
from reference.agents.rules import rule
from reference.agents.types import AgentReport, Change, Finding, ReviewError, Severity

from .client import prices_of
from .prompt import DATA_RULE, fenced
from .spending import Purse

MOST = 12  # findings per call
MAX_TOKENS = 400
LINES_AROUND = 8
MOST_BYTES = 1_200  # of one finding with its code: bounds what a call can cost
SYSTEM = (
    "You check the findings of code analysers against the code. For each finding say whether a senior engineer would "
    f"act on it: real, or false_alarm only if the code shown proves that it does not apply. {DATA_RULE}"
)


def is_protected(finding: Finding) -> bool:
    """No language model decides about these."""
    return (
        finding.severity is Severity.CRITICAL
        or rule(finding.rule).severity is Severity.CRITICAL
        or ("secret" in finding.rule)
    )


def _schema(n: int) -> dict[str, object]:
    verdict = {
        "type": "object",
        "properties": {
            "finding": {"type": "integer", "minimum": 1, "maximum": n},
            "verdict": {"type": "string", "enum": ["real", "false_alarm"]},
        },
        "required": ["finding", "verdict"],
        "additionalProperties": False,
    }
    verdicts = {"type": "array", "items": verdict, "minItems": n, "maxItems": n}
    return {
        "type": "object",
        "properties": {"verdicts": verdicts},
        "required": ["verdicts"],
        "additionalProperties": False,
    }


class Triage:
    """LanguageTier: one call per dozen findings of a specialist."""

    tier = 2
    version = "triage-1"

    async def improve(self, context: Context, report: AgentReport, model: Model, allowance: float) -> AgentReport:
        open_ = [one for one in report.findings if not is_protected(one) and one.severity > Severity.SUGGESTION]
        purse = Purse(model, allowance, context.timeout_s)
        demoted: set[int] = set()
        try:
            for start in range(0, len(open_), MOST):
                batch = open_[start : start + MOST]
                answer = await purse.ask(SYSTEM, _question(context.change, batch), _schema(len(batch)), MAX_TOKENS)
                demoted |= {id(batch[n - 1]) for n in _false_alarms(answer, len(batch))}
        except ReviewError as problem:
            return purse.failed(report, problem)
        findings = tuple(
            dataclasses.replace(one, severity=Severity.SUGGESTION) if id(one) in demoted else one
            for one in report.findings
        )
        return purse.charged(report, findings=findings)

    def worst_case(self, context: Context, model: Model, findings: int = MOST) -> float:
        """Dollars that `improve` can cost at most for so many findings."""
        calls = -(-max(findings, 1) // MOST)
        longest = MOST * (MOST_BYTES + 200)  # 200: the rule, the marks around the code
        return calls * prices_of(model).cost(len(SYSTEM) + longest + 128, MAX_TOKENS)


def _question(change: Change, findings: Sequence[Finding]) -> str:
    blocks = []
    for number, one in enumerate(findings, 1):
        title, _, _ = rule(one.rule).filled(one.values)
        told = f"{title}\n{_around(change, one)}".encode("utf-8", "replace")[:MOST_BYTES].decode("utf-8", "ignore")
        code = fenced("code", told)
        blocks.append(f"Finding {number}: {one.rule} at line {one.line}\n{code}")
    return "\n".join(blocks) + "\nAnswer with one verdict per finding, in order."


def _around(change: Change, finding: Finding) -> str:
    file = change.file(finding.path)
    if file is None or file.after is None:
        return finding.evidence[:400]
    lines = file.after.split("\n")
    first, last = max(1, finding.line - LINES_AROUND), min(len(lines), finding.line + LINES_AROUND)
    return "\n".join(f"{n:5d} | {lines[n - 1][:400]}" for n in range(first, last + 1))


def _false_alarms(answer: dict[str, object], n: int) -> set[int]:
    """Numbers with the verdict false_alarm; contradictions about one finding leave it as it was."""
    said: dict[int, set[str]] = {}
    verdicts = answer.get("verdicts")
    if not isinstance(verdicts, list):
        raise ReviewError("the language model's answer has no verdicts")
    for one in verdicts:
        if isinstance(one, dict) and isinstance(one.get("finding"), int) and 1 <= one["finding"] <= n:
            said.setdefault(one["finding"], set()).add(str(one.get("verdict")))
    return {number for number, words in said.items() if words == {"false_alarm"}}
