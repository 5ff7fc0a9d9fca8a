"""The wire format of the stub engine: reading requests, refusing them in OpenAI's error format, building events."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from reference.serving.http_errors import error_body

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_JSON = [(b"content-type", b"application/json")]


ERROR_EVENT = (
    b'data: {"error":{"message":"injected failure","type":"internal_error","param":null,"code":500}}\n\n'
    b"data: [DONE]\n\n"
)


class Refused(Exception):
    def __init__(self, status: int, message: str, kind: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.kind, self.param = status, kind, param

    def body(self) -> dict[str, Any]:
        """As vLLM words it: the code is the status."""
        return error_body(self.status, self.status, str(self), param=self.param, kind=self.kind)


class Chunks:
    """The bytes of a request's events, built once: sending a token costs no serialisation."""

    def __init__(self, request_id: str, model: str, chat: bool, words: Sequence[str]) -> None:
        self._chat, self._words = chat, words
        kind = "chat.completion" if chat else "text_completion"
        self._head = {"id": request_id, "object": kind, "created": int(time.time()), "model": model}
        self.first, self.middle = self._event(words[0], True), self._event(words[1], False)

    def _event(self, text: str, first: bool, finish: str | None = None) -> bytes:
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
        if self._chat:
            choice["delta"] = {"role": "assistant", "content": text} if first else {"content": text}
        else:
            choice["text"] = text
        return self._sse({"choices": [choice]})

    def _sse(self, extra: dict[str, Any]) -> bytes:
        head = self._head | ({"object": "chat.completion.chunk"} if self._chat else {})
        return b"data: " + json.dumps(head | extra, separators=(",", ":")).encode() + b"\n\n"

    def last(self, first: bool) -> bytes:
        return self._event(self._words[0 if first else 1], first, "length")

    def usage(self, usage: dict[str, int]) -> bytes:
        return self._sse({"choices": [], "usage": usage})

    def whole(self, text: str, usage: dict[str, int]) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": 0, "finish_reason": "length"}
        choice |= {"message": {"role": "assistant", "content": text}} if self._chat else {"text": text}
        return self._head | {"choices": [choice], "usage": usage}


def check_request(body: Any, chat: bool, model: str) -> tuple[int, int, int]:
    """(tokens to send, prompt tokens, crc of the prompt) of a request, or a refusal that names the field.

    Prompt tokens are the length of a token-id prompt; for text they are white-space separated words, since the stub has
    no tokenizer. The crc goes into the answer, so that a test can tell whose answer it got."""
    if not isinstance(body, dict):
        raise Refused(400, "the body must be a JSON object", "invalid_request_error")
    if body.get("model") != model:
        raise Refused(404, f"The model `{body.get('model')}` does not exist.", "not_found_error", "model")
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    count = 16 if limit is None else limit
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise Refused(400, f"max_tokens must be at least 1, got {count!r}", "invalid_request_error", "max_tokens")
    name = "messages" if chat else "prompt"
    prompt = body.get(name)
    if not prompt or not isinstance(prompt, list if chat else (list, str)):
        raise Refused(400, f"{name} is missing or empty", "invalid_request_error", name)
    crc = zlib.crc32(json.dumps(prompt).encode())
    if chat:
        text = " ".join(_text_of(message.get("content")) for message in prompt if isinstance(message, dict))
        return count, len(text.split()), crc
    return count, len(prompt.split()) if isinstance(prompt, str) else len(prompt), crc


def _text_of(content: Any) -> str:
    """The text of a message: plain, or the text parts of OpenAI's list form."""
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content)


async def read_json(receive: Receive) -> Any:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("client left while sending the body")
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    try:
        return json.loads(b"".join(parts))
    except ValueError as error:
        raise Refused(400, f"the body is not valid JSON: {error}", "invalid_request_error") from error


async def answer(send: Send, status: int, content: Any) -> None:
    text = isinstance(content, str)
    data = content.encode() if text else json.dumps(content).encode()
    headers = [(b"content-type", b"text/plain; version=0.0.4")] if text else list(_JSON)
    headers.append((b"content-length", str(len(data)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})
