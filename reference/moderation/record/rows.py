"""The tables of the decision log: schema, decisions as rows and back, and the hash of a batch of rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from reference.moderation.types import Action, Decision, Finding, Tier

SCHEMA = """
CREATE TABLE IF NOT EXISTS decisions (
    seq INTEGER PRIMARY KEY,
    post_id TEXT NOT NULL, tier INTEGER NOT NULL, round INTEGER NOT NULL,
    action TEXT NOT NULL, category TEXT NOT NULL, severity INTEGER NOT NULL,
    language TEXT NOT NULL, country TEXT NOT NULL, decided_at TEXT NOT NULL,
    findings TEXT NOT NULL, missing TEXT NOT NULL, versions INTEGER NOT NULL,
    UNIQUE (post_id, tier, round));
CREATE TABLE IF NOT EXISTS versions (id INTEGER PRIMARY KEY, value TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
    statements TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS statements (puid TEXT PRIMARY KEY, post_id TEXT NOT NULL, value TEXT NOT NULL);
"""
TABLES = ("decisions", "versions", "batches", "statements")
COLUMNS = "post_id, tier, round, action, category, severity, language, country, decided_at, findings, missing, versions"


def row_of(decision: Decision, round: int, versions: int) -> tuple[Any, ...]:
    """Values for COLUMNS. round: of appeal; versions: id of the row of `versions` that holds the decision's."""
    return (
        decision.post_id,
        int(decision.tier),
        round,
        decision.action.value,
        decision.category,
        decision.severity,
        decision.language,
        decision.country,
        decision.decided_at.isoformat(),
        json.dumps([_finding_to(finding) for finding in decision.findings]) if decision.findings else "[]",
        json.dumps(decision.missing) if decision.missing else "[]",
        versions,
    )


def decision_of(row: Sequence[Any], versions: Mapping[str, str]) -> Decision:
    """The decision of a row of COLUMNS; its last value, the id of `versions`, is not looked at."""
    post_id, tier, _, action, category, severity, language, country, at, findings, missing, _ = row
    return Decision(
        post_id=post_id,
        action=Action(action),
        category=category,
        tier=Tier(tier),
        findings=tuple(_finding_from(item) for item in json.loads(findings)),
        versions=versions,
        language=language,
        country=country,
        severity=severity,
        decided_at=datetime.fromisoformat(at).astimezone(UTC),
        missing=tuple(json.loads(missing)),
    )


def digest(
    previous: str, rows: Sequence[Sequence[Any]], versions: list[str], statements: Sequence[tuple[str, str]]
) -> str:
    """The hash of a batch: SHA-256 over the one before, its rows, the versions they point to, and its statements."""
    body = json.dumps([rows, versions, statements], separators=(",", ":"))
    return hashlib.sha256(previous.encode() + body.encode()).hexdigest()


def _finding_to(finding: Finding) -> list[Any]:
    return [
        finding.category,
        finding.score,
        int(finding.tier),
        finding.detector,
        finding.detail,
        finding.rule,
        finding.view,
        finding.span,
    ]


def _finding_from(item: list[Any]) -> Finding:
    category, score, tier, detector, detail, rule, view, span = item
    return Finding(category, score, Tier(tier), detector, detail, rule, view, tuple(span) if span else None)
