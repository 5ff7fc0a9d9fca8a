"""One policy in force: its categories, and what a finding of a category leads to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reference.moderation.types import UNAVAILABLE, UNREADABLE, Action, Finding

# Categories that detectors of this package can report. A policy must say something about each of them.
TEXT_CATEGORIES = ("hate", "threat", "counterfeit", "crypto_scam", "phishing", "spam")
MEDIA_CATEGORIES = ("forbidden_symbol", "qr_spam", "banned_logo", "known_image")
CATEGORIES = TEXT_CATEGORIES + MEDIA_CATEGORIES

# Of the transparency database of the EU's Digital Services Act.
DSA_CATEGORIES = (
    "STATEMENT_CATEGORY_ANIMAL_WELFARE",
    "STATEMENT_CATEGORY_CONSUMER_INFORMATION",
    "STATEMENT_CATEGORY_CYBER_VIOLENCE",
    "STATEMENT_CATEGORY_CYBER_VIOLENCE_AGAINST_WOMEN",
    "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS",
    "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH",
    "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS",
    "STATEMENT_CATEGORY_NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS",
    "STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE",
    "STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
    "STATEMENT_CATEGORY_PROTECTION_OF_MINORS",
    "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
    "STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
    "STATEMENT_CATEGORY_SELF_HARM",
    "STATEMENT_CATEGORY_UNSAFE_AND_PROHIBITED_PRODUCTS",
    "STATEMENT_CATEGORY_VIOLENCE",
)

# Not configurable: what could not be read or looked at goes to a person, above every other category in the queue's
# eyes only by the severity given here.
ALWAYS_TO_A_PERSON = (UNREADABLE, UNAVAILABLE)
SEVERITY_UNKNOWN = 2


@dataclass(frozen=True, slots=True)
class CategoryPolicy:
    """What the policy says about one category.

    Attributes:
        severity: 1 (nuisance) to 4 (danger).
        dsa_category: of the DSA transparency database, e.g. STATEMENT_CATEGORY_SCAMS_AND_FRAUD.
        ground: "legal" (against the law) or "terms" (against the platform's rules).
        ground_reference: the law or the section of the rules.
        explanation: one or two sentences for the author.
        rule_action: what a certain finding (score 1: a rule, a known image) leads to: reject or escalate.
        reject_at: calibrated probability from which a model's finding rejects; None: no model ever rejects.
        escalate_at: probability from which a person, or the judge, has to look.
        judge: whether the judge may decide between `escalate_at` and `reject_at`.
    """

    name: str
    severity: int
    dsa_category: str
    ground: str
    ground_reference: str
    explanation: str
    rule_action: Action
    reject_at: float | None
    escalate_at: float
    judge: bool

    def action(self, score: float) -> Action:
        """What a finding with this score leads to; a score that is no number leads to a person."""
        if not math.isfinite(score):
            return Action.ESCALATE
        if score >= 1.0:
            return self.rule_action
        if self.reject_at is not None and score >= self.reject_at:
            return Action.REJECT
        return Action.ESCALATE if score >= self.escalate_at else Action.APPROVE


@dataclass(frozen=True, slots=True)
class Policy:
    """One version for one country."""

    version: str
    country: str
    categories: Mapping[str, CategoryPolicy]

    def action(self, finding: Finding) -> Action:
        """What one finding leads to. UNREADABLE, UNAVAILABLE and categories that the policy does not know: ESCALATE."""
        category = self.categories.get(finding.category)
        return Action.ESCALATE if category is None else category.action(finding.score)

    def severity(self, category: str) -> int:
        known = self.categories.get(category)
        return SEVERITY_UNKNOWN if known is None else known.severity

    def outcome(self, findings: Sequence[Finding]) -> tuple[Action, Finding | None]:
        """The strongest action over all findings and the finding that carries it; (APPROVE, None) if there is none.

        Reject beats escalate; within one action the gravest category wins, then the higher score.
        """
        best: tuple[int, int, float] | None = None
        chosen: Finding | None = None
        for finding in findings:
            action = self.action(finding)
            if action is Action.APPROVE:
                continue
            score = finding.score if math.isfinite(finding.score) else 0.0
            rank = (int(action is Action.REJECT), self.severity(finding.category), score)
            if best is None or rank > best:
                best, chosen = rank, finding
        if chosen is None:
            return Action.APPROVE, None
        return self.action(chosen), chosen
