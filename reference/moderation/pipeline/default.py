"""The moderator as it comes: shipped policy, rules and models, everything on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reference.moderation.policy import PolicyBook

from .moderator import Moderator


def default_rules(hot: bool = False) -> Any:
    """Tier 1 with the shipped rules and link lists; `hot`: a change of the rule files is taken while it runs."""
    from reference.moderation.rules.hot import HotRules
    from reference.moderation.rules.ruleset import RuleSet
    from reference.moderation.rules.screen import TextRules

    return TextRules(HotRules() if hot else RuleSet.load())


def default_images() -> Any:
    """The image check with the shipped (or named) classifier; QR codes are held against the block list of links."""
    from reference.moderation.images.check import Images
    from reference.moderation.images.classifier import ImageClassifier
    from reference.moderation.links.lists import LinkLists

    return Images(ImageClassifier.load(), blocked_hosts=LinkLists.load().block)


def rules_moderator(policy: str | Path | None = None, **settings: Any) -> Moderator:
    """Tier 1 only: what stream workers of the first stage use; its rules are those of its start."""
    return Moderator(PolicyBook.load(policy), default_rules(), **settings)


def default_moderator(policy: str | Path | None = None, **settings: Any) -> Moderator:
    """All tiers but the judge, which is off until it is shown to help. Changed rule files are taken within seconds.

    Args:
        policy: folder of policy files; None: the shipped one.
        settings: of `Moderator`: judge, reviews, log, deadline_s, cache_size.

    Raises:
        ModerationError: a policy, rule or model file is missing or damaged; the message says which and what to do.
    """
    from reference.moderation.models import default_text_model
    from reference.moderation.video.check import Videos

    images, rules = default_images(), default_rules(hot=True)
    return Moderator(PolicyBook.load(policy), rules, default_text_model(), images, Videos(images), **settings)


def reviewing_moderator(policy: str | Path | None = None, **settings: Any) -> Moderator:
    """`default_moderator` that puts what it escalates into the review queue (REDIS_URL, or the private Redis).

    What stream workers of the second stage name as their moderator.
    """
    from reference.moderation.review import ReviewQueue
    from reference.serving.redis_store import connect

    return default_moderator(policy, reviews=ReviewQueue(connect(None)), **settings)
