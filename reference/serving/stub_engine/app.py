"""The stub engine's ASGI application: tokens at absolute deadlines, bounded slots, injected faults.

Raw ASGI and pre-built event bytes, because the stub shares its cores with the client that it calibrates.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import time
from array import array
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from reference.serving.stub_engine.wire import (
    ERROR_EVENT,
    Chunks,
    Receive,
    Refused,
    Scope,
    Send,
    answer,
    check_request,
    read_json,
)

FaultKind = Literal["none", "http_500", "error_event", "disconnect", "exit", "stall"]
_SAMPLES_KEPT = 200_000
_SSE = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a share `rate` (0..1) of the requests, after `after_tokens` tokens were sent.

    ``http_500``: an error answer instead of tokens. ``error_event``: an error inside the stream, which then ends in
    order, as vLLM does when its engine fails. ``disconnect``: the connection drops. ``exit``: the process dies.
    ``stall``: silence on an open connection until the client leaves.
    """

    kind: FaultKind = "none"
    after_tokens: int = 0
    rate: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"kind must be one of {', '.join(get_args(FaultKind))}, got {self.kind!r}")
        if self.after_tokens < 0:
            raise ValueError(f"after_tokens must be >= 0, got {self.after_tokens}")
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate must be between 0 and 1, got {self.rate}")


