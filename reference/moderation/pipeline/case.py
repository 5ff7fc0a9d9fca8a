"""One post on its way through the tiers: what was found, who looked, what is missing, and the decision it comes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from reference.moderation.policy import Policy
from reference.moderation.types import MOST_OF_A_MODEL, UNAVAILABLE, Action, Decision, Finding, Post, Screened, Tier


@dataclass(slots=True)
class Case:
    """policy: in force for the post, None if there was none; missing: parts that could not look; took_part: versions
    of those that did; key: of the decision cache."""

    post: Post
    policy: Policy | None
    screened: Screened | None = None
    findings: list[Finding] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    took_part: dict[str, str] = field(default_factory=dict)
    key: bytes = b""
    decision: Decision | None = None

    def miss(self, part: str, detail: str, tier: Tier, detector: str = "") -> None:
        """Notes that a part could not look, which leads to a person."""
        self.missing.append(part)
        self.findings.append(Finding(UNAVAILABLE, 1.0, tier, detector or part, detail))

    def model_findings(self, categories: Sequence[str], scores: Iterable[float]) -> list[Finding]:
        """Scores that the policy asks something about. A model is never certain: 1.0 is kept for rules."""
        found = []
        for category, score in zip(categories, scores, strict=True):
            score = min(float(score), MOST_OF_A_MODEL)
            detail = f"The text model puts the post into {category}."
            finding = Finding(category, score, Tier.MODELS, "text_model", detail)
            if self.policy is not None and self.policy.action(finding) is not Action.APPROVE:
                found.append(finding)
        return found

    def outcome(self) -> tuple[Action, Finding | None]:
        """What the findings lead to, and the one that carries it."""
        if self.policy is None:
            return Action.ESCALATE, self.findings[-1] if self.findings else None
        return self.policy.outcome(self.findings)

    def open_for_judge(self) -> str:
        """The one category that is open and that a judge may decide; empty if there is none."""
        if self.policy is None:
            return ""
        asking = [finding for finding in self.findings if self.policy.action(finding) is not Action.APPROVE]
        categories = {finding.category for finding in asking}
        if len(categories) != 1 or self.missing or any(finding.score >= 1.0 for finding in asking):
            return ""
        category = self.policy.categories.get(categories.pop())
        if category is None or not category.judge or any(category.action(f.score) is Action.REJECT for f in asking):
            return ""
        return category.name

    def conclude(self, tier: Tier, now: datetime, outcome: tuple[Action, Finding | None] | None = None) -> Decision:
        """The decision of `tier`; outcome: None takes what the findings lead to."""
        action, carrier = outcome or self.outcome()
        policy = self.policy
        category = "" if carrier is None or action is Action.APPROVE else carrier.category
        return Decision(
            post_id=self.post.id,
            action=action,
            category=category,
            tier=tier,
            findings=tuple(self.findings),
            versions={"policy": "none" if policy is None else policy.version, **self.took_part},
            language="und" if self.screened is None else self.screened.language,
            country=self.post.country.upper(),
            severity=0 if not category else 2 if policy is None else policy.severity(category),
            decided_at=now,
            missing=tuple(self.missing),
        )
