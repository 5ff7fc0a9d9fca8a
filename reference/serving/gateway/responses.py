"""Answers on the wire: one JSON object, or a stream of server-sent events to a reader of any speed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from reference.serving.gateway.calls import Call
from reference.serving.gateway.errors import GatewayError, deadline_exceeded
from reference.serving.gateway.exact_cache import Answer
from reference.serving.gateway.generation import Generation, events_of
from reference.serving.gateway.logs import now
from reference.serving.gateway.metrics import Metrics
from reference.serving.gateway.upstream import Delta, Event, Finish, Usage


class ClientGone(Exception):
    """The client closed the connection."""


# One encoder for all chunks: json.dumps with these arguments would build one per token.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class StreamAborted(Exception):
    """Ends a response that has begun: the server closes the connection."""


class SlowReader(StreamAborted):
    """The client did not take a write in time."""


def _usage(usage: Usage) -> dict[str, Any]:
    counts: dict[str, Any] = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
    }
    if usage.cached is not None:
        counts["prompt_tokens_details"] = {"cached_tokens": usage.cached}
    return counts


def completion(call: Call, answer: Answer) -> dict[str, Any]:
    """The `chat.completion` object for a whole answer."""
    return {
        "id": f"chatcmpl-{call.request_id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": call.request.model,
        "choices": [
            {
                "index": index,
                "message": {"role": "assistant", "content": choice.text, "refusal": None},
                "logprobs": choice.logprobs,
                "finish_reason": choice.finish,
            }
            for index, choice in enumerate(answer.choices)
        ],
        "usage": _usage(Usage(answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens)),
    }


class ChunkWriter:
    """Encodes events as `chat.completion.chunk` events of one response."""

    def __init__(self, call: Call) -> None:
        self._head = {
            "id": f"chatcmpl-{call.request_id}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": call.request.model,
        }
        options = call.request.stream_options
        self._with_usage = options is not None and options.include_usage
        self._begun: set[int] = set()

    def encode(self, events: list[Event]) -> bytes:
        """The bytes for some events; several chunks may travel in one write."""
        return b"".join(self._one(event) for event in events)

    def _one(self, event: Event) -> bytes:
        if isinstance(event, Usage):
            return self._chunk([], _usage(event)) if self._with_usage else b""
        delta: dict[str, Any] = {}
        if event.choice not in self._begun:
            self._begun.add(event.choice)
            delta["role"] = "assistant"
        if isinstance(event, Delta):
            delta["content"] = event.text
            return self._choice(event.choice, delta, None, event.logprobs)
        first = self._choice(event.choice, {**delta, "content": ""}, None) if delta else b""
        return first + self._choice(event.choice, {}, event.reason)

    def _choice(
        self, index: int, delta: dict[str, Any], finish: str | None, logprobs: dict[str, Any] | None = None
    ) -> bytes:
        return self._chunk([{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}], None)

    def _chunk(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None) -> bytes:
        chunk: dict[str, Any] = {**self._head, "choices": choices}
        if self._with_usage:
            chunk["usage"] = usage
        return b"data: " + _encode(chunk).encode() + b"\n\n"


async def watch_disconnect(receive: Receive) -> None:
    """Returns when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def cached_events(answer: Answer) -> AsyncIterator[list[Event]]:
    """The events of a stored answer, all at once."""
    yield events_of(answer)