@dataclass(frozen=True)
class StubSettings:
    """Latencies in milliseconds.

    `ttft_cv` and `itl_cv` are coefficients of variation: 0 means fixed, otherwise every value is drawn from a gamma
    distribution of that mean. `slots` bounds concurrent generations (0 = unbounded); the rest wait first-come
    first-served, and their wait comes on top of `ttft_ms`, as it would in an engine.
    """

    ttft_ms: float = 100.0
    itl_ms: float = 20.0
    ttft_cv: float = 0.0
    itl_cv: float = 0.0
    slots: int = 0
    model: str = "stub"
    api_key: str = ""
    seed: int = 0
    fault: Fault = field(default_factory=Fault)

    def __post_init__(self) -> None:
        for name in ("ttft_ms", "itl_ms", "ttft_cv", "itl_cv", "slots"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be a finite number >= 0, got {value}")


class StubApp:
    """The raw ASGI application; one instance per process."""

    def __init__(self, settings: StubSettings) -> None:
        self.settings = settings
        self.fault = settings.fault
        self.running = self.waiting = self.accepted = self.finished = self.aborted = self.tokens = 0
        self._random = random.Random(settings.seed)
        self._prompts: set[int] = set()
        self._slots = asyncio.Semaphore(settings.slots) if settings.slots else None
        self._reset()

    def _reset(self) -> None:
        self._late_first, self._late_rest = array("d"), array("d")
        self._cpu0 = time.process_time()
        self._first_arrival = self._last_finish = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived = time.perf_counter()
        if scope["type"] != "http":
            return
        route = (scope["method"], scope["path"])
        try:
            if route in (("POST", "/v1/chat/completions"), ("POST", "/v1/completions")):
                self._authorise(scope)
                await self._generate(arrived, route[1] == "/v1/chat/completions", receive, send)
            elif route == ("GET", "/v1/models"):
                self._authorise(scope)
                card = {"id": self.settings.model, "object": "model", "created": 0, "owned_by": "stub"}
                await answer(send, 200, {"object": "list", "data": [card]})
            elif route == ("GET", "/health"):
                await answer(send, 200, {})
            elif route == ("GET", "/metrics"):
                await answer(send, 200, self._metrics())
            elif route == ("GET", "/stub/timing"):
                await answer(send, 200, self.timing())
            elif route == ("POST", "/stub/reset"):
                self._reset()
                await answer(send, 200, {})
            elif route == ("POST", "/stub/fault"):
                self.fault = _fault_from(await read_json(receive))
                await answer(send, 200, asdict(self.fault))
            else:
                raise Refused(404, f"no route {route[0]} {route[1]}", "invalid_request_error")
        except Refused as refused:
            await answer(send, refused.status, refused.body())

    def timing(self) -> dict[str, float]:
        """The stub's own share since reset: lateness of its sends against their deadlines [ms], its CPU time [s], and
        the time from the first arrival to the last end of a request [s]."""
        return {
            **_lateness("first", self._late_first),
            **_lateness("rest", self._late_rest),
            "cpu_s": time.process_time() - self._cpu0,
            "span_s": self._last_finish - self._first_arrival,
        }

    def _authorise(self, scope: Scope) -> None:
        if self.settings.api_key:
            given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            if given != f"Bearer {self.settings.api_key}":
                raise Refused(401, "Incorrect API key provided.", "invalid_request_error")

    def _metrics(self) -> str:
        rows = {
            # vLLM's own names, so that whatever polls an engine's queue can poll the stub's.
            "vllm:num_requests_running": ("gauge", self.running),
            "vllm:num_requests_waiting": ("gauge", self.waiting),
            "vllm:generation_tokens_total": ("counter", self.tokens),
            "stub:requests_total": ("counter", self.accepted),
            "stub:distinct_prompts_total": ("counter", len(self._prompts)),
            "stub:requests_finished_total": ("counter", self.finished),
            "stub:requests_aborted_total": ("counter", self.aborted),
        }
        label = f'{{model_name="{self.settings.model}"}}'
        return "".join(f"# TYPE {name} {kind}\n{name}{label} {value}\n" for name, (kind, value) in rows.items())

    def _draw(self, mean_s: float, cv: float) -> float:
        if cv == 0 or mean_s == 0:
            return mean_s
        shape = 1 / cv**2
        return self._random.gammavariate(shape, mean_s / shape)

    async def _generate(self, arrived: float, chat: bool, receive: Receive, send: Send) -> None:
        body = await read_json(receive)
        count, prompt_tokens, crc = check_request(body, chat, self.settings.model)
        self.accepted += 1
        self._prompts.add(crc)
        self._first_arrival = self._first_arrival or arrived
        gone = asyncio.ensure_future(_wait_for_disconnect(receive))
        work = asyncio.ensure_future(self._queue_and_send(arrived, chat, body, count, prompt_tokens, crc, send))
        try:
            await asyncio.wait({gone, work}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                self.finished += 1
                work.result()
            else:
                self.aborted += 1
        finally:
            self._last_finish = time.perf_counter()
            for task in (gone, work):
                if not task.done():
                    task.cancel()

    async def _queue_and_send(
        self, arrived: float, chat: bool, body: dict[str, Any], count: int, prompt_tokens: int, crc: int, send: Send
    ) -> None:
        start = arrived
        if self._slots is not None:
            if self._slots.locked():
                self.waiting += 1
                try:
                    await self._slots.acquire()
                finally:
                    self.waiting -= 1
                start = time.perf_counter()
            else:
                await self._slots.acquire()
        self.running += 1
        try:
            fault = self.fault
            if fault.kind != "none" and self._random.random() >= fault.rate:
                fault = Fault()
            await self._send_tokens(start, chat, body, count, prompt_tokens, crc, fault, send)
        finally:
            self.running -= 1
            if self._slots is not None:
                self._slots.release()

    async def _send_tokens(
        self,
        start: float,
        chat: bool,
        body: dict[str, Any],
        count: int,
        prompt_tokens: int,
        crc: int,
        fault: Fault,
        send: Send,
    ) -> None:
        stream = bool(body.get("stream"))
        deadline = start + self._draw(self.settings.ttft_ms / 1e3, self.settings.ttft_cv)
        request_id = f"stub-{self.accepted}"
        words = [f"answer-{crc:08x}", " tok"]
        if fault.kind == "http_500":
            await _sleep_until(deadline)
            raise Refused(500, "injected failure", "internal_error")
        chunks = Chunks(request_id, self.settings.model, chat, words)
        if stream:
            await send({"type": "http.response.start", "status": 200, "headers": _SSE})
        for k in range(count):
            if fault.kind != "none" and k == fault.after_tokens:
                if fault.kind == "error_event":
                    if stream:
                        await send({"type": "http.response.body", "body": ERROR_EVENT, "more_body": False})
                        return
                    raise Refused(500, "injected failure", "internal_error")
                await _break(fault)
            if stream or k == count - 1:
                await _sleep_until(deadline)
                late = self._late_first if k == 0 else self._late_rest
                if len(late) < _SAMPLES_KEPT:
                    late.append(time.perf_counter() - deadline)
            if stream:
                data = chunks.first if k == 0 else chunks.middle
                data = chunks.last(k == 0) if k == count - 1 else data
                await send({"type": "http.response.body", "body": data, "more_body": True})
            self.tokens += 1
            deadline += self._draw(self.settings.itl_ms / 1e3, self.settings.itl_cv)
        usage = {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": count,
            "total_tokens": prompt_tokens + count,
        }
        if not stream:
            text = words[0] + words[1] * (count - 1)
            await answer(send, 200, chunks.whole(text, usage))
            return
        options = body.get("stream_options") or {}
        tail = chunks.usage(usage) if options.get("include_usage") else b""
        await send({"type": "http.response.body", "body": tail + b"data: [DONE]\n\n", "more_body": False})


async def _break(fault: Fault) -> None:
    if fault.kind == "exit":
        os._exit(1)
    if fault.kind == "disconnect":
        raise ConnectionResetError("injected disconnect")
    await asyncio.Event().wait()


async def _sleep_until(deadline: float) -> None:
    delay = deadline - time.perf_counter()
    if delay > 0:
        await asyncio.sleep(delay)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _fault_from(body: Any) -> Fault:
    known = {f.name for f in fields(Fault)}
    if not isinstance(body, dict) or not set(body) <= known:
        raise Refused(400, f"a fault has the fields {', '.join(sorted(known))}", "invalid_request_error", "fault")
    try:
        return Fault(**body)
    except (TypeError, ValueError) as error:
        raise Refused(400, str(error), "invalid_request_error", "fault") from error


def _lateness(name: str, seconds: array[float]) -> dict[str, float]:
    values = sorted(seconds)
    if not values:
        return {f"{name}_n": 0}
    quantile = {f"{name}_p{p}_ms": 1e3 * values[min(len(values) - 1, len(values) * p // 100)] for p in (50, 99)}
    return {f"{name}_n": len(values), f"{name}_mean_ms": 1e3 * sum(values) / len(values), **quantile}
