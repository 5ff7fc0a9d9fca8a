"""Posts, a clock and a log for the tests of review and appeals."""

from __future__ import annotations

from datetime import UTC, datetime

from reference.moderation.review import ReviewQueue
from reference.moderation.types import Action, Decision, Finding, Post, Tier

CATEGORIES = {"spam": 1, "hate": 3, "danger": 4}


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class MemoryLog:
    """The contract of `interfaces.DecisionLog`, in memory; `down` makes it fail."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, Tier], Decision] = {}
        self.down = False

    def append(self, decisions):
        if self.down:
            raise OSError("disk full")
        new = [one for one in decisions if (one.post_id, one.tier) not in self.rows]
        self.rows.update({(one.post_id, one.tier): one for one in new})
        return len(new)

    def why(self, post_id):
        return [one for (post, _), one in self.rows.items() if post == post_id]


def escalated(post_id, severity=2, language="en", category="hate", **post) -> tuple[Post, Decision]:
    made = Post(post_id, **{"text": f"text of {post_id}", **post})
    finding = Finding(category, 0.7, Tier.MODELS, "text_model", "the text model is unsure")
    decision = Decision(
        post_id=post_id,
        action=Action.ESCALATE,
        category=category,
        tier=Tier.MODELS,
        findings=(finding,),
        versions={"policy": "2026-11", "rules": "ab12", "text_model": "m1"},
        language=language,
        country="",
        severity=severity,
        decided_at=datetime(2026, 11, 1, tzinfo=UTC),
    )
    return made, decision


def put(queue: ReviewQueue, post_id: str, severity=2, language="en", **post) -> None:
    queue.put(*escalated(post_id, severity, language, **post))
