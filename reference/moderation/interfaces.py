"""The parts of moderation that can be exchanged, each with one contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .types import Action, Decision, Finding, Media, Post, Screened


class TextScreen(Protocol):
    """Tier 1: rules, language and links. Cheap enough for every post."""

    @property
    def version(self) -> str:
        """Hash of the loaded rules; changes with a hot reload."""
        ...

    def screen(self, posts: Sequence[Post]) -> list[Screened]:
        """In the order of `posts`; never raises for a post, however broken: it says UNREADABLE."""
        ...


class TextModel(Protocol):
    """Tier 2: calibrated probabilities per category."""

    version: str
    categories: tuple[str, ...]
    languages: frozenset[str]  # those it is validated for; posts in others go to a person

    def score(self, texts: Sequence[str]) -> Any:
        """float32 array [len(texts), len(categories)], each in [0, 1]; categories do not exclude each other."""
        ...


class ImageCheck(Protocol):
    """Tiers 1 and 2 for images: known hashes, then a classifier."""

    @property
    def version(self) -> str: ...

    def check(self, images: Sequence[Media]) -> list[tuple[Finding, ...]]:
        """Per image what was found; an image that cannot be decoded, or is over a limit, is UNREADABLE."""
        ...


class VideoCheck(Protocol):
    @property
    def version(self) -> str: ...

    def check(self, video: Media) -> tuple[Finding, ...]: ...


class Judge(Protocol):
    """Tier 3: an LLM, or whatever stands for it, over what the calibrated band leaves open."""

    version: str

    def judge(self, posts: Sequence[Post], questions: Sequence[str]) -> list[Finding | None]:
        """Per post a finding about its category in `questions`, or None where it could not say in time."""
        ...


class DecisionLog(Protocol):
    """Append-only; a post's second decision by the same tier is refused silently (idempotence), never overwritten."""

    def append(self, decisions: Sequence[Decision], *, statements: Sequence[Mapping[str, Any]] = ()) -> int:
        """How many were new. `statements`: of reasons, for the rejections among them, kept beside them."""
        ...

    def why(self, post_id: str) -> list[Decision]:
        """Every decision about a post, oldest first."""
        ...


class Reviews(Protocol):
    """Where escalated posts go."""

    def put(self, post: Post, decision: Decision) -> None: ...


__all__ = [
    "Action",
    "DecisionLog",
    "ImageCheck",
    "Judge",
    "Reviews",
    "TextModel",
    "TextScreen",
    "VideoCheck",
]
