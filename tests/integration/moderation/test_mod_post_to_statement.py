"""From a post through models, queue and people to a logged decision with its statement: the real parts together."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reference.moderation.pipeline import default_moderator
from reference.moderation.policy import PolicyBook
from reference.moderation.record import SqliteDecisionLog, policy_named_in, reasons_of
from reference.moderation.review import Item, QueueSettings, Rest, Reviewer, ReviewQueue
from reference.moderation.types import Action, Post, Tier
from reference.serving.redis_store import connect, private_redis

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteDecisionLog]:
    made = SqliteDecisionLog(tmp_path / "decisions.db")
    yield made
    made.close()


@pytest.fixture
def queue(log: SqliteDecisionLog) -> Iterator[ReviewQueue]:
    named = policy_named_in(PolicyBook.load())
    with private_redis() as server:
        client = connect(server.url)
        yield ReviewQueue(
            client,
            log,
            settings=QueueSettings(double_share=0.0, undo_s=0.0),
            reasons=lambda post, decision: reasons_of([post], [decision], named),
        )
        client.close()


@pytest.mark.slow
def test_a_post_that_a_person_rejects_is_logged_after_the_machine_with_one_statement(
    log: SqliteDecisionLog, queue: ReviewQueue
) -> None:
    moderator = default_moderator(log=log, reviews=queue)
    post = Post("p-1", "you zorgle, leave this town", country="IE", posted_at=NOW)
    (first,) = moderator.decide([post])
    assert first.action is Action.ESCALATE  # a listed word may be quoted: a person decides
    reader = Reviewer("ana")
    item = queue.next(reader)
    assert isinstance(item, Item)
    assert item.post.text == post.text
    queue.submit(reader, "p-1", Action.REJECT, "hate")
    queue.settle()
    assert [(one.tier, one.action) for one in log.why("p-1")] == [
        (Tier.RULES, Action.ESCALATE),
        (Tier.PERSON, Action.REJECT),
    ]
    (statement,) = log.statements("p-1")
    assert statement["automated_decision"] == "AUTOMATED_DECISION_PARTIALLY"
    assert statement["content_date"] == "2026-11-01"
    assert "zorgle" not in str(statement)
    assert isinstance(queue.next(reader), Rest)


def test_a_post_that_the_rules_reject_has_its_statement_in_the_log(log: SqliteDecisionLog, queue: ReviewQueue) -> None:
    moderator = default_moderator(log=log, reviews=queue)
    (made,) = moderator.decide([Post("p-2", "see http://127.0.0.1/admin", country="IE", posted_at=NOW)])
    assert (made.action, made.category) == (Action.REJECT, "phishing")
    (statement,) = log.statements("p-2")
    assert statement["automated_decision"] == "AUTOMATED_DECISION_FULLY"
    assert statement["territorial_scope"] == ["IE"]
    assert queue.waiting() == 0
