"""An engine in front of the engine that generates every distinct request once, and plays it again afterwards.

Twelve replays of one workload would ask the engine for the same greedy answers twelve times, and would compare answers
that differ by how requests happened to be batched. With the tape what differs between two replays is the strategy.
Tokens and texts are the engine's own. Times of a played answer are not: `Tape.seconds` has those of the generation.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reference.serving.http_errors import answer_errors, error_response
from reference.serving.listening import KEEP_ALIVE_S, listening_socket
from reference.serving.thread_server import on_thread

from .workload import SavingsError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from reference.serving.engine.handle import Engine

_UNSEEN = ("stream", "stream_options", "priority")  # what changes how an answer travels, not what it says


@dataclass
class Tape:
    """What was generated, by digest of the request. The server's `base_url` and `api_key` are those of an engine.

    Attributes:
        seconds: of the engine's time that each generation took: while k run, each takes a k-th of what passes.
        played: requests that were answered from the tape; recorded: that the engine answered.
    """

    engine: Engine
    base_url: str = ""
    api_key: str = field(default="tape", repr=False)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    seconds: dict[str, float] = field(default_factory=dict, repr=False)
    asked: list[str] = field(default_factory=list, repr=False)  # digests, one per request that was answered

    @property
    def recorded(self) -> int:
        return len(self.answers)

    @property
    def played(self) -> int:
        return len(self.asked) - len(self.answers)

    def seconds_in_engine(self, since: int = 0) -> float:
        """Seconds that an engine is busy with requests from number `since` on, by what each took when recorded."""
        return sum(self.seconds[digest] for digest in self.asked[since:])


class _Shares:
    """Divides the time that passes evenly among those who run; a sum of latencies would count it several times."""

    def __init__(self) -> None:
        self._taken: dict[str, float] = {}
        self._last = 0.0

    def _pass(self) -> None:
        now = time.perf_counter()
        for name in self._taken:
            self._taken[name] += (now - self._last) / len(self._taken)
        self._last = now

    def begin(self, name: str) -> None:
        self._pass()
        self._taken[name] = 0.0

    def end(self, name: str) -> float:
        """Seconds that `name` took since it began."""
        self._pass()
        return self._taken.pop(name)


def digest_of(body: dict[str, Any]) -> str:
    """Name of a request: everything that decides what is generated."""
    kept = {name: value for name, value in body.items() if name not in _UNSEEN}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _app(tape: Tape) -> Starlette:
    import httpx
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
    from starlette.routing import Route

    headers = {"authorization": f"Bearer {tape.engine.api_key}"}
    # No connection is kept: between two replays nothing is asked for seconds, and a vLLM that is not ours
    # (WORKBOOK_ENGINE_URL) closes one that was idle for five, now and then just as the next call is sent.
    client = httpx.AsyncClient(
        base_url=tape.engine.base_url, headers=headers, timeout=600, trust_env=False,
        limits=httpx.Limits(max_keepalive_connections=0),
    )  # fmt: skip
    running: dict[str, asyncio.Task[tuple[int, Any]]] = {}
    shares = _Shares()

    async def generate(digest: str, body: dict[str, Any]) -> tuple[int, Any]:
        shares.begin(digest)
        try:
            plain = {name: value for name, value in body.items() if name not in _UNSEEN}
            try:
                said = await client.post("/chat/completions", json=plain)
            finally:
                took = shares.end(digest)
            content = said.json()
            if said.status_code == 200:
                tape.answers[digest], tape.seconds[digest] = content, took
            return said.status_code, content
        finally:
            running.pop(digest, None)

    async def chat(request: Request) -> Response:
        body = json.loads(await request.body())
        digest = digest_of(body)
        if digest not in tape.answers:
            if digest not in running:
                running[digest] = asyncio.create_task(generate(digest, body))
            try:
                status, content = await asyncio.shield(running[digest])
            except httpx.HTTPError as error:
                return error_response(503, "engine_unavailable", f"engine: {type(error).__name__}")
            if status != 200:
                return JSONResponse(content, status)
        tape.asked.append(digest)
        answer = tape.answers[digest]
        if not body.get("stream"):
            return JSONResponse(answer)
        return StreamingResponse(_events(answer), media_type="text/event-stream")

    async def models(request: Request) -> Response:
        said = await client.get("/models")
        return Response(said.content, said.status_code, media_type="application/json")

    async def health(request: Request) -> Response:
        return Response(status_code=200)

    async def metrics(request: Request) -> Response:
        rows = {"running": len(running), "waiting": 0}
        return PlainTextResponse("".join(f"vllm:num_requests_{name} {value}\n" for name, value in rows.items()))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> Any:
        yield
        await client.aclose()

    app = Starlette(
        routes=[
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/models", models),
            Route("/health", health),
            Route("/metrics", metrics),
        ],
        lifespan=lifespan,
    )
    answer_errors(app)
    return app


async def _events(answer: dict[str, Any]) -> Any:
    """A whole answer as a stream: one piece per choice, then its end, then the usage."""

    def event(choices: list[dict[str, Any]], **more: Any) -> bytes:
        head = {name: answer.get(name) for name in ("id", "created", "model")}
        chunk = {**head, "object": "chat.completion.chunk", "choices": choices, **more}
        return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"

    for choice in answer["choices"]:
        delta = {"role": "assistant", "content": choice["message"]["content"]}
        yield event([{"index": choice["index"], "delta": delta, "finish_reason": None}])
        yield event([{"index": choice["index"], "delta": {}, "finish_reason": choice["finish_reason"]}])
    yield event([], usage=answer["usage"])
    yield b"data: [DONE]\n\n"


@contextlib.contextmanager
def taped(engine: Engine) -> Iterator[Tape]:
    """Serves on a free loopback port until the block ends. Raises SavingsError if it does not come up."""
    import uvicorn

    tape = Tape(engine)
    with listening_socket("127.0.0.1", 0, error=SavingsError, mend="close another server") as listener:
        tape.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        config = uvicorn.Config(
            _app(tape), log_config=None, access_log=False, timeout_graceful_shutdown=2, timeout_keep_alive=KEEP_ALIVE_S
        )
        server = uvicorn.Server(config)
        with on_thread(server, lambda: server.run(sockets=[listener]), name="tape: its server", error=SavingsError):
            yield tape
