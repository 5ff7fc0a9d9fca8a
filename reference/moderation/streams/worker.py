"""The receiving side: read, decide, write to the log, acknowledge; in that order, so that nothing is lost.

A worker that dies between log and acknowledgement leaves messages pending; another claims them, decides again, and the
log keeps the first decision. A message that kills or fails its workers is taken post by post at its last but one
delivery, and at the last every post of it that has no decision goes to a person.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reference.moderation.policy import Policy
from reference.moderation.record import SqliteDecisionLog, reasons_of
from reference.moderation.types import UNAVAILABLE, Action, Decision, Finding, ModerationError, Post, Tier

from .messages import BODY, STAMP, Names, decode_posts, encode_posts

Decide = Callable[[Sequence[Post]], Sequence[Decision | None]]


@dataclass(slots=True)
class WorkerReport:
    """What one worker did; `repeated`: decisions that the log had already."""

    messages: int = 0
    posts: int = 0
    new: int = 0
    repeated: int = 0
    onward: int = 0
    claimed: int = 0
    failed: int = 0
    dead: int = 0
    reconnects: int = 0


class StreamWorker:
    """One consumer of the group.

    Args:
        decide: a decision per post, or None for "goes on to the next stream" (`Moderator.screen_only`), and
            `Moderator.decide` for workers of later tiers; that moderator must not have the log itself.
        policy_of: the policy that a post was judged under, for its statement of reasons; None: no statements.
        read: messages per round; `claim_after_s`: how long a message may be with a silent worker. It must be longer
            than a round ever takes, or work is done twice.
        deliveries: after so many, a message's posts go to a person.
        patience_s: how long Redis may be gone before the worker gives up.
        done: called after each round with (stamp, number of posts) of every message that is now in the log.
    """

    def __init__(
        self,
        client: Any,
        log: SqliteDecisionLog,
        decide: Decide,
        name: str,
        names: Names | None = None,
        *,
        policy_of: Callable[[Post], Policy] | None = None,
        read: int = 4,
        claim_after_s: float = 5.0,
        deliveries: int = 4,
        patience_s: float = 60.0,
        block_ms: int = 200,
        done: Callable[[list[tuple[bytes, int]]], None] | None = None,
    ) -> None:
        if deliveries < 3:
            raise ModerationError("deliveries must be 3 or more: one to try, one post by post, one to give up")
        self._client, self._log, self._decide, self._name = client, log, decide, name
        self.names = names or Names()
        self._policy_of = policy_of
        self._read, self._claim_after, self._deliveries = read, claim_after_s, deliveries
        self._patience, self._block, self._done = patience_s, block_ms, done
        self._next_claim = 0.0
        self._cursor: Any = b"0-0"
        self.report = WorkerReport()

    def run(self, stop: Callable[[], bool]) -> WorkerReport:
        """Works until `stop()`; a finished round is always acknowledged first.

        Raises:
            ModerationError: Redis is gone for longer than `patience_s`, or the log cannot be written. What was read
                and not logged stays pending for another worker.
        """
        import redis

        gone_since: float | None = None
        ready = False
        while not stop():
            try:
                if not ready:
                    self.make_group()
                    ready = True
                self.round()
                gone_since = None
            except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError) as error:
                gone_since = gone_since or time.monotonic()
                self.report.reconnects += 1
                ready = False  # a restarted server may have lost the group
                if time.monotonic() - gone_since > self._patience:
                    raise ModerationError(
                        f"Redis is gone for {self._patience:g} s: {error}; start it or set REDIS_URL; then start "
                        "the worker again: nothing that was logged is decided twice"
                    ) from error
                time.sleep(0.05)
            except redis.exceptions.ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise ModerationError(
                        f"Redis refused {self.names.stream}: {error}; is the key another program's?"
                    ) from error
                ready = False
        return self.report

    def make_group(self) -> None:
        """Creates stream and group if they are not there; from the stream's beginning, so that nothing is skipped."""
        import redis

        try:
            self._client.xgroup_create(self.names.stream, self.names.group, id="0", mkstream=True)
        except redis.exceptions.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise ModerationError(
                    f"Redis refused {self.names.stream}: {error}; is the key another program's?"
                ) from error

    def round(self) -> int:
        """One round: claims what a dead worker left, or reads new messages. Returns how many messages it finished."""
        if time.monotonic() >= self._next_claim and (left := self._claim()):
            return self._abandoned(left)
        answer = self._client.xreadgroup(
            self.names.group, self._name, {self.names.stream: ">"}, count=self._read, block=self._block
        )
        messages = _entries(answer)
        return self._work(messages) if messages else 0

    # -- the usual way

    def _work(self, messages: list[tuple[bytes, dict[bytes, bytes]]]) -> int:
        batches: list[tuple[bytes, bytes, list[Post]]] = []
        for key, fields in messages:
            try:
                batches.append((key, fields.get(STAMP, b""), decode_posts(fields.get(BODY, b""))))
            except ModerationError as error:
                self._bury(key, fields, str(error))
        posts = [post for _, _, some in batches for post in some]
        if not posts:
            self._finish([(key, stamp, 0) for key, stamp, _ in batches], [])
            return len(messages)
        try:
            decisions = self._decide(posts)
            if len(decisions) != len(posts):
                raise ModerationError(f"{len(decisions)} decisions for {len(posts)} posts")
        except Exception:
            # Whatever it was: the messages stay pending, and come back with a higher count of deliveries.
            self.report.failed += len(batches)
            self._next_claim = 0.0
            return 0
        onward = self._log_all(posts, decisions)
        self._finish([(key, stamp, len(some)) for key, stamp, some in batches], onward)
        return len(messages)

    def _log_all(self, posts: Sequence[Post], decisions: Sequence[Decision | None]) -> list[Post]:
        """Writes the decisions; returns the posts that go on."""
        decided = [(post, one) for post, one in zip(posts, decisions, strict=True) if one is not None]
        made = [one for _, one in decided]
        statements: list[dict[str, Any]] = []
        if (policy_of := self._policy_of) is not None:
            statements = reasons_of([post for post, _ in decided], made, lambda post, _: policy_of(post))
        new = self._log.append(made, statements=statements)
        self.report.new += new
        self.report.repeated += len(made) - new
        return [post for post, decision in zip(posts, decisions, strict=True) if decision is None]

    def _finish(self, done: list[tuple[bytes, bytes, int]], onward: Sequence[Post]) -> None:
        """Acknowledges and deletes; posts that go on are handed over in the same transaction."""
        if not done:
            return
        keys = [key for key, _, _ in done]
        pipe = self._client.pipeline(transaction=True)
        if onward:
            pipe.xadd(self.names.onward, {BODY: encode_posts(onward)})
        pipe.xack(self.names.stream, self.names.group, *keys)
        pipe.xdel(self.names.stream, *keys)
        if self._done is not None:  # before the acknowledgement: the log has them, and that is what counts
            self._done([(stamp, count) for _, stamp, count in done])
        pipe.execute()
        self.report.messages += len(done)
        self.report.posts += sum(count for _, _, count in done)
        self.report.onward += len(onward)

    # -- what others left

    def _claim(self) -> list[tuple[bytes, dict[bytes, bytes], int]]:
        """Messages of silent workers, now ours, with their number of deliveries."""
        answer = self._client.xautoclaim(
            self.names.stream,
            self.names.group,
            self._name,
            min_idle_time=int(self._claim_after * 1000),
            start_id=self._cursor,
            count=self._read,
        )
        self._cursor, entries = answer[0], [(key, fields) for key, fields in answer[1] if fields]
        if not entries and self._cursor in (b"0-0", "0-0"):
            self._next_claim = time.monotonic() + self._claim_after / 4
        counted = []
        for key, fields in entries:
            pending = self._client.xpending_range(self.names.stream, self.names.group, min=key, max=key, count=1)
            counted.append((key, fields, int(pending[0]["times_delivered"]) if pending else 1))
        self.report.claimed += len(counted)
        return counted

    def _abandoned(self, left: list[tuple[bytes, dict[bytes, bytes], int]]) -> int:
        finished = 0
        for key, fields, delivered in left:
            if delivered >= self._deliveries:
                finished += self._give_up(key, fields, delivered)
            elif delivered == self._deliveries - 1:
                finished += self._one_by_one(key, fields)
            else:
                finished += self._work([(key, fields)])
        return finished

    def _one_by_one(self, key: bytes, fields: dict[bytes, bytes]) -> int:
        """Each post alone, logged at once: if one of them kills this process, the others have their decisions."""
        posts = self._posts_or_bury(key, fields)
        known = self._log.decided([post.id for post in posts])
        onward: list[Post] = []
        for post in posts:
            if post.id in known:
                continue
            try:
                onward += self._log_all([post], self._decide([post]))
            except ModerationError:
                raise
            except Exception:
                self._log_all([post], [_given_up(post, "failed", 1)])
        self._finish([(key, fields.get(STAMP, b""), len(posts))], onward)
        return 1

    def _give_up(self, key: bytes, fields: dict[bytes, bytes], delivered: int) -> int:
        posts = self._posts_or_bury(key, fields)
        known = self._log.decided([post.id for post in posts])
        rest = [post for post in posts if post.id not in known]
        self._log_all(rest, [_given_up(post, "could not be processed", delivered) for post in rest])
        self._finish([(key, fields.get(STAMP, b""), len(posts))], [])
        return 1

    def _posts_or_bury(self, key: bytes, fields: dict[bytes, bytes]) -> list[Post]:
        try:
            return decode_posts(fields.get(BODY, b""))
        except ModerationError as error:
            self._bury(key, fields, str(error))
            return []

    def _bury(self, key: bytes, fields: dict[bytes, bytes], reason: str) -> None:
        """An unreadable message: kept whole in the dead stream for a person, and the log says that it was there."""
        name = key.decode()
        post = Post(f"message:{self.names.stream}:{name}")
        self._log_all([post], [_given_up(post, "is no batch of posts", 1)])
        pipe = self._client.pipeline(transaction=True)
        pipe.xadd(self.names.dead, {b"id": name, b"reason": reason, **fields})
        pipe.xack(self.names.stream, self.names.group, key)
        pipe.xdel(self.names.stream, key)
        pipe.execute()
        self.report.dead += 1


def _entries(answer: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Messages of an XREADGROUP answer: a list of [stream, entries] pairs, or a mapping under RESP3."""
    if not answer:
        return []
    first = next(iter(answer.values())) if isinstance(answer, dict) else answer[0][1]
    if first and isinstance(first[0], list):  # RESP3 nests once more
        first = first[0]
    return [(key, fields) for key, fields in first]


def _given_up(post: Post, what: str, delivered: int) -> Decision:
    detail = f"The post {what} after {delivered} deliveries to a worker."
    return Decision(
        post_id=post.id,
        action=Action.ESCALATE,
        category=UNAVAILABLE,
        tier=Tier.RULES,
        findings=(Finding(UNAVAILABLE, 1.0, Tier.RULES, "worker", detail),),
        versions={"policy": "none"},
        language="und",
        country=post.country,
        severity=2,
        decided_at=datetime.now(UTC),
        missing=("worker",),
    )
