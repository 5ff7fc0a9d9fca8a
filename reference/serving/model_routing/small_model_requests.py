"""What may be asked of the small model: a chat request of OpenAI's, checked field by field."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from reference.serving.http_errors import error_body

MOST_CHOICES = 8


class Refused(Exception):
    """A request that gets an error of OpenAI's shape: `status` and `body`."""

    def __init__(self, status: int, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(status, code, message, param=param)


@dataclass(frozen=True)
class Asked:
    """What a request asks for. `words`: in all its messages; `with_usage`: a last chunk with the tokens used."""

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


def read_request(raw: bytes, model: str) -> Asked:
    """The body of a request to the model named `model`. Raises Refused."""
    try:
        body = json.loads(raw)
    except ValueError:
        raise Refused(400, "invalid_json", "The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise Refused(400, "invalid_json", "The body must be a JSON object.")
    if body.get("model") != model:
        raise Refused(404, "model_not_found", f"The model does not exist here; served: {model!r}.", "model")
    try:
        text, words = last_user_text(body.get("messages"))
    except ValueError as error:
        raise Refused(400, "invalid_messages", f"{error}.", "messages") from None
    choices = 1 if body.get("n") is None else body["n"]
    if not isinstance(choices, int) or isinstance(choices, bool) or not 1 <= choices <= MOST_CHOICES:
        raise Refused(400, "invalid_value", f"n must be from 1 to {MOST_CHOICES}.", "n")
    options = body.get("stream_options") or {}
    if not isinstance(options, dict):
        raise Refused(400, "invalid_value", "stream_options must be an object.", "stream_options")
    wants = bool(options.get("include_usage"))
    return Asked(text, words, bool(body.get("stream")), wants, choices, bool(body.get("logprobs")))
