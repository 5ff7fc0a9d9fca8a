"""What flows through moderation: posts, findings, decisions; and the error a user can meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

# Categories that no policy file defines, since they say that something could not be judged. Both lead to a person.
UNREADABLE = "unreadable"  # the post or a medium of it cannot be decoded, or is over a limit
UNAVAILABLE = "unavailable"  # a part that had to look (a model, the judge) did not run


MOST_OF_A_MODEL = 1.0 - 1e-6  # the highest score of a model's finding: 1.0 means certain, and is kept for rules


class ModerationError(Exception):
    """A failure of moderation that a user can act on; the message names the field or file and the mend."""


class Action(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    ESCALATE = "escalate"  # a person decides


class Tier(IntEnum):
    RULES = 1
    MODELS = 2
    JUDGE = 3
    PERSON = 4


@dataclass(frozen=True, slots=True)
class Media:
    """One image or video as it came: nothing about `data` is checked yet. `name` is for people and logs only."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Post:
    """What an author wants to publish.

    Attributes:
        id: the platform's id; decisions are idempotent by it.
        language: the author's or client's hint (ISO 639-1), empty if none; never trusted over what the text says.
        country: ISO 3166 alpha-2 of the audience that the policy overlay is chosen by; empty if unknown.
        posted_at: with time zone; chooses the policy version that was in force.
        views: views so far, for the order of human review.
    """

    id: str
    text: str = ""
    images: tuple[Media, ...] = ()
    video: Media | None = None
    links: tuple[str, ...] = ()
    language: str = ""
    author: str = ""
    country: str = ""
    posted_at: datetime | None = None
    views: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a detector saw.

    Attributes:
        category: a category of the policy, or UNREADABLE or UNAVAILABLE.
        score: a calibrated probability for models; 1.0 for a rule that matched.
        detector: which part saw it: literal, regex, link, image_hash, text_model, image_model, video, judge, person.
        detail: one plain sentence for reviewers and statements of reasons, without the offending words.
        rule: id of the rule or of the known image; empty for models.
        view: of the text, in which it matched: plain or folded; empty elsewhere.
        span: offsets into that view's source text where known.
    """

    category: str
    score: float
    tier: Tier
    detector: str
    detail: str
    rule: str = ""
    view: str = ""
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Screened:
    """What tier 1 says about one post: findings, and what it read on the way that later tiers need.

    Attributes:
        language: ISO 639-1 (or 639-3) by language identification; "und" where the text is too short or unclear.
        confidence: of that, 0 to 1.
        plain, folded: the two views of the text; equal where folding changed nothing.
    """

    post_id: str
    findings: tuple[Finding, ...]
    language: str
    confidence: float
    plain: str
    folded: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome for one post under one version of the policy.

    Attributes:
        category: the finding that carried it; empty for an approval.
        tier: the one that decided.
        versions: of policy, rules and every model that took part, e.g. {"policy": "2026-11", "rules": "9f0c..."}.
        missing: parts that should have looked and could not; never empty silently.
        severity: 1 (nuisance) to 4 (danger), the policy's figure for `category`; 0 for an approval.
        decided_at: with time zone.
    """

    post_id: str
    action: Action
    category: str
    tier: Tier
    findings: tuple[Finding, ...]
    versions: Mapping[str, str]
    language: str
    country: str
    severity: int
    decided_at: datetime
    missing: tuple[str, ...] = ()
