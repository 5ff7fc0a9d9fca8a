"""Posts and decisions as JSON, for the review queue and appeals: a plain form that survives a restart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from reference.moderation.types import Action, Decision, Finding, Media, Post, Tier

from .types import Verdict


def post_fields(post: Post, most_text: int) -> dict[str, Any]:
    """A post without its media. The text is cut at `most_text` characters; `text_cut` says so."""
    return {
        "id": post.id,
        "text": post.text[:most_text].encode("utf-8", "replace").decode(),
        "text_cut": len(post.text) > most_text,
        "links": [link[:2000].encode("utf-8", "replace").decode() for link in post.links[:50]],
        "language": post.language,
        "author": post.author,
        "country": post.country,
        "posted_at": post.posted_at.isoformat() if post.posted_at else None,
        "views": post.views,
    }


def post_from(fields: Mapping[str, Any]) -> Post:
    """The post from `post_fields`, without media."""
    posted = fields["posted_at"]
    return Post(
        id=fields["id"],
        text=fields["text"],
        links=tuple(fields["links"]),
        language=fields["language"],
        author=fields["author"],
        country=fields["country"],
        posted_at=datetime.fromisoformat(posted) if posted else None,
        views=fields["views"],
    )


def with_media_names(post: Post, notes: Sequence[Mapping[str, Any]]) -> Post:
    """The post with its media by name only, without data: for statements that say what kind of content it was."""
    images = tuple(Media(note["name"], b"") for note in notes if note["kind"] == "image")
    video = next((Media(note["name"], b"") for note in notes if note["kind"] == "video"), None)
    return replace(post, images=images, video=video)


def decision_fields(decision: Decision) -> dict[str, Any]:
    """A decision as JSON; of its findings the first 50."""
    return {
        "post_id": decision.post_id,
        "action": str(decision.action),
        "category": decision.category,
        "tier": int(decision.tier),
        "findings": [
            {
                "category": one.category,
                "score": float(one.score),
                "tier": int(one.tier),
                "detector": one.detector,
                "detail": one.detail.encode("utf-8", "replace").decode(),
                "rule": one.rule,
                "view": one.view,
                "span": list(one.span) if one.span else None,
            }
            for one in decision.findings[:50]
        ],
        "versions": dict(decision.versions),
        "language": decision.language,
        "country": decision.country,
        "severity": decision.severity,
        "decided_at": decision.decided_at.isoformat(),
        "missing": list(decision.missing),
    }


def decision_from(fields: Mapping[str, Any]) -> Decision:
    """The decision from `decision_fields`."""
    findings = tuple(
        Finding(**{**one, "tier": Tier(one["tier"]), "span": tuple(one["span"]) if one["span"] else None})
        for one in fields["findings"]
    )
    return Decision(
        **{
            **fields,
            "action": Action(fields["action"]),
            "tier": Tier(fields["tier"]),
            "findings": findings,
            "decided_at": datetime.fromisoformat(fields["decided_at"]),
            "missing": tuple(fields["missing"]),
        }
    )


def verdict_text(verdict: Verdict) -> str:
    """A verdict as JSON text."""
    return json.dumps(
        {
            "reviewer": verdict.reviewer,
            "action": str(verdict.action),
            "category": verdict.category,
            "note": verdict.note,
            "at": verdict.at,
        }
    )


def verdict_from(text: bytes | str) -> Verdict:
    """The verdict from `verdict_text`."""
    fields = json.loads(text)
    return Verdict(**{**fields, "action": Action(fields["action"])})
