"""workbook review-queue: the page on which a person decides what moderation escalated."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from reference.moderation.interfaces import DecisionLog


def command(
    reviewer: Annotated[str, typer.Option("--reviewer", help="Your pseudonym; it stands in the audit trail.")] = "me",
    languages: Annotated[str, typer.Option("--languages", help="That you read, such as en,de.")] = "en",
    lead: Annotated[bool, typer.Option("--lead", help="Also get what others escalated.")] = False,
    port: Annotated[
        int | None, typer.Option("--port", min=1024, max=65535, help="Loopback port [default: a free one].")
    ] = None,
    log: Annotated[
        Path | None, typer.Option("--log", help="Decision log [default: moderation/decisions.db in the cache folder].")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Made posts in a Redis of their own; nothing is kept.")] = False,
) -> None:
    """Work the review queue in a browser, by keyboard; the address holds a secret and works on this machine only."""
    from datetime import UTC, datetime

    from reference.moderation.policy.book import PolicyBook
    from reference.moderation.record import policy_named_in, reasons_of
    from reference.moderation.review import Reviewer, ReviewQueue
    from reference.moderation.review.demo import demo_posts
    from reference.moderation.review.page.serving import ReviewPage, policy_categories
    from reference.serving.redis_store import connect, private_redis
    from workbook import console

    codes = frozenset(code.strip() for code in languages.split(",") if code.strip())
    person = Reviewer(reviewer, codes | {"en", "ar"} if demo else codes, lead=lead)
    book = PolicyBook.load()
    texts = policy_categories(book.at(datetime.now(UTC)))
    named = policy_named_in(book)
    with contextlib.ExitStack() as stack:
        client = connect(stack.enter_context(private_redis()).url if demo else None)
        stack.callback(client.close)
        decisions = None if demo else decision_log(log, stack)
        queue = ReviewQueue(
            client,
            decisions,
            categories={one.id: one.severity for one in texts},
            reasons=lambda post, decision: reasons_of([post], [decision], named),
        )
        if demo:
            for post, decision in demo_posts(texts):
                queue.put(post, decision)
        page = ReviewPage(queue, person, texts, port=port or 0)
        console.say(console.stdout(), f"Open {page.url}\nCtrl-C ends it; what you hold goes back to the queue.")
        try:
            page.serve()
        finally:
            queue.release(person)


def decision_log(path: Path | None, stack: contextlib.ExitStack) -> DecisionLog:
    """The log that `workbook moderate --review` writes to as well."""
    from reference.moderation.record.log import SqliteDecisionLog
    from reference.serving.models import cache_dir

    if path is None:
        path = cache_dir() / "moderation" / "decisions.db"
        path.parent.mkdir(parents=True, exist_ok=True)
    log = SqliteDecisionLog(path)
    stack.callback(log.close)
    return log
