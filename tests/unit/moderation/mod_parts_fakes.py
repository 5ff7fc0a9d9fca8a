"""Small parts of moderation with known behaviour. Posts say in words what the parts find."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from reference.moderation.types import UNREADABLE, Finding, Media, Post, Screened, Tier


class WordRules:
    """`rule:CATEGORY` in the text is a certain finding, `link:CATEGORY=0.6` has that score, `broken` is UNREADABLE."""

    version = "rules-1"

    def screen(self, posts: Sequence[Post]) -> list[Screened]:
        return [self._one(post) for post in posts]

    def _one(self, post: Post) -> Screened:
        found = []
        for word in post.text.split():
            if word == "explode":
                raise RuntimeError("rules exploded")
            if word == "broken":
                found.append(Finding(UNREADABLE, 1.0, Tier.RULES, "literal", "unreadable"))
            if word.startswith("rule:"):
                found.append(Finding(word[5:], 1.0, Tier.RULES, "literal", "A rule matched.", rule="r1", view="plain"))
            if word.startswith("link:"):
                name, score = word[5:].split("=")
                found.append(Finding(name, float(score), Tier.RULES, "link", "A link looks odd."))
        return Screened(post.id, tuple(found), post.language or "en", 0.9, post.text, post.text)


class WordModel:
    """`hate=0.7` in the text is the model's probability for hate; everything else is 0."""

    version = "model-1"
    categories = ("hate", "spam")
    languages = frozenset({"en", "de"})

    def __init__(self) -> None:
        self.asked: list[str] = []

    def score(self, texts: Sequence[str]) -> Any:
        self.asked.extend(texts)
        scores = np.zeros((len(texts), 2), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.split():
                if word == "fail":
                    raise RuntimeError("model failed")
                if word == "nan":
                    scores[row] = np.nan
                for column, name in enumerate(self.categories):
                    if word.startswith(name + "="):
                        scores[row, column] = float(word.split("=")[1])
        return scores


class ByteImages:
    """An image whose bytes name a category is found in it; `broken` is UNREADABLE."""

    version = "images-1"

    def check(self, images: Sequence[Media]) -> list[tuple[Finding, ...]]:
        return [self._one(image.data.decode()) for image in images]

    def _one(self, name: str) -> tuple[Finding, ...]:
        if name == "broken":
            return (Finding(UNREADABLE, 1.0, Tier.MODELS, "image_model", "The image cannot be decoded."),)
        return (Finding(name, 0.999, Tier.MODELS, "image_model", "The image shows it."),) if name else ()


class SlowVideos:
    version = "video-1"

    def __init__(self, until: threading.Event | None = None) -> None:
        self.until = until

    def check(self, video: Media) -> tuple[Finding, ...]:
        if self.until is not None:
            self.until.wait()
        return ()


class WordJudge:
    """Says the probability in `judge=0.2`; None without one."""

    version = "judge-1"

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def judge(self, posts: Sequence[Post], questions: Sequence[str]) -> list[Finding | None]:
        verdicts: list[Finding | None] = []
        for post, question in zip(posts, questions, strict=True):
            self.asked.append((post.id, question))
            said = [word for word in post.text.split() if word.startswith("judge=")]
            score = float(said[0][6:]) if said else None
            verdicts.append(
                None if score is None else Finding(question, score, Tier.JUDGE, "judge", "The judge looked at it.")
            )
        return verdicts


class Queue:
    def __init__(self, broken: bool = False) -> None:
        self.posts: list[str] = []
        self.broken = broken

    def put(self, post: Post, decision: Any) -> None:
        if self.broken:
            raise ConnectionError("gone")
        self.posts.append(post.id)


def rules_moderator() -> Any:
    """A `module:function` for worker processes."""
    from reference.moderation.pipeline.moderator import Moderator
    from reference.moderation.policy import PolicyBook

    return Moderator(PolicyBook.load(), WordRules())