class EventStream(Response):
    """Streams a reply. Owns the reader's place at the generation: gives it up however the stream ends.

    Args:
        deadline: event-loop time at which the stream ends with an error event.
        write_timeout_s: longest time that one write may wait for a slow reader.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        call: Call,
        source: AsyncIterator[list[Event]],
        release: Callable[[], None],
        metrics: Metrics,
        write_timeout_s: float,
    ) -> None:
        self.status_code = 200
        self.background = None
        self.body = b""
        self._call = call
        self._source = source
        self._release = release
        self._metrics = metrics
        self._write_timeout_s = write_timeout_s
        self.init_headers({"cache-control": "no-cache", "x-accel-buffering": "no", **call.headers})
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs as an ASGI app."""
        writing = asyncio.current_task()
        assert writing is not None
        gone = False

        async def watch() -> None:
            nonlocal gone
            await watch_disconnect(receive)
            gone = True
            writing.cancel()

        watcher = asyncio.create_task(watch())
        try:
            await self._write(send)
        except asyncio.CancelledError:
            if not gone:
                raise
            writing.uncancel()
            self._left("stream")
        except OSError:
            self._left("stream")
        except SlowReader:
            self._metrics.slow_readers.inc()
            self._call.fields["end"] = "slow_reader"
            raise  # the response is not complete: the server must close the connection
        finally:
            watcher.cancel()
            self._release()
            with suppress(asyncio.CancelledError):
                await watcher

    def _left(self, phase: str) -> None:
        self._metrics.disconnects.labels(phase).inc()
        self._call.fields["end"] = "client_left"

    async def _write(self, send: Send) -> None:
        await self._send(send, {"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        writer, clock = ChunkWriter(self._call), TokenClock(self._call, self._metrics)
        try:
            async with asyncio.timeout_at(self._call.deadline) as deadline:
                async for batch in self._source:
                    clock.saw(batch)
                    data = writer.encode(batch)
                    if data:
                        # Time spent waiting for the reader is the reader's, bounded by the write time-out.
                        deadline.reschedule(None)
                        await self._send(send, {"type": "http.response.body", "body": data, "more_body": True})
                        deadline.reschedule(self._call.deadline)
            tail = b"data: [DONE]\n\n"
        except GatewayError as error:
            self._call.fields["error"] = error.code
            tail = error.sse()
        except TimeoutError:
            self._call.fields["error"] = "deadline_exceeded"
            tail = deadline_exceeded().sse()
        clock.end()
        await self._send(send, {"type": "http.response.body", "body": tail, "more_body": False})

    async def _send(self, send: Send, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(self._write_timeout_s):
                await send(message)
        except TimeoutError:
            raise SlowReader from None


class TokenClock:
    """Times the first token and the mean time per further token of one stream."""

    def __init__(self, call: Call, metrics: Metrics) -> None:
        self._call = call
        self._metrics = metrics
        self._first = 0.0
        self._last = 0.0
        self._tokens = 0

    def saw(self, batch: list[Event]) -> None:
        """Notes the events that have just arrived."""
        count = sum(isinstance(event, Delta) for event in batch)
        if count and self._call.fields.get("cache") not in {"hit", "similar"}:
            self._last = now()
            if not self._first:
                self._first = self._last
                self._call.fields["ttft_ms"] = round(1000 * (self._first - self._call.received), 1)
                self._metrics.ttft.labels("engine").observe(self._first - self._call.received)
        self._tokens += count
        for event in batch:
            if isinstance(event, Usage):
                self._call.fields["prompt_tokens"] = event.prompt
                self._call.fields["completion_tokens"] = event.completion
                self._tokens = max(self._tokens, event.completion)  # a piece can carry several tokens
            elif isinstance(event, Finish):
                self._call.fields["finish"] = event.reason

    def end(self) -> None:
        """Records the time per output token."""
        if self._first and self._tokens > 1 and self._last > self._first:
            self._metrics.tpot.observe((self._last - self._first) / (self._tokens - 1))


async def collect(generation: Generation, call: Call, receive: Receive, metrics: Metrics) -> Answer:
    """The whole answer for a client that does not stream; gives up when the client leaves or its time is over.

    Raises:
        ClientGone: nobody is there to answer.
        GatewayError: the generation failed, or 504.
    """
    clock = TokenClock(call, metrics)

    async def read() -> Answer:
        async for batch in generation.batches():
            clock.saw(batch)
        clock.end()
        return await generation.result()

    try:
        async with asyncio.timeout_at(call.deadline):
            return await until_gone(read(), receive)
    except TimeoutError:
        raise deadline_exceeded() from None
    finally:
        generation.detach()


async def until_gone(work: Any, receive: Receive) -> Any:
    """The result of coroutine `work`, which is cancelled when the client leaves. Raises ClientGone then."""
    task = asyncio.ensure_future(work)
    watcher = asyncio.create_task(watch_disconnect(receive))
    try:
        await asyncio.wait({task, watcher}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientGone
    finally:
        for each in (task, watcher):
            if not each.done():
                each.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await each
