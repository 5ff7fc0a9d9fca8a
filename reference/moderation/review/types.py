"""What flows through human review: reviewers, what they are handed, what they say, and the limits that protect them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from reference.moderation.types import Action, Decision, ModerationError, Post

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


class ReviewError(ModerationError):
    """A request to the review queue that it must refuse; the message says why and what to do."""


class ReviewUnavailable(ReviewError):
    """Redis does not answer: nothing was taken or stored."""


class QueueFull(ReviewError):
    """The queue holds as many posts as it may: the caller keeps the post and tries again (back-pressure)."""


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A person who reviews.

    Attributes:
        id: letters, digits, `.`, `_`, `@`, `-`; it stands in audit trails, so use a pseudonym.
        languages: ISO codes the person reads; posts of undetermined language ("und") go to everybody.
        lead: also gets what others escalated or could not agree on; a lead's verdict is final.
    """

    id: str
    languages: frozenset[str] = frozenset({"en"})
    lead: bool = False

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ReviewError(f"reviewer id {self.id!r}: use 1 to 64 letters, digits or ._@- and begin with a letter")
        for code in self.languages:
            if not re.fullmatch(r"[a-z]{2,3}", code):
                raise ReviewError(f"reviewer {self.id}: language {code!r} is not an ISO 639 code such as 'en'")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one reviewer is shown at most. A claim counts as seen, whether or not a verdict follows.

    Attributes:
        severe_from: severity from which an item counts as harmful to look at.
        severe_per_hour, severe_per_shift: of those, in the last hour and in the last `shift_s` seconds.
        work_s, break_s: after this much work without a pause of `break_s`, nothing is handed out for `break_s`.
    """

    severe_from: int = 3
    severe_per_hour: int = 20
    severe_per_shift: int = 80
    shift_s: float = 8 * 3600
    work_s: float = 55 * 60
    break_s: float = 10 * 60

    def __post_init__(self) -> None:
        for name in ("severe_per_hour", "severe_per_shift"):
            if getattr(self, name) < 0:
                raise ReviewError(f"limits.{name} must be 0 or more, got {getattr(self, name)}")
        for name in ("shift_s", "work_s", "break_s"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ReviewError(f"limits.{name} must be a positive number of seconds, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """How the queue orders, leases and bounds.

    Priority of a waiting post is `10 * severity + 2 * min(6, log10(1 + views)) + 5 if it comes back for a third or a
    lead's opinion + waited / ageing_s`. Ageing makes it starvation-free: at most `57 * ageing_s` seconds after a post
    came, no newer post can stand before it.

    Attributes:
        ageing_s: seconds of waiting that weigh one point; ten points are one step of severity.
        lease_s: a reviewer who says nothing for so long loses the post to the next one.
        undo_s: a verdict can be taken back for so long; only then does it count.
        double_share: share of posts that two people judge independently; drawn by a hash of the post's id.
        open_after_s: after so much waiting a post is offered also to those who do not read its language.
        most_waiting: posts in the queue; more are refused (`QueueFull`).
        most_text: characters of a post's text that are kept; the page says when it was cut.
        most_media_bytes: of one post; what is over it is not kept, and the page says so.
        keep_s: how long a closed post's verdicts stay, for appeals and audits.
    """

    ageing_s: float = 120.0
    lease_s: float = 300.0
    undo_s: float = 5.0
    double_share: float = 0.05
    open_after_s: float = 6 * 3600
    most_waiting: int = 100_000
    most_text: int = 20_000
    most_media_bytes: int = 4 * 1024 * 1024
    keep_s: float = 180 * 86400
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for name in ("ageing_s", "lease_s", "open_after_s", "keep_s", "most_waiting", "most_text"):
            if not getattr(self, name) > 0:
                raise ReviewError(f"review setting {name} must be positive, got {getattr(self, name)}")
        if self.undo_s < 0 or self.most_media_bytes < 0:
            raise ReviewError("review settings undo_s and most_media_bytes must be 0 or more")
        if not 0 <= self.double_share <= 1:
            raise ReviewError(f"review setting double_share must be in [0, 1], got {self.double_share}")


@dataclass(frozen=True, slots=True)
class MediaNote:
    """A picture or video of a queued post: `kept` is False where it was over the limit and can't be shown."""

    name: str
    kind: str  # image or video
    size: int
    kept: bool


@dataclass(frozen=True, slots=True)
class Item:
    """A post as a reviewer gets it; `post` carries no media (see `ReviewQueue.media`)."""

    post: Post
    decision: Decision
    media: tuple[MediaNote, ...]
    text_cut: bool
    stage: str  # first, third or lead
    lease_until: float
    speaks: bool  # False: the reviewer does not read the post's language; it has waited over `open_after_s`
    waited_s: float


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to hand out: `empty`, `break` (until when) or `limit` (only severe posts are left for now)."""

    why: str
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one reviewer said. `category` is empty for an approval."""

    reviewer: str
    action: Action
    category: str = ""
    note: str = ""
    at: float = 0.0

    @property
    def label(self) -> str:
        """approve, escalate, or the category of a rejection: what agreement is counted on."""
        return self.category if self.action is Action.REJECT else str(self.action)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a post was closed: the verdict that stands, and everybody who judged it."""

    post_id: str
    action: Action
    category: str
    verdicts: tuple[Verdict, ...]
    closed_at: float


@dataclass(frozen=True, slots=True)
class Wellbeing:
    """A reviewer's load, for the counter on the page: severe items in the hour and shift, seconds of unbroken work."""

    severe_hour: int
    severe_shift: int
    working_s: float
    break_until: float


@dataclass(frozen=True, slots=True)
class QueueState:
    """`waiting` posts in all and by severity and language; `oldest_s`: the longest wait; `unlogged`: closed posts that
    the decision log has not taken yet."""

    waiting: int
    by_severity: Mapping[int, int]
    by_language: Mapping[str, int]
    oldest_s: float
    unlogged: int


@dataclass(frozen=True, slots=True)
class CategoryText:
    """A policy category as the page shows it; its place in the list is the digit that chooses it after `r` (1 to 9,
    then 0)."""

    id: str
    title: str
    text: str
    severity: int = 1
