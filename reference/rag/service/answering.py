"""POST /answer: a search, then checked sentences, as one JSON object or as server-sent events.

Events: `stage` (name, ms) as stages of the batch end; `search` (hits without their text, degraded, notes); `sentence`
(text with its marks, citations); `answer` (the whole, with citations) as the last; `error` in the gateway's shape.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from typing import Any, cast

from reference.rag.answer import Answer, answer_fields
from reference.rag.answer.answerer import shown
from reference.rag.query import source_key
from reference.rag.service.access import readable
from reference.rag.service.batching import Batched
from reference.rag.service.parts import Services, as_gateway_error, milliseconds, search_fields, search_request
from reference.rag.service.schema import AnswerBody
from reference.rag.types import RagError
from reference.serving.gateway.calls import Call
from reference.serving.gateway.errors import GatewayError, deadline_exceeded
from reference.serving.gateway.keys import ApiKey
from reference.serving.gateway.logs import describe, log_event
from reference.serving.gateway.middleware import RequestInfo
from reference.serving.gateway.responses import EventStream

Event = tuple[str, dict[str, Any]]
_END = object()


class Answering:
    """One question on its way to an answer.

    Args:
        give_back: returns the place among the answers in work. Call `abandon` however the request ends.
    """

    def __init__(
        self, parts: Services, key: ApiKey, body: AnswerBody, info: RequestInfo, give_back: Callable[[], None]
    ) -> None:
        self._parts, self._key, self._body, self._info = parts, key, body, info
        self._give_back = give_back
        self._began = time.monotonic()
        asked = parts.settings.answer_budget_s if body.budget_ms is None else body.budget_ms / 1000
        self.budget_s = min(asked, parts.settings.max_budget_s)
        self._gone = threading.Event()
        self._at_work = False

    async def events(self) -> AsyncGenerator[Event, None]:
        """The events in order, `answer` last. However it is left, waiting work is cancelled and running work ends soon.

        Raises:
            GatewayError: search or answer failed, or 504.
        """
        body, parts = self._body, self._parts
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[Any]()

        def post(item: Any) -> None:
            with suppress(RuntimeError):  # the loop has ended; nobody listens
                loop.call_soon_threadsafe(queue.put_nowait, item)

        mark = parts.answers.mark() if parts.answers is not None else 0
        tenants = readable(self._key.tenant)
        deadline = loop.time() + self.budget_s + parts.settings.grace_s

        async def news() -> AsyncIterator[Any]:
            while True:
                async with asyncio.timeout_at(deadline):  # not around a yield: that would cancel the reader's own waits
                    item = await queue.get()
                if item is _END:
                    return
                yield item

        future = None
        try:
            if (cached := await self._cached(tenants)) is not None:
                yield "answer", cached
                return
            search_s = min(self.budget_s, parts.settings.search_budget_s)
            request = search_request(parts, self._key, body, search_s)
            future = parts.batcher.submit(
                request, lambda stage, seconds: post(("stage", {"stage": stage, "ms": round(1000 * seconds, 2)}))
            )
            future.add_done_callback(lambda _: post(_END))
            async for item in news():
                yield item
            found = future.result()
            parts.metrics.searched(found.result, found.waited_s)
            yield "search", _brief(search_fields(found))
            self._at_work = True
            threading.Thread(target=self._work, args=(found, post), name="rag-answer", daemon=True).start()
            async for item in news():
                if isinstance(item, Exception):
                    raise item
                yield ("answer", self._finished(item, found, tenants, mark)) if isinstance(item, Answer) else item
        except TimeoutError:
            raise deadline_exceeded() from None
        except RagError as error:
            raise as_gateway_error(error) from None
        finally:
            self._gone.set()
            if future is not None:
                future.cancel()

    def abandon(self) -> None:
        """Gives the place back if the answerer's work, which does so at its end, was never begun."""
        if not self._at_work:
            self._give_back()

    def _work(self, found: Batched, post: Callable[[Any], None]) -> None:
        """On a thread of its own: the answerer waits for engines."""
        assert self._parts.answerer is not None
        left = max(0.001, self.budget_s - (time.monotonic() - self._began))
        try:
            stream = self._parts.answerer.stream(self._body.query, found.result, left)
            try:
                first = True
                for item in stream:
                    if self._gone.is_set():
                        return
                    if isinstance(item, Answer):
                        post(item)
                        continue
                    if first:
                        self._parts.metrics.first_sentence.observe(time.monotonic() - self._began)
                        first = False
                    post(("sentence", {"text": shown(item), "citations": list(item.citations)}))
            finally:
                cast(Any, stream).close()  # ends a request to an engine that nobody waits for
        except RagError as error:
            post(error)
        except Exception as error:
            log_event("answer_failed", logging.ERROR, request_id=self._info.request_id, **describe(error))
            post(GatewayError(500, "internal_error", "The answer broke off. Report the request id."))
        finally:
            post(_END)
            self._give_back()

    def _finished(self, answer: Answer, found: Batched, tenants: tuple[str, ...], mark: int) -> dict[str, Any]:
        """The last event; kept for the next who asks the same, if nothing was left out."""
        parts = self._parts
        parts.metrics.answers.labels(answer.tier).inc()
        parts.metrics.removed.inc(answer.removed)
        parts.metrics.left_out(answer.degraded)
        fields = {**answer_fields(answer), "search": search_fields(found), "cached": ""}
        fields["stages_ms"] = milliseconds(fields.pop("stages"))
        fields["total_ms"] = round(1000 * (time.monotonic() - self._began), 2)
        self._info.fields.update(tier=answer.tier, sentences=len(answer.sentences))
        if parts.answers is not None and not answer.degraded and not found.result.degraded:
            # The answer rests on all that was found, not on the cited passages alone.
            sources = {source_key(hit.chunk.tenant, hit.chunk.document_id) for hit in found.result.hits}
            parts.answers.put(self._body.query, self._scope(tenants), fields, sources, since=mark)
        return fields

    async def _cached(self, tenants: tuple[str, ...]) -> dict[str, Any] | None:
        cache = self._parts.answers
        if cache is None:
            return None
        hit = await asyncio.to_thread(cache.get, self._body.query, self._scope(tenants))
        if hit is None:
            return None
        self._parts.metrics.cached.labels("answer", hit.kind).inc()
        self._info.fields["cached"] = hit.kind
        return {**hit.value, "cached": hit.kind, "total_ms": round(1000 * (time.monotonic() - self._began), 2)}

    def _scope(self, tenants: tuple[str, ...]) -> str:
        body = self._body
        return "\0".join(["answer", str(body.k), str(body.expand), str(body.rerank), *tenants])

    async def whole(self) -> dict[str, Any]:
        """The last event alone."""
        async with aclosing(self.events()) as events:
            async for name, fields in events:
                if name == "answer":
                    return fields
        raise GatewayError(500, "internal_error", "The answer broke off. Report the request id.")

    def call(self, loop_time: float) -> Call:
        """This request in the form that the gateway's event stream takes."""
        deadline = loop_time + self.budget_s + self._parts.settings.grace_s
        chat = cast(Any, None)  # only the chat format needs it
        return Call(self._info.request_id, self._key, chat, self._info.received, deadline, None, {}, self._info.fields)


