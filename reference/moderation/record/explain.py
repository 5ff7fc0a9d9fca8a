"""Decisions as sentences that an author or a regulator can read."""

from __future__ import annotations

from collections.abc import Sequence

from reference.moderation.types import Action, Decision, Tier

_WHO = {
    Tier.RULES: "the rules (tier 1)",
    Tier.MODELS: "the models (tier 2)",
    Tier.JUDGE: "the judge (tier 3)",
    Tier.PERSON: "a person",
}
_DID = {Action.APPROVE: "approved", Action.REJECT: "removed", Action.ESCALATE: "passed to a person"}


def sentences(post_id: str, decisions: Sequence[Decision]) -> list[str]:
    """One to three sentences per decision, oldest first."""
    if not decisions:
        return [f"Nothing was ever decided about post {post_id}."]
    return [line for decision in decisions for line in _lines(decision)]


def _lines(decision: Decision) -> list[str]:
    policy = decision.versions.get("policy", "unknown")
    when = decision.decided_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    reason = f" for {decision.category} (severity {decision.severity})" if decision.category else ""
    where = f" for {decision.country}" if decision.country else ""
    lines = [
        f"{when}: post {decision.post_id} was {_DID[decision.action]} by {_WHO[decision.tier]}{reason}, "
        f"under policy version {policy}{where}."
    ]
    for finding in decision.findings:
        rule = f", rule {finding.rule}" if finding.rule else ""
        score = "" if finding.score >= 1 else f", probability {finding.score:.3f}"
        lines.append(f"  {finding.detector} found {finding.category}{rule}{score}: {finding.detail}")
    if decision.missing:
        lines.append(f"  These parts could not look: {', '.join(decision.missing)}.")
    parts = ", ".join(f"{name} {version}" for name, version in sorted(decision.versions.items()) if name != "policy")
    if parts:
        lines.append(f"  Versions: {parts}.")
    return lines
