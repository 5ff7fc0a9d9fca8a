"""The sending side: micro-batches into a stream that never grows past what the workers can take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from reference.moderation.types import ModerationError, Post

from .messages import BODY, STAMP, Names, encode_posts


class Producer:
    """Adds posts; waits while the stream is full.

    The stream is never trimmed: workers delete what they have acknowledged, so its length is exactly what is unread or
    in work, and the limit on it bounds Redis's memory without losing a post.

    Args:
        client: a blocking Redis client.
        max_messages: length at which `send` waits until the workers are below it again.
        patience_s: how long it waits, for room or for Redis, before it says so.
    """

    def __init__(
        self,
        client: Any,
        names: Names | None = None,
        *,
        max_messages: int = 2000,
        patience_s: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self.names = names or Names()
        self._max = max_messages
        self._patience = patience_s
        self._sleep = sleep
        self._length = max_messages  # unknown: look before the first message
        self.waited_s = 0.0
        self.sent = 0

    @property
    def backlog(self) -> int:
        """Messages in the stream after the last one sent: unread or in work."""
        return self._length

    def send(self, posts: Sequence[Post], stamp: bytes | str = b"") -> None:
        """One message. After a lost connection it may be in the stream twice; decisions are idempotent by post.

        Raises:
            ModerationError: no room within `patience_s` (no worker runs, or they are too slow), or Redis is gone.
        """
        if posts:
            self.send_body(encode_posts(posts), len(posts), stamp)

    def send_body(self, body: bytes, posts: int, stamp: bytes | str = b"") -> None:
        """As `send`, of a body made by `encode_posts`."""
        import redis

        give_up = time.monotonic() + self._patience
        if self._length >= self._max:
            self._wait_for_room(give_up)
        fields: dict[Any, Any] = {BODY: body, STAMP: stamp} if stamp else {BODY: body}
        while True:
            try:
                pipe = self._client.pipeline(transaction=False)
                pipe.xadd(self.names.stream, fields)
                pipe.xlen(self.names.stream)
                self._length = pipe.execute()[1]
                self.sent += posts
                return
            except redis.exceptions.ResponseError as error:
                raise ModerationError(
                    f"Redis refused a message: {error}; raise its maxmemory or lower max_messages"
                ) from error
            except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError) as error:
                self._pause(give_up, f"Redis does not answer: {error}; start it, or set REDIS_URL", error)

    def _wait_for_room(self, give_up: float) -> None:
        import redis

        begun = time.monotonic()
        while True:
            try:
                self._length = self._client.xlen(self.names.stream)
                if self._length < self._max:
                    self.waited_s += time.monotonic() - begun
                    return
                words = (
                    f"{self._length} messages wait in {self.names.stream} and the workers take none; "
                    "start workers, or more of them"
                )
                self._pause(give_up, words, None)
            except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError) as error:
                self._pause(give_up, f"Redis does not answer: {error}; start it, or set REDIS_URL", error)

    def _pause(self, give_up: float, words: str, cause: Exception | None) -> None:
        if time.monotonic() > give_up:
            raise ModerationError(words) from cause
        self._sleep(0.005)
