"""Streams that survive their connection: POST /v1/streams begins one, GET /v1/streams/ID goes on with it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request
from starlette.responses import StreamingResponse

from reference.serving.gateway.errors import GatewayError, bad_request
from reference.serving.modes.requests import chat_call
from reference.serving.modes.stream_log import StreamLog, StreamLost, failure, frame, read_stored

if TYPE_CHECKING:
    import redis.asyncio

    from reference.serving.gateway.calls import Call, Reply
    from reference.serving.modes.extension import ModesSettings

_DONE = b"[DONE]"
_LOST = "The process that wrote this answer is gone before its end. Send the request again."


class Streams:
    """Streams of this process, and the way to those of others."""

    def __init__(self, client: redis.asyncio.Redis, settings: ModesSettings) -> None:
        self._client, self._settings = client, settings
        self._here: dict[str, StreamLog] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        """Answers that this process is writing."""
        return len(self._tasks)

    def _keys(self, stream_id: str) -> tuple[str, str]:
        return f"{self._settings.prefix}:stream-log:{stream_id}", f"{self._settings.prefix}:stream-meta:{stream_id}"

    @property
    def heartbeat_s(self) -> float:
        """Longest silence that a reader sees."""
        return self._settings.heartbeat_s

    async def begin(self, call: Call, coming: asyncio.Task[Reply]) -> tuple[str, StreamLog]:
        """Starts to write a reply down, whose first token may be yet to come. The reader's connection is no part of it.

        A reply that fails then ends the stream with an error event.
        """
        stream_id = f"stream-{uuid.uuid4().hex}"
        log = StreamLog(self._client, *self._keys(stream_id), self._settings.stream_ttl_s)
        # Whose it is stands in Redis before the client learns the id.
        await cast("Any", self._client.hset(self._keys(stream_id)[1], mapping={"tenant": call.key.tenant}))
        await log.flush()
        self._here[stream_id] = log
        task = asyncio.create_task(self._write(stream_id, log, call, coming), name=stream_id)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return stream_id, log

    async def _write(self, stream_id: str, log: StreamLog, call: Call, coming: asyncio.Task[Reply]) -> None:
        keeper = asyncio.create_task(log.keep())
        orphan = asyncio.create_task(self._orphaned(log))
        pump = asyncio.create_task(_pump(coming, call, log))
        try:
            await asyncio.wait([pump, orphan], return_when=asyncio.FIRST_COMPLETED)
            if not pump.done():
                pump.cancel()
                await asyncio.wait([pump])
                log.append(failure("abandoned", "Nobody read this answer; it was stopped."))
            elif (problem := pump.exception()) is None:
                log.append(_DONE)
            elif isinstance(problem, GatewayError):
                log.append(failure(problem.code, problem.message))
            else:
                log.append(failure("internal_error", "The gateway failed. Report the request id."))
        finally:
            orphan.cancel()
            pump.cancel()
            log.end()
            await keeper
            # Late readers of this process find it in Redis, as those of any other do.
            self._here.pop(stream_id, None)

    async def _orphaned(self, log: StreamLog) -> None:
        """Returns when nobody has read for `orphan_s` seconds: an answer for nobody must not hold the engine."""
        alone = 0.0
        step = min(1.0, self._settings.orphan_s / 4)
        while alone < self._settings.orphan_s:
            await asyncio.sleep(step)
            alone = 0.0 if log.readers else alone + step

    async def owner(self, stream_id: str) -> str | None:
        """Tenant of a stream; None if there is none, or not any more."""
        stored = await cast("Any", self._client.hget(self._keys(stream_id)[1], "tenant"))
        return stored.decode() if stored else None

    async def body(self, stream_id: str, after: int) -> AsyncIterator[bytes]:
        """The bytes of the response: events after number `after`, with a comment when nothing came for a while."""
        idle = self._settings.heartbeat_s
        log = self._here.get(stream_id)
        source = log.read(after, idle) if log else read_stored(self._client, *self._keys(stream_id), after, idle)
        yield b"retry: %d\n\n" % int(self._settings.retry_s * 1000)
        seen = after
        try:
            async for batch in source:
                yield b"".join(frame(number, data) for number, data in batch) or b": heartbeat\n\n"
                seen = batch[-1][0] if batch else seen
        except StreamLost:
            yield frame(seen + 1, failure("stream_lost", _LOST))

    async def stop(self) -> None:
        """Ends what is being written; readers get an error event."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _pump(coming: asyncio.Task[Reply], call: Call, log: StreamLog) -> None:
    """Writes the events of a reply into the log. Cancelled, it takes the reply along."""
    from reference.serving.gateway.responses import ChunkWriter, cached_events

    reply = await coming
    writer, generation = ChunkWriter(call), reply.generation
    try:
        if generation is not None:
            batches = generation.batches()
        else:
            assert reply.answer is not None
            batches = cached_events(reply.answer)
        async for batch in batches:
            for part in writer.encode(batch).split(b"\n\n"):
                if part:
                    log.append(part.removeprefix(b"data: "))
    finally:
        if generation is not None:
            generation.detach()


def _response(streams: Streams, stream_id: str, after: int, headers: dict[str, str]) -> StreamingResponse:
    return StreamingResponse(
        streams.body(stream_id, after),
        media_type="text/event-stream",
        headers={
            **headers,
            "cache-control": "no-store",
            "x-accel-buffering": "no",
            "x-stream-id": stream_id,
            "location": f"/v1/streams/{stream_id}",
        },
    )


def last_event_id(headers: Any) -> int:
    """Number of the last event that the client saw; 0 without the header. Raises GatewayError 400."""
    value = headers.get("last-event-id")
    if value is None or value == "":
        return 0
    if not value.isdecimal() or not value.isascii() or len(value) > 9:
        raise bad_request("invalid_value", "Last-Event-ID must be the id of an event of this stream.", None)
    return int(value)


async def post(request: Request) -> StreamingResponse:
    """Begins a stream. Body: a chat request.

    What fails at once fails with a status of its own. After a heartbeat's time the client gets its headers and
    heartbeats without the first token: a long wait for it must not look like a dead connection to a proxy.
    """
    streams: Streams = request.app.state.modes.streams
    call = await chat_call(request, force_stream=True)
    coming = asyncio.create_task(request.app.state.pipeline.reply(call))
    try:
        await asyncio.wait([coming], timeout=streams.heartbeat_s)
        if coming.done():
            coming.result()
        stream_id, _ = await streams.begin(call, coming)
    except BaseException:
        coming.cancel()
        raise
    return _response(streams, stream_id, 0, call.headers)


async def get(request: Request) -> StreamingResponse:
    """Goes on with a stream after `Last-Event-ID`."""
    streams: Streams = request.app.state.modes.streams
    key = await request.app.state.services.auth.check(request.headers.get("authorization"))
    stream_id = request.path_params["stream_id"]
    after = last_event_id(request.headers)
    if await streams.owner(stream_id) != key.tenant:
        raise GatewayError(404, "stream_not_found", "There is no such stream, or it has expired.")
    return _response(streams, stream_id, after, {})
