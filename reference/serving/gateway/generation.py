"""One running generation and those who read it.

A task reads the engine into a log; readers follow the log at their own pace. So a slow reader never holds an engine
slot, several equal requests share one generation, and the engine is stopped once nobody reads any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

from reference.serving.bell import Bell
from reference.serving.gateway.errors import GatewayError, deadline_exceeded
from reference.serving.gateway.exact_cache import Answer, Choice
from reference.serving.gateway.logs import log_event
from reference.serving.gateway.upstream import Delta, Event, Finish, Usage

if TYPE_CHECKING:
    from reference.serving.gateway.similar import Hit


class NotShared(GatewayError):
    """An error that concerns only the request that started a generation; those who joined it try again themselves."""

    @classmethod
    def wrap(cls, error: GatewayError) -> NotShared:
        """The same error, marked."""
        return cls(
            error.status,
            error.code,
            error.message,
            param=error.param,
            kind=error.kind,
            retry_after_s=error.retry_after_s,
            headers=error.headers,
        )


class Generation:
    """A generation as a task with a log of events.

    Args:
        deadline: event-loop time at which it is given up.
        max_bytes: text beyond this ends it with an error (a log that nobody reads must not grow without bound).
    """

    def __init__(self, deadline: float, max_bytes: int) -> None:
        self._deadline = deadline
        self._max_bytes = max_bytes
        self._log: list[Event] = []
        self._news = Bell()
        self._readers = 0
        self._task: asyncio.Task[None] | None = None
        self.answer: Answer | None = None
        self.error: GatewayError | None = None
        self.done = False
        self._finished = False
        self._after: list[Callable[[Answer], None]] = []
        self.replayed = False  # True if another gateway process generated the answer
        self.similar: Hit | None = None  # set if the answer was given to a question that means the same
        self.redacted = False  # True if the output guard found something

    def start(
        self,
        source: Callable[[], AsyncGenerator[Event]],
        complete: Callable[[Answer], Awaitable[None]],
        resources: AsyncExitStack,
    ) -> None:
        """Starts the task.

        Args:
            source: makes the iterator of events.
            complete: runs with the whole answer before readers see its end: who has seen the end can rely on what it
                stored. Its GatewayError becomes that of the generation.
            resources: slots, locks and reservations; closed when the task ends, however it ends.
        """
        self._task = asyncio.create_task(self._run(source, complete, resources), name="generation")

    async def _run(
        self,
        source: Callable[[], AsyncGenerator[Event]],
        complete: Callable[[Answer], Awaitable[None]],
        resources: AsyncExitStack,
    ) -> None:
        held: list[Event] = []
        try:
            async with resources:
                async with asyncio.timeout_at(self._deadline), aclosing(source()) as events:
                    size = 0
                    async for event in events:
                        if isinstance(event, Delta):
                            size += len(event.text)
                            if size > self._max_bytes:
                                raise GatewayError(502, "answer_too_large", "The answer exceeds the gateway's limit.")
                            self._log.append(event)
                            self._news.ring()
                        else:
                            held.append(event)
                if self.answer is None:
                    self.answer = assemble([*self._log, *held])
                await complete(self.answer)
                # The end is shown now; giving back slots, locks and tokens is nothing that a client waits for.
                self._log.extend(held)
                self._finished = True
                self._news.ring()
                for each in self._after:
                    each(self.answer)
        except GatewayError as error:
            self.error = error
        except TimeoutError:
            self.error = NotShared.wrap(deadline_exceeded())
        except asyncio.CancelledError:
            self.error = NotShared(499, "cancelled", "The client left.")
            raise
        except Exception as error:
            from reference.serving.gateway.logs import describe

            log_event("generation_failed", 40, **describe(error))
            self.error = GatewayError(500, "internal_error", "The gateway failed. Report the request id.")
        finally:
            self.done = True
            self._news.ring()

    def after(self, call: Callable[[Answer], None]) -> None:
        """Calls `call(answer)` once the answer is whole; never if it fails."""
        if self._finished and self.answer is not None:
            call(self.answer)
        else:
            self._after.append(call)

    def attach(self) -> None:
        """Counts a reader."""
        self._readers += 1

    def detach(self) -> None:
        """A reader leaves; the last one stops the generation."""
        self._readers -= 1
        if self._readers == 0 and not (self.done or self._finished) and self._task is not None:
            self._task.cancel()

    async def batches(self) -> AsyncIterator[list[Event]]:
        """New events, as many at a time as have come in since the last; raises the generation's error at its end."""
        seen = 0
        while True:
            if seen < len(self._log):
                batch = self._log[seen:]
                seen = len(self._log)
                yield batch
                continue
            if self.done or self._finished:
                break
            await self._news.wait()
        if self.error is not None and not self._finished:
            raise self.error

    async def wait_first(self) -> None:
        """Returns when there is something to send, or at the end; raises the error if that came first."""
        while not self._log and not self.done:
            await self._news.wait()
        if self.error is not None and not self._log:
            raise self.error

    async def result(self) -> Answer:
        """The whole answer; raises the generation's error."""
        while not (self.done or self._finished):
            await self._news.wait()
        if self.error is not None and not self._finished:
            raise self.error
        assert self.answer is not None
        return self.answer


def assemble(events: list[Event]) -> Answer:
    """The answer that a stream of events amounts to.

    Raises:
        GatewayError: 502 if a choice has no end.
    """
    texts: dict[int, list[str]] = {}
    logprobs: dict[int, list[object]] = {}
    ends: dict[int, str] = {}
    usage = Usage(0, 0)
    for event in events:
        if isinstance(event, Delta):
            texts.setdefault(event.choice, []).append(event.text)
            if event.logprobs and event.logprobs.get("content"):
                logprobs.setdefault(event.choice, []).extend(event.logprobs["content"])
        elif isinstance(event, Finish):
            ends[event.choice] = event.reason
        else:
            usage = event
    if not ends or set(texts) - set(ends):
        raise GatewayError(502, "engine_error", "The engine ended the stream without finishing the answer.")
    choices = tuple(
        Choice("".join(texts.get(i, [])), ends[i], {"content": logprobs[i]} if i in logprobs else None)
        for i in sorted(ends)
    )
    return Answer(choices, usage.prompt, usage.completion, usage.cached)


def events_of(answer: Answer) -> list[Event]:
    """The events that replay a stored answer."""
    events: list[Event] = []
    for index, choice in enumerate(answer.choices):
        if choice.text or choice.logprobs:
            events.append(Delta(index, choice.text, choice.logprobs))
    events += [Finish(index, choice.finish) for index, choice in enumerate(answer.choices)]
    return [*events, Usage(answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens)]
