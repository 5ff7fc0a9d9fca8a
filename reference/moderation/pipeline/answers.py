"""What parts answer, held to their contracts: an answer that breaks one counts as a failure of the part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reference.moderation.interfaces import TextModel, VideoCheck
from reference.moderation.types import Finding, ModerationError, Post


def scores_of(model: TextModel, texts: list[str]) -> Any:
    """The model's scores, held to their contract: a wrong shape or a value outside [0, 1] is a failure of the part."""
    import numpy as np

    scores = np.asarray(model.score(texts), dtype=np.float64)
    if scores.shape != (len(texts), len(model.categories)):
        raise ModerationError(f"the text model gave scores of shape {scores.shape}")
    if not bool(np.all((scores >= 0) & (scores <= 1))):  # false for NaN too
        raise ModerationError("the text model gave scores that are no probabilities")
    return scores


def findings_in_video(videos: VideoCheck, post: Post) -> tuple[Finding, ...]:
    """What the check finds in the post's video; nothing in a post without one."""
    return () if post.video is None else tuple(videos.check(post.video))


def as_many(results: Sequence[Any], count: int) -> Sequence[Any]:
    """The results, held to one for each of `count` posts or media."""
    if len(results) != count:
        raise ModerationError(f"a part answered {len(results)} times for {count} posts")
    return results
