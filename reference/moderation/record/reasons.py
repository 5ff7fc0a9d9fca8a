"""A statement of reasons for every rejection of a batch, whoever decided: rules, models, the judge or people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reference.moderation.policy import Policy, PolicyBook
from reference.moderation.types import Action, Decision, ModerationError, Post

from .statement import statement_of


def reasons_of(
    posts: Sequence[Post], decisions: Sequence[Decision], policy_of: Callable[[Post, Decision], Policy], round: int = 0
) -> list[dict[str, Any]]:
    """One JSON object per rejection, for `SqliteDecisionLog.append(..., statements=...)`.

    Args:
        policy_of: the policy that the decision was made under.
        round: of appeal.
    """
    return [
        statement_of(post, decision, policy_of(post, decision), round=round).to_json()
        for post, decision in zip(posts, decisions, strict=True)
        if decision.action is Action.REJECT
    ]


def policy_named_in(book: PolicyBook) -> Callable[[Post, Decision], Policy]:
    """The policy version that a decision names; the one in force at its time where it names none that is known."""

    def find(post: Post, decision: Decision) -> Policy:
        try:
            return book.named(decision.versions.get("policy", ""), decision.country, decision.decided_at)
        except ModerationError:
            return book.at(decision.decided_at, decision.country)

    return find
