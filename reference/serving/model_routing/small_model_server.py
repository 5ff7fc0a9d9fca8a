"""The small model behind OpenAI's chat API, on loopback: what the gateway's second tier talks to.

    with small_model_server(model, embed) as server:
        server.client().chat.completions.create(model=server.model, messages=[...])

It reads the last message of the user and answers with one label. Sampling parameters and token limits change nothing.
`logprobs` returns the calibrated probabilities. As a process:
`python -m reference.serving.model_routing.small_model_server MODEL.json --embedder module:function`, where the function
returns something with `embed(texts)` and `name`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hmac
import importlib
import json
import math
import secrets
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reference.serving.model_routing.sealed import RoutingError
from reference.serving.model_routing.small_model import Embed, SmallModel, load

if TYPE_CHECKING:
    import openai
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

MOST_BYTES = 1 << 20
MOST_CHOICES = 8
_START_TIMEOUT_S = 20.0


class _Refused(Exception):
    def __init__(self, status: int, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        kind = {401: "authentication_error", 500: "server_error"}.get(status, "invalid_request_error")
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


@dataclass(frozen=True)
class _Asked:
    text: str
    words: int
    stream: bool
    with_usage: bool
    choices: int
    logprobs: bool


def last_user_text(messages: Any) -> tuple[str, int]:
    """(text of the last user message, words in all messages). Raises ValueError that names the field."""
    if not isinstance(messages, list) or not messages:
        raise ValueError("messages must be a list that is not empty")
    last, words = "", 0
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise ValueError(f"messages[{number}] must be an object with a role")
        content = message.get("content")
        if isinstance(content, list):
            parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
            content = "\n".join(part for part in parts if isinstance(part, str))
        if content is not None and not isinstance(content, str):
            raise ValueError(f"messages[{number}].content must be text or a list of parts")
        words += len((content or "").split())
        if message["role"] == "user":
            last = content or ""
    if not last.strip():
        raise ValueError("messages: the last one of the user holds no text")
    return last, words


def _read(raw: bytes, model: str) -> _Asked:
    try:
        body = json.loads(raw)
    except ValueError:
        raise _Refused(400, "invalid_json", "The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise _Refused(400, "invalid_json", "The body must be a JSON object.")
    if body.get("model") != model:
        raise _Refused(404, "model_not_found", f"The model does not exist here; served: {model!r}.", "model")
    try:
        text, words = last_user_text(body.get("messages"))
    except ValueError as error:
        raise _Refused(400, "invalid_messages", f"{error}.", "messages") from None
    choices = 1 if body.get("n") is None else body["n"]
    if not isinstance(choices, int) or isinstance(choices, bool) or not 1 <= choices <= MOST_CHOICES:
        raise _Refused(400, "invalid_value", f"n must be from 1 to {MOST_CHOICES}.", "n")
    options = body.get("stream_options") or {}
    if not isinstance(options, dict):
        raise _Refused(400, "invalid_value", "stream_options must be an object.", "stream_options")
    wants = bool(options.get("include_usage"))
    return _Asked(text, words, bool(body.get("stream")), wants, choices, bool(body.get("logprobs")))


class _Service:
    """Answers of one model. Vectors are computed on one thread: the embedder uses the processor's cores by itself."""

    def __init__(
        self, model: SmallModel, embed: Embed, name: str, api_key: str, count: Callable[[str], int] | None
    ) -> None:
        self.model, self.embed, self.name, self.api_key, self.count = model, embed, name, api_key, count
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="small-model")
        self.running = self.waiting = self.answered = 0

    def _probabilities(self, text: str) -> list[float]:
        self.waiting -= 1
        self.running += 1
        try:
            return [float(p) for p in self.model.predict_proba(self.embed([text]))[0]]
        finally:
            self.running -= 1

    async def answer(self, asked: _Asked) -> tuple[str, dict[str, Any] | None, dict[str, int]]:
        """(label, logprobs where asked for, usage)."""
        self.waiting += 1
        try:
            found = await asyncio.get_running_loop().run_in_executor(self.pool, self._probabilities, asked.text)
        except Exception as error:
            raise _Refused(500, "small_model_failed", f"The small model failed ({type(error).__name__}).") from error
        ranked = sorted(zip(found, self.model.labels, strict=True), reverse=True)
        logs = [{"token": label, "logprob": math.log(max(p, 1e-12)), "bytes": None} for p, label in ranked]
        told = {"content": [{**logs[0], "top_logprobs": logs}]} if asked.logprobs else None
        prompt = self.count(asked.text) if self.count else asked.words
        self.answered += 1
        usage = {"prompt_tokens": prompt, "completion_tokens": asked.choices, "total_tokens": prompt + asked.choices}
        return ranked[0][1], told, usage

    def metrics(self) -> str:
        # vLLM's own names, so that whatever polls an engine's queue can poll this one.
        rows = {
            "vllm:num_requests_running": ("gauge", self.running),
            "vllm:num_requests_waiting": ("gauge", max(0, self.waiting)),
            "small_model:answers_total": ("counter", self.answered),
        }
        label = f'{{model_name="{self.name}"}}'
        return "".join(f"# TYPE {name} {kind}\n{name}{label} {value}\n" for name, (kind, value) in rows.items())


