"""A review as a SARIF 2.1.0 log (OASIS standard), in the subset that code scanning services read."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from reference.agents.rules import Rule
from reference.agents.rules import rule as rule_of
from reference.agents.types import Finding, Review, Severity, Status

from .escape import visible
from .text import plain_text

LEVELS = {Severity.CRITICAL: "error", Severity.WARNING: "warning", Severity.SUGGESTION: "note"}
# Scale of CVSS: what a service shows as critical starts at 9, high at 7, medium at 4.
_SECURITY_SEVERITY = {Severity.CRITICAL: "8.5", Severity.WARNING: "5.5", Severity.SUGGESTION: "2.0"}
_STATE = {"muted": "muted in this repository: its comments were rejected too often"}


def sarif_of(review: Review) -> dict[str, Any]:
    """Every finding, posted or not; muted ones are suppressed, the others that were not posted say why in properties.

    No snippet of code is included: a log is kept for long and read by many, and a line may hold a secret.
    """
    found = [(one, "") for one in review.findings]
    found += [(one, reason) for reason, left in sorted(review.left_out.items()) for one in left]
    ids = sorted({one.rule for one, _ in found})
    index = {id: number for number, id in enumerate(ids)}
    run = {
        "tool": {
            "driver": {
                "name": "workbook-review",
                "rules": [_rule(rule_of(id)) for id in ids],
            }
        },
        "invocations": [_invocation(review)],
        "columnKind": "utf16CodeUnits",
        "automationDetails": {"id": "workbook-review/"},
        "results": [_result(one, reason, index[one.rule]) for one, reason in found],
    }
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    properties: dict[str, Any] = {"tags": [rule.agent.value, *([rule.owasp] if rule.owasp else [])]}
    properties["precision"] = "high" if rule.posted else "low"
    if rule.agent.value == "security":
        properties["security-severity"] = _SECURITY_SEVERITY[rule.severity]
    if rule.cwe:
        properties["tags"].append(f"external/cwe/cwe-{rule.cwe:03d}")
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in re.split(r"[/-]", rule.id)),
        "shortDescription": {"text": _plain(_general(rule.title))},
        "fullDescription": {"text": _plain(_general(rule.why))},
        "help": {"text": _plain(_general(rule.mend))},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": properties,
    }


def _general(template: str) -> str:
    """The template for no finding in particular: `{name}` reads as (name)."""
    return re.sub(r"\{(\w+)[^}]*\}", r"(\1)", template)


def _result(finding: Finding, reason: str, index: int) -> dict[str, Any]:
    title, why, mend = plain_text(finding)
    made: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": LEVELS[finding.severity],
        "message": {"text": _plain(f"{title.rstrip('.')}. {why} {mend}")},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {
                        "uri": quote(finding.path.encode("utf-8", "replace")),
                        "uriBaseId": "%SRCROOT%",
                    },
                    "region": {"startLine": max(1, finding.line), "endLine": max(1, finding.line, finding.end_line)},
                }
            }
        ],
        "partialFingerprints": {"reviewFinding/v1": finding.fingerprint},
        "properties": {
            "agent": finding.agent.value,
            "tool": visible(finding.tool, 80),
            "confidence": finding.confidence,
        },
    }
    if reason:
        made["properties"]["notPosted"] = visible(reason)
    if reason in _STATE:
        made["suppressions"] = [{"kind": "external", "status": "accepted", "justification": _STATE[reason]}]
    return made


def _uri(path: str) -> str:
    return quote(path.encode("utf-8", "replace"))


def _plain(text: str) -> str:
    """A SARIF message where brackets would start a link (section 3.11.6 of the standard): escaped."""
    return re.sub(r"([\[\]\\])", r"\\\1", text)


def _invocation(review: Review) -> dict[str, Any]:
    notes = [
        f"{one.agent.value}: {one.status.value}{': ' + one.reason if one.reason else ''}"
        for one in review.reports
        if one.status not in (Status.OK, Status.SKIPPED)
    ]
    failed = any(one.status in (Status.FAILED, Status.TIMED_OUT, Status.OVER_BUDGET) for one in review.reports)
    shown = [*notes, *review.notes, *review.change.problems]
    return {
        "executionSuccessful": not failed,
        "toolExecutionNotifications": [
            {"level": "warning", "message": {"text": _plain(visible(text, 500)) or "(empty)"}} for text in shown
        ],
    }
