"""An OpenAI-compatible engine whose faults a test can order: it stalls, dies, refuses, and counts what it is asked.

Run as a script it serves on a port until it is killed.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

MODEL = "tiny-model"


@dataclass
class FakeEngine:
    """Behaviour (set by the test) and what was seen. Times in seconds."""

    ttft: float = 0.0
    itl: float = 0.0
    held: bool = False  # answers nothing until it is let go
    pieces: Callable[[dict[str, Any]], list[str]] = field(
        default=lambda body: ["Hello", " from", " the", " engine", "."]
    )
    die_after: int | None = None  # close the connection after so many pieces
    stall_after: int | None = None  # be silent after so many pieces
    statuses: list[int] = field(default_factory=list)  # refuse the next calls with these
    refusal: dict[str, Any] = field(default_factory=lambda: {"error": {"message": "no", "code": 400, "param": None}})
    healthy: bool = True
    health_delays: list[float] = field(default_factory=list)  # of the next health checks
    model: str = MODEL
    cached_tokens: int | None = None  # of the prompt, as the usage says
    waiting: int = 0
    max_model_len: int = 4096
    count_prompt: Callable[[list[dict[str, str]]], int] = field(default=lambda messages: 7)
    said: list[dict[str, Any]] = field(default_factory=list)  # usage of each answer
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    peers: list[tuple[str, int]] = field(default_factory=list)  # the client's end of the connection, per call
    running: int = 0
    most_running: int = 0
    finished: int = 0
    cancelled: int = 0
    base_url: str = ""

    @property
    def calls(self) -> int:
        return len(self.bodies)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/health", self._health),
                Route("/metrics", self._metrics),
            ]
        )

    async def _health(self, request: Request) -> Response:
        if self.health_delays:
            await asyncio.sleep(self.health_delays.pop(0))
        return PlainTextResponse("", 200 if self.healthy else 503)

    async def _metrics(self, request: Request) -> Response:
        gauges = {"waiting": self.waiting, "running": self.running}
        lines = [f'vllm:num_requests_{name}{{engine="0"}} {value}.0\n' for name, value in gauges.items()]
        return PlainTextResponse("".join(lines))

    async def _models(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": self.model, "max_model_len": self.max_model_len}]})

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        self.peers.append(tuple(request.client))
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        if self.statuses:
            return JSONResponse(self.refusal, self.statuses.pop(0))
        if not body.get("stream"):
            return await self._whole(body)
        return StreamingResponse(self._stream(body), media_type="text/event-stream")

    async def _first(self) -> None:
        await asyncio.sleep(self.ttft)
        while self.held:  # noqa: ASYNC110  a test lets go, on another thread
            await asyncio.sleep(0.005)

    async def _whole(self, body: dict[str, Any]) -> Response:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            pieces = self.pieces(body)[: body.get("max_tokens", 16)]
            await self._first()
            await asyncio.sleep(self.itl * len(pieces))
            message = {"role": "assistant", "content": "".join(pieces)}
            usage = self._usage(body, len(pieces))
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self.finished += 1
            return JSONResponse({"object": "chat.completion", "choices": [choice], "usage": usage})
        finally:
            self.running -= 1

    async def _stream(self, body: dict[str, Any]):
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await self._first()
            pieces = self.pieces(body)[: body.get("max_tokens", 16)]
            for index in range(body.get("n", 1)):
                for count, piece in enumerate(pieces):
                    if self.die_after is not None and count >= self.die_after:
                        raise ConnectionError("ordered to die")
                    if self.stall_after is not None and count >= self.stall_after:
                        await asyncio.sleep(3600)
                    yield self._chunk(index, {"content": piece}, None)
                    await asyncio.sleep(self.itl)
                yield self._chunk(index, {}, "stop")
            usage = self._usage(body, len(pieces) * body.get("n", 1))
            yield b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\ndata: [DONE]\n\n"
            self.finished += 1
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise
        finally:
            self.running -= 1

    def _usage(self, body: dict[str, Any], completion: int) -> dict[str, Any]:
        usage = {"prompt_tokens": self.count_prompt(body["messages"]), "completion_tokens": completion}
        if self.cached_tokens is not None:
            usage["prompt_tokens_details"] = {"cached_tokens": self.cached_tokens}
        self.said.append(usage)
        return usage

    @staticmethod
    def _chunk(index: int, delta: dict[str, Any], finish: str | None) -> bytes:
        chunk = {"choices": [{"index": index, "delta": delta, "finish_reason": finish}], "usage": None}
        return b"data: " + json.dumps(chunk).encode() + b"\n\n"


@contextlib.contextmanager
def serve_app(app: Any, port: int = 0) -> Iterator[int]:
    """Serves an ASGI app on a thread; yields its port."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        thread.join(5)
        listener.close()


@contextlib.contextmanager
def running_engine(**behaviour: Any) -> Iterator[FakeEngine]:
    """A fake engine on a free port."""
    engine = FakeEngine(**behaviour)
    with serve_app(engine.app()) as port:
        engine.base_url = f"http://127.0.0.1:{port}/v1"
        yield engine


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--itl", type=float, default=0.05)
    options = parser.parse_args()
    engine = FakeEngine(itl=options.itl, pieces=lambda body: ["word "] * 200)
    uvicorn.run(engine.app(), host="127.0.0.1", port=options.port, log_level="critical")


if __name__ == "__main__":
    main()
