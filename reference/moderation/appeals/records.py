"""What becomes of an answered appeal: the decision for the log, and the label for retraining."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from reference.moderation.types import Action, Decision, Finding, Tier

from .types import Answer, Appeal, Label, Result


def answer_from(text: bytes) -> Answer:
    """An answer from the JSON in which it is kept."""
    fields = json.loads(text)
    return Answer(**{**fields, "result": Result(fields["result"])})


def outcome_of(appeal: Appeal, made: Answer) -> Decision:
    """The decision that stands after the answer, as a person's."""
    before = appeal.decision
    stays = made.result is not Result.OVERTURNED
    category = made.category or before.category if stays else ""
    finding = Finding(category, 1.0, Tier.PERSON, "person", f"on appeal: {made.result}")
    return Decision(
        post_id=before.post_id,
        action=Action.REJECT if stays else Action.APPROVE,
        category=category,
        tier=Tier.PERSON,
        findings=(finding,) if stays else (),
        versions={**before.versions, "appeal_reviewer": made.reviewer},
        language=before.language,
        country=before.country,
        severity=before.severity if stays else 0,
        decided_at=datetime.fromtimestamp(made.answered_at, UTC),
    )


def label_of(appeal: Appeal, made: Answer) -> Label:
    """What the answer teaches: the category that the post really has, and what said otherwise."""
    before = appeal.decision
    now = {Result.UPHELD: before.category, Result.OVERTURNED: "", Result.PARTLY: made.category}[made.result]
    return Label(
        post_id=before.post_id,
        text=appeal.post_text,
        language=before.language,
        category=now,
        was=before.category,
        result=made.result,
        versions=dict(before.versions),
        rules=tuple(sorted({one.rule for one in before.findings if one.rule and one.category == before.category})),
        at=made.answered_at,
    )


def label_from(text: bytes) -> Label:
    """A label from the JSON in which it is kept."""
    fields = json.loads(text)
    return Label(**{**fields, "result": Result(fields["result"]), "rules": tuple(fields["rules"])})
