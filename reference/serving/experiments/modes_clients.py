"""Four clients of one service: each sends the same requests by its own mode's route, and notes when it sees what.

All times count from the moment at which a request was due, not from when it was sent: a client that falls behind would
hide the very waiting that is looked for.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

    from reference.serving.experiments.modes_service import Delivery, ModesService

_POLL_S = 0.1
_FINAL = frozenset({"completed", "cancelled", "failed", "expired"})


class Mode(StrEnum):
    """How a client waits."""

    SYNC = "sync"
    STREAMING = "streaming"
    ASYNC = "async"
    BATCH = "batch"


class End(StrEnum):
    """What became of a request; each has exactly one."""

    ANSWERED = "answered"
    REFUSED = "refused"  # 429 or 503, at once
    TIMED_OUT = "timed out"  # its client has gone
    FAILED = "failed"


@dataclass(frozen=True)
class Ask:
    """A request of the workload: its number, when it is due (seconds from the start), and the body of the chat call."""

    number: int
    due_s: float
    body: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What the client saw. Seconds from the due moment; None where nothing came.

    `first_s`: the first token, in the modes without a stream the whole answer. `tokens`: of the answer.
    """

    mode: Mode
    number: int
    due_s: float
    end: End
    first_s: float | None = None
    last_s: float | None = None
    tokens: int = 0
    text: str = ""
    detail: str = ""