class AnswerStream(EventStream):
    """The events on the wire; a client that leaves or does not read ends the work (see the gateway's EventStream).

    Args:
        first: the event that is there already; what fails before it gets an HTTP status of its own.
        rest: the others.
    """

    def __init__(self, answering: Answering, parts: Services, first: Event, rest: AsyncGenerator[Event, None]) -> None:
        call = answering.call(asyncio.get_running_loop().time())
        super().__init__(
            call, cast(Any, None), answering.abandon, cast(Any, parts.metrics), parts.settings.write_timeout_s
        )
        self._first, self._rest = first, rest

    async def _write(self, send: Any) -> None:
        async def write(data: bytes, more: bool = True) -> None:
            await self._send(send, {"type": "http.response.body", "body": data, "more_body": more})

        async with aclosing(self._rest) as rest:
            await self._send(send, {"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await write(sse(*self._first))
            try:
                async for event in rest:
                    await write(sse(*event))
            except GatewayError as error:
                self._call.fields["error"] = error.code
                await write(b"event: error\n" + error.sse())
            await write(b"", more=False)


def sse(name: str, fields: dict[str, Any]) -> bytes:
    """One event on the wire."""
    return f"event: {name}\ndata: {json.dumps(fields, ensure_ascii=False)}\n\n".encode("utf-8", "replace")


def _brief(fields: dict[str, Any]) -> dict[str, Any]:
    """Hits without their text: the last event has it."""
    return {**fields, "hits": [{k: v for k, v in hit.items() if k != "text"} for hit in fields["hits"]]}
