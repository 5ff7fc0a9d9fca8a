"""The small model's application: OpenAI's chat completions and models, health, and vLLM's gauges of its queue."""

from __future__ import annotations

import asyncio
import hmac
import json
import math
import secrets
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from reference.serving.http_errors import answer_errors
from reference.serving.model_routing.small_model import Embed, SmallModel
from reference.serving.model_routing.small_model_requests import Asked, Refused, read_request

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

MOST_BYTES = 1 << 20


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

    async def answer(self, asked: Asked) -> tuple[str, dict[str, Any] | None, dict[str, int]]:
        """(label, logprobs where asked for, usage)."""
        self.waiting += 1
        try:
            found = await asyncio.get_running_loop().run_in_executor(self.pool, self._probabilities, asked.text)
        except Exception as error:
            raise Refused(500, "small_model_failed", f"The small model failed ({type(error).__name__}).") from error
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
            raise Refused(401, "invalid_api_key", "Incorrect API key provided.")

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return JSONResponse(error.body, error.status)

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
                raise Refused(413, "request_too_large", f"The body may have {MOST_BYTES} bytes.")
        asked = read_request(raw, name)
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

    app = Starlette(
        routes=[
            Route("/health", health),
            Route("/metrics", metrics),
            Route("/v1/models", models),
            Route("/v1/chat/completions", completions, methods=["POST"]),
        ],
        exception_handlers={Refused: refused},
    )
    answer_errors(app, "This server has /v1/chat/completions and /v1/models.")
    return app


async def _events(
    head: dict[str, Any], asked: Asked, label: str, logprobs: dict[str, Any] | None, usage: dict[str, int]
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