def create_app(
    model: SmallModel, embed: Embed, name: str, api_key: str = "", count: Callable[[str], int] | None = None
) -> Starlette:
    """The application. `name`: the model's name in requests; `count`: tokens of a text for `usage` (default: words)."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
    from starlette.routing import Route

    service = _Service(model, embed, name, api_key, count)

    def check_key(request: Request) -> None:
        given = request.headers.get("authorization", "")
        if service.api_key and not hmac.compare_digest(given.encode(), f"Bearer {service.api_key}".encode()):
            raise _Refused(401, "invalid_api_key", "Incorrect API key provided.")

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, _Refused)
        return JSONResponse(error.body, error.status)

    async def unknown(request: Request, error: Exception) -> Response:
        body = _Refused(404, "unknown_url", f"There is no {request.method} {request.url.path[:100]} here.").body
        return JSONResponse(body, 404)

    async def health(request: Request) -> Response:
        return Response(status_code=200)

    async def metrics(request: Request) -> Response:
        return PlainTextResponse(service.metrics())

    async def models(request: Request) -> Response:
        check_key(request)
        card = {"id": name, "object": "model", "created": 0, "owned_by": "self-hosted", "version": model.version}
        return JSONResponse({"object": "list", "data": [card]})

    async def completions(request: Request) -> Response:
        check_key(request)
        raw = b""
        async for part in request.stream():
            raw += part
            if len(raw) > MOST_BYTES:
                raise _Refused(413, "request_too_large", f"The body may have {MOST_BYTES} bytes.")
        asked = _read(raw, name)
        label, logprobs, usage = await service.answer(asked)
        head = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": name}
        if asked.stream:
            return StreamingResponse(_events(head, asked, label, logprobs, usage), media_type="text/event-stream")
        choices = [
            {
                "index": k,
                "message": {"role": "assistant", "content": label},
                "logprobs": logprobs,
                "finish_reason": "stop",
            }
            for k in range(asked.choices)
        ]
        return JSONResponse({**head, "object": "chat.completion", "choices": choices, "usage": usage})

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/metrics", metrics),
            Route("/v1/models", models),
            Route("/v1/chat/completions", completions, methods=["POST"]),
        ],
        exception_handlers={_Refused: refused, 404: unknown, 405: unknown},
    )


async def _events(
    head: dict[str, Any], asked: _Asked, label: str, logprobs: dict[str, Any] | None, usage: dict[str, int]
) -> AsyncIterator[bytes]:
    def event(choices: list[dict[str, Any]], **more: Any) -> bytes:
        chunk = {**head, "object": "chat.completion.chunk", "choices": choices, **more}
        return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"

    for k in range(asked.choices):
        delta = {"role": "assistant", "content": label}
        yield event([{"index": k, "delta": delta, "logprobs": logprobs, "finish_reason": None}])
        yield event([{"index": k, "delta": {}, "logprobs": None, "finish_reason": "stop"}])
    if asked.with_usage:
        yield event([], usage=usage)
    yield b"data: [DONE]\n\n"


@dataclass(frozen=True)
class RunningSmallModel:
    """A small model's server on a thread of this process; attributes as those of an engine."""

    base_url: str
    model: str
    api_key: str = field(repr=False)

    def client(self, **options: Any) -> openai.OpenAI:
        """A client of the `openai` package, without retries unless asked for."""
        import openai

        return openai.OpenAI(**{"base_url": self.base_url, "api_key": self.api_key, "max_retries": 0, **options})


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise RoutingError(f"port {port}: {error.strerror}; give another one, or 0 for a free one") from None
    listener.listen(1024)
    return listener


@contextlib.contextmanager
def small_model_server(
    model: SmallModel,
    embed: Embed,
    name: str = "small-intents",
    count: Callable[[str], int] | None = None,
    port: int = 0,
) -> Iterator[RunningSmallModel]:
    """Serves until the block ends, on a free loopback port (or `port`). Raises RoutingError if it does not come up."""
    import uvicorn

    key, listener = secrets.token_urlsafe(16), _listen(port)
    app = create_app(model, embed, name, key, count)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2))
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]), name="small-model-server", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise RoutingError("the small model's server did not start; see the log above")
            time.sleep(0.01)
        yield RunningSmallModel(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", name, key)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


def _embedder(named: str) -> Any:
    module, _, function = named.partition(":")
    try:
        return getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError, ValueError) as error:
        raise RoutingError(f"--embedder {named}: {error}; give module:function") from error


def main(argv: Sequence[str] | None = None) -> int:
    """Serves in the foreground until Ctrl-C. Returns the exit status."""
    import os

    import uvicorn

    parser = argparse.ArgumentParser(prog="python -m reference.serving.model_routing.small_model_server")
    parser.add_argument("model", type=Path, help="file that SmallModel.save wrote")
    parser.add_argument("--embedder", required=True, help="module:function that returns the embedder")
    parser.add_argument("--name", default="small-intents", help="the model's name in requests")
    parser.add_argument("--port", type=int, default=8090)
    options = parser.parse_args(argv)
    try:
        embedder = _embedder(options.embedder)
        model = load(options.model, embedder.name)
        listener = _listen(options.port)
    except RoutingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    app = create_app(model, embedder.embed, options.name, os.environ.get("SMALL_MODEL_API_KEY", ""))
    print(
        f"{options.name} ({model.version}): http://127.0.0.1:{listener.getsockname()[1]}/v1",
        file=sys.stderr,
        flush=True,
    )
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
