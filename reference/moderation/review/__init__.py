"""Human review: a queue on Redis Streams, limits that protect reviewers, and a local page to work it."""

from reference.moderation.evaluation.agreement import Agreement, agreement_of

from .queue import ReviewQueue
from .types import (
    CategoryText,
    Item,
    Limits,
    Outcome,
    QueueFull,
    QueueSettings,
    QueueState,
    Rest,
    Reviewer,
    ReviewError,
    ReviewUnavailable,
    Verdict,
    Wellbeing,
)

__all__ = [
    "Agreement",
    "CategoryText",
    "Item",
    "Limits",
    "Outcome",
    "QueueFull",
    "QueueSettings",
    "QueueState",
    "Rest",
    "ReviewError",
    "ReviewQueue",
    "ReviewUnavailable",
    "Reviewer",
    "Verdict",
    "Wellbeing",
    "agreement_of",
]
