"""Appeals: what an author says, what reviewers answer, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from reference.moderation.types import Decision, Media, ModerationError


class AppealError(ModerationError):
    """A request about an appeal that must be refused; the message says why and what to do."""


class AppealUnavailable(AppealError):
    """Redis does not answer: nothing was taken or stored."""


class Result(StrEnum):
    UPHELD = "upheld"  # the decision stands
    OVERTURNED = "overturned"  # the post comes back
    PARTLY = "partly"  # a violation, but of another category or with a milder consequence


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an author adds. `links` are kept as text and never opened; `files` are kept within limits."""

    text: str = ""
    links: tuple[str, ...] = ()
    files: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True)
class AppealSettings:
    """Limits and deadlines.

    Attributes:
        open_for_s: an appeal may be filed this long after the decision (six months, as in article 20 of the EU's
            Digital Services Act).
        answer_within_s: the deadline of an appeal; what is nearest to it is handed out first.
        lease_s: a reviewer who says nothing for so long loses the appeal to the next one.
        most_text, most_links, most_files, most_bytes: of one appeal's evidence; over them it is refused with the limit.
        most_open: appeals that wait; more are refused for now.
        keep_s: how long a closed appeal stays.
    """

    open_for_s: float = 183 * 86400
    answer_within_s: float = 7 * 86400
    lease_s: float = 1800
    most_text: int = 5000
    most_links: int = 10
    most_files: int = 5
    most_bytes: int = 5 * 1024 * 1024
    most_open: int = 100_000
    keep_s: float = 365 * 86400


@dataclass(frozen=True, slots=True)
class Appeal:
    """An appeal as a reviewer gets it. `decision` is the one appealed against; `involved`: those who made it."""

    post_id: str
    text: str
    links: tuple[str, ...]
    files: tuple[str, ...]  # names; the bytes by `Appeals.file`
    decision: Decision
    involved: frozenset[str]
    filed_at: float
    due_at: float
    post_text: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """How an appeal ended. `category`: of the violation that remains (`partly` only)."""

    post_id: str
    result: Result
    reasons: str
    reviewer: str
    category: str
    answered_at: float
    late: bool


@dataclass(frozen=True, slots=True)
class Label:
    """A corrected label for retraining: `category` is empty where the post broke nothing.

    `versions` and `rules`: what had decided, so that a wrong rule or model version can be found.
    """

    post_id: str
    text: str
    language: str
    category: str
    was: str
    result: Result
    versions: Mapping[str, str]
    rules: tuple[str, ...]
    at: float


@dataclass(frozen=True, slots=True)
class OverturnRate:
    """Overturned or partly overturned decisions of `n` answered appeals, with the exact 95 % interval.

    It is a rate among appealed decisions: authors appeal what they think wrong, so it says nothing about all decisions.
    """

    overturned: int
    n: int
    low: float
    high: float

    @property
    def rate(self) -> float:
        return self.overturned / self.n if self.n else 0.0