class Clients:
    """Clients of a service in one event loop.

    Args:
        start: `time.perf_counter()` at which the workload begins. deadline_s: how long a person waits, for the whole
            answer (sync) or for the first token (streaming); the other modes have nobody waiting.
        patience_s: after which an async or batch client gives up.
    """

    def __init__(
        self, service: ModesService, http: httpx.AsyncClient, start: float, deadline_s: float, patience_s: float
    ) -> None:
        self._service, self._http, self._start = service, http, start
        self._deadline_s, self._patience_s = deadline_s, patience_s
        self._told: dict[str, asyncio.Event] = {}

    async def run(self, mode: Mode, asks: Sequence[Ask]) -> list[Outcome]:
        """Sends every request when it is due; the outcomes in the order of the requests."""
        if mode is Mode.BATCH:
            return await self._batch(asks)
        one: Callable[[Ask], Awaitable[Outcome]] = {
            Mode.SYNC: self._sync, Mode.STREAMING: self._stream, Mode.ASYNC: self._job,
        }[mode]  # fmt: skip

        async def at_its_time(ask: Ask) -> Outcome:
            import httpx

            await asyncio.sleep(self._start + ask.due_s - time.perf_counter())
            try:
                return await one(ask)
            except (httpx.HTTPError, OSError) as error:
                return Outcome(mode, ask.number, ask.due_s, End.FAILED, detail=type(error).__name__)

        with self._hearing():
            return list(await asyncio.gather(*(at_its_time(ask) for ask in asks)))

    @contextmanager
    def _hearing(self) -> Iterator[None]:
        """Webhooks set the event of their job; one may come before the answer to the request that made the job."""
        loop, listeners = asyncio.get_running_loop(), self._service.receiver.listeners

        def told(delivery: Delivery) -> None:
            loop.call_soon_threadsafe(lambda: self._event(delivery.id).set())

        listeners.append(told)
        try:
            yield
        finally:
            listeners.remove(told)

    def _event(self, job_id: str) -> asyncio.Event:
        return self._told.setdefault(job_id, asyncio.Event())

    def _since(self, ask: Ask) -> float:
        return time.perf_counter() - self._start - ask.due_s

    def _timeout(self, ask: Ask, seconds: float) -> asyncio.Timeout:
        loop = asyncio.get_running_loop()
        return asyncio.timeout_at(loop.time() + max(0.0, seconds - self._since(ask)))

    @staticmethod
    def _not_taken(mode: Mode, ask: Ask, status: int) -> Outcome:
        end = End.REFUSED if status in {429, 503} else End.TIMED_OUT if status in {408, 504} else End.FAILED
        return Outcome(mode, ask.number, ask.due_s, end, detail=f"HTTP {status}")

    @staticmethod
    def _answer(mode: Mode, ask: Ask, body: dict[str, Any], seconds: float) -> Outcome:
        text, tokens = body["choices"][0]["message"]["content"], body["usage"]["completion_tokens"]
        return Outcome(mode, ask.number, ask.due_s, End.ANSWERED, seconds, seconds, tokens, text)

    async def _sync(self, ask: Ask) -> Outcome:
        try:
            async with self._timeout(ask, self._deadline_s):
                reply = await self._http.post("/chat/completions", json=ask.body)
        except TimeoutError:
            return Outcome(Mode.SYNC, ask.number, ask.due_s, End.TIMED_OUT)
        if reply.status_code != 200:
            return self._not_taken(Mode.SYNC, ask, reply.status_code)
        return self._answer(Mode.SYNC, ask, reply.json(), self._since(ask))

    async def _stream(self, ask: Ask) -> Outcome:
        mode, first, text, tokens, failure = Mode.STREAMING, None, "", 0, ""
        body = {**ask.body, "stream_options": {"include_usage": True}}
        try:
            async with (
                self._timeout(ask, self._deadline_s) as waiting,
                self._http.stream("POST", "/streams", json=body) as reply,
            ):
                if reply.status_code != 200:
                    return self._not_taken(mode, ask, reply.status_code)
                async for line in reply.aiter_lines():
                    if not line.startswith("data: {"):
                        continue
                    event = json.loads(line[6:])
                    failure = failure or event.get("error", {}).get("code", "")
                    tokens = (event.get("usage") or {}).get("completion_tokens", tokens)
                    piece = "".join(one["delta"].get("content") or "" for one in event.get("choices", []))
                    text += piece
                    if piece and first is None:
                        first = self._since(ask)
                        waiting.reschedule(None)  # who reads does not leave
        except TimeoutError:
            return Outcome(mode, ask.number, ask.due_s, End.TIMED_OUT)
        if failure or first is None:
            return Outcome(mode, ask.number, ask.due_s, End.FAILED, detail=failure or "no token")
        return Outcome(mode, ask.number, ask.due_s, End.ANSWERED, first, self._since(ask), tokens, text)

    async def _job(self, ask: Ask) -> Outcome:
        mode = Mode.ASYNC
        order = {"request": ask.body, "webhook_url": self._service.receiver.url}
        reply = await self._http.post("/jobs", json=order)
        if reply.status_code != 202:
            return self._not_taken(mode, ask, reply.status_code)
        job_id = reply.json()["id"]
        try:
            async with self._timeout(ask, self._patience_s):
                await self._event(job_id).wait()
        except TimeoutError:
            return Outcome(mode, ask.number, ask.due_s, End.TIMED_OUT)
        result = await self._http.get(f"/jobs/{job_id}/result")
        if result.status_code != 200:
            return Outcome(mode, ask.number, ask.due_s, End.FAILED, detail=result.text[:200])
        return self._answer(mode, ask, result.json(), self._since(ask))

    async def _batch(self, asks: Sequence[Ask]) -> list[Outcome]:
        """Collects until the last request is due, hands the file in, and fetches the answers when all are there."""
        mode = Mode.BATCH
        await asyncio.sleep(self._start + max(ask.due_s for ask in asks) - time.perf_counter())
        batch = await begin_batch(self._http, asks)
        if "error" in batch:
            return [self._not_taken(mode, ask, batch["error"]) for ask in asks]
        while batch["status"] not in _FINAL:
            if self._since(asks[-1]) > self._patience_s:
                await self._http.post(f"/batches/{batch['id']}/cancel")
                return [Outcome(mode, ask.number, ask.due_s, End.TIMED_OUT) for ask in asks]
            await asyncio.sleep(_POLL_S)
            batch = (await self._http.get(f"/batches/{batch['id']}")).json()
        answers: dict[str, Any] = {}
        for name in ("output_file_id", "error_file_id"):
            if batch.get(name):
                content = (await self._http.get(f"/files/{batch[name]}/content")).text
                answers |= {line["custom_id"]: line for line in map(json.loads, content.splitlines())}
        outcomes = []
        for ask in asks:
            line = answers.get(str(ask.number))
            if line is not None and line["response"]:
                outcomes.append(self._answer(mode, ask, line["response"]["body"], self._since(ask)))
            else:
                reason = (line or {}).get("error") or {}
                outcomes.append(
                    Outcome(mode, ask.number, ask.due_s, End.FAILED, detail=reason.get("message", "not in the answers"))
                )
        return outcomes


async def begin_batch(http: httpx.AsyncClient, asks: Sequence[Ask]) -> dict[str, Any]:
    """Hands a file of requests in, as OpenAI's client does in two calls. The batch, or {"error": HTTP status}."""
    lines = [
        {"custom_id": str(ask.number), "method": "POST", "url": "/v1/chat/completions", "body": ask.body}
        for ask in asks
    ]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    stored = await http.post("/files", data={"purpose": "batch"}, files={"file": ("requests.jsonl", content)})
    if stored.status_code != 200:
        return {"error": stored.status_code}
    order = {"input_file_id": stored.json()["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    begun = await http.post("/batches", json=order)
    return begun.json() if begun.status_code == 200 else {"error": begun.status_code}
