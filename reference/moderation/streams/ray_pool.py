"""The same batch function in Ray actors, for more than one machine (extra `cluster`).

A call to an actor costs a good part of a millisecond whatever it carries, so posts go in micro-batches. Each actor has
a moderator of its own; decisions come back in order, and the caller writes the log: one writer, one chain.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from reference.moderation.types import ModerationError, Post

from .messages import decode_posts, encode_posts


class RayPool:
    """`actors` processes that decide micro-batches.

    Args:
        moderator: `module:function` that gives a Moderator without log and queue, called in every actor.
        in_flight: batches per actor that wait or run; more only add memory. This is the pool's back-pressure.

    Raises:
        ModerationError: Ray is not installed, or did not start.
    """

    def __init__(self, moderator: str, actors: int = 2, *, in_flight: int = 2, retries: int = 2) -> None:
        try:
            import ray
        except ImportError as error:
            raise ModerationError(
                "Ray is not installed; install the extra `cluster`, or use worker processes"
            ) from error
        self._ray = ray
        self._retries = retries
        if not ray.is_initialized():
            # Ray's own patience is too short on a loaded machine.
            os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")
            try:
                ray.init(num_cpus=actors, include_dashboard=False, log_to_driver=False, configure_logging=False)
            except Exception as error:
                raise ModerationError(f"Ray did not start: {error}; free memory, or use worker processes") from error
        remote = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=retries)(_Actor)
        self._actors: list[Any] = [remote.remote(moderator) for _ in range(actors)]
        self._limit = in_flight * actors

    def decide(self, posts: Sequence[Post], batch: int = 256) -> Iterator[Any]:
        """Decisions in the order of `posts`.

        Raises:
            ModerationError: an actor failed more often than it may be restarted; nothing after the decisions that came
                out is decided: give the rest again.
        """
        waiting: list[Any] = []
        for number, start in enumerate(range(0, len(posts), batch)):
            if len(waiting) >= self._limit:
                yield from self._result(waiting.pop(0))
            actor = self._actors[number % len(self._actors)]
            # Compact bytes, not objects: the batch is what the stream would carry.
            waiting.append(actor.decide.remote(encode_posts(posts[start : start + batch])))
        for pending in waiting:
            yield from self._result(pending)

    def _result(self, pending: Any) -> Any:
        try:
            return self._ray.get(pending)
        except self._ray.exceptions.RayError as error:
            raise ModerationError(f"a Ray actor failed {self._retries + 1} times: {type(error).__name__}") from error

    def pids(self) -> list[int]:
        return list(self._ray.get([actor.pid.remote() for actor in self._actors]))

    def close(self) -> None:
        """Ends the actors; Ray itself stays up for its other users."""
        for actor in self._actors:
            self._ray.kill(actor)
        self._actors = []


class _Actor:
    def __init__(self, moderator: str) -> None:
        module, _, function = moderator.partition(":")
        self._moderator = getattr(importlib.import_module(module), function)()

    def decide(self, body: bytes) -> Any:
        return self._moderator.decide(decode_posts(body))

    def pid(self) -> int:
        return os.getpid()
