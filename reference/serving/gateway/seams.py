"""What can be plugged into the gateway to answer more cheaply: who chooses a tier, and where similar answers are kept.

Both are called on threads of the gateway, several at once, and within a time limit. What they raise is counted and
never reaches a client.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

TierName = Literal["strong", "small"]


@dataclass(frozen=True)
class Choice:
    """Which tier answers a text. `score`: estimated probability, 0 to 1, that the small tier is right."""

    tier: TierName
    score: float


class Chooser(Protocol):
    """Sends a text to a tier. `version` names what decided, e.g. the trained model and its threshold."""

    version: str

    def choose(self, text: str) -> Choice:
        """The tier for the last message of a user. Safe for use from several threads."""
        ...


@dataclass(frozen=True)
class Similar:
    """A stored answer to a question that means the same: `answer` as it was kept; `similarity` usually a cosine."""

    answer: bytes
    question: str
    similarity: float


class SimilarAnswers(Protocol):
    """Answers by meaning. `version` names the embedding, threshold and guards: it is a part of every scope."""

    version: str

    def find(self, scope: str, question: str) -> Similar | None:
        """The answer to a question that means the same, kept in this scope. Safe for use from several threads.

        Args:
            scope: hex digest of all that must agree exactly (tenant, model, other messages, sampling, policy).
        """
        ...

    def keep(self, scope: str, question: str, answer: bytes, ttl_s: float) -> None:
        """Keeps an answer for `ttl_s` seconds. Neither question nor answer holds personal data that is recognised."""
        ...
