"""The chat-completion request: what is accepted, what is refused and with which words."""

from __future__ import annotations

import math
import unicodedata
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from reference.serving.gateway.errors import GatewayError, bad_request
from reference.serving.gateway.settings import Settings

Role = Literal["system", "developer", "user", "assistant", "tool"]

# Known OpenAI parameters that this gateway does not serve, and why. A silent drop would be worse than a refusal.
_REFUSED = {
    "tools": "tool calls would pass the output guard unread",
    "tool_choice": "tool calls would pass the output guard unread",
    "functions": "tool calls would pass the output guard unread",
    "function_call": "tool calls would pass the output guard unread",
    "audio": "the model produces text only",
    "modalities": "the model produces text only",
    "prediction": "the engine has no predicted outputs",
    "web_search_options": "the gateway does not search the web",
    "chat_template": "the prompt format belongs to the server",
    "priority": "priorities are given by the operator, not the caller",
}
# Parameters that change which text the engine produces; all of them are part of the cache key.
SAMPLING = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "n",
    "seed",
    "stop",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "response_format",
    "structured_outputs",
    "ignore_eos",
    "min_tokens",
)


class Message(BaseModel):
    """One message; `content` is a string or a list of text parts, kept as one NFC string."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: Role
    content: str
    name: str | None = Field(None, max_length=64)

    @field_validator("content", mode="before")
    @classmethod
    def _text(cls, content: Any) -> str:
        if isinstance(content, list):
            parts = []
            for part in content:
                if not (isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)):
                    raise ValueError("must be a string or a list of text parts; other parts are not served")
                parts.append(part["text"])
            content = "\n".join(parts)
        if not isinstance(content, str):
            raise ValueError("must be a string or a list of text parts")
        if any("\ud800" <= char <= "\udfff" for char in content) or "\x00" in content:
            raise ValueError("must be valid Unicode without NUL or lone surrogates")
        # One form for the prompt, the guard and the cache key, so that no two of them see different texts.
        return unicodedata.normalize("NFC", content.replace("\r\n", "\n"))


class StreamOptions(BaseModel):
    """`stream_options`."""

    model_config = ConfigDict(extra="forbid", strict=True)
    include_usage: bool = False
    include_obfuscation: bool = False
    continuous_usage_stats: Literal[False] = False


class ChatRequest(BaseModel):
    """Body of POST /v1/chat/completions. Unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    model: str = Field(min_length=1, max_length=256)
    messages: list[Message] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1, le=10_000_000)
    max_completion_tokens: int | None = Field(None, ge=1, le=10_000_000)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=-1)
    min_p: float | None = Field(None, ge=0, le=1)
    n: int | None = Field(None, ge=1)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    stop: str | list[str] | None = None
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    repetition_penalty: float | None = Field(None, gt=0, le=10)
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    response_format: dict[str, Any] | None = None
    structured_outputs: dict[str, Any] | None = None
    ignore_eos: bool | None = None
    min_tokens: int | None = Field(None, ge=0)
    # Accepted because common clients send them; they change nothing here.
    metadata: dict[str, str] | None = Field(None, max_length=16)
    user: str | None = Field(None, max_length=512)
    store: Literal[False] | None = None
    service_tier: Literal["auto", "default"] | None = None
    parallel_tool_calls: bool | None = None

    @field_validator("stop")
    @classmethod
    def _stop(cls, stop: str | list[str] | None) -> list[str] | None:
        sequences = [stop] if isinstance(stop, str) else stop
        if sequences is not None and (len(sequences) > 4 or any(not s or len(s) > 256 for s in sequences)):
            raise ValueError("must be at most 4 non-empty strings of at most 256 characters")
        return sequences

    @property
    def choices(self) -> int:
        """Number of answers asked for."""
        return self.n or 1

    @property
    def answer_tokens(self) -> int | None:
        """Limit of one answer's length, if the request sets one."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def deterministic(self) -> bool:
        """True if a repetition may be answered from a cache: greedy decoding, or a seed that asks for repeatability."""
        return self.temperature == 0 or self.seed is not None

    def sampling(self) -> dict[str, Any]:
        """The sampling parameters that the request sets, for the engine and for the cache key."""
        return {name: value for name in SAMPLING if (value := getattr(self, name)) is not None}

    def chat(self) -> list[dict[str, str]]:
        """Messages as plain dictionaries; `developer` is the newer name of `system`."""
        return [{"role": "system" if m.role == "developer" else m.role, "content": m.content} for m in self.messages]


def parse(body: bytes, settings: Settings) -> ChatRequest:
    """The request in `body`.

    Raises:
        GatewayError: 400 with the field at fault in `param`.
    """
    if not body.strip():
        raise bad_request("empty_body", "The body is empty. Send a JSON object with 'model' and 'messages'.")
    try:
        request = ChatRequest.model_validate_json(body)
    except ValidationError as error:
        raise _explain(error) from None
    if len(request.messages) > settings.max_messages:
        raise bad_request(
            "array_above_max_length",
            f"'messages' has {len(request.messages)} entries; at most {settings.max_messages} are allowed.",
            "messages",
        )
    for index, message in enumerate(request.messages):
        if len(message.content) > settings.max_message_chars:
            raise bad_request(
                "string_above_max_length",
                f"'messages[{index}].content' has {len(message.content)} characters; at most "
                f"{settings.max_message_chars} are allowed.",
                f"messages[{index}].content",
            )
        if message.role == "tool":
            raise bad_request(
                "unsupported_parameter",
                f"'messages[{index}].role' is 'tool': tool calls are not served by this gateway.",
                f"messages[{index}].role",
            )
    if not any(message.role == "user" for message in request.messages):
        raise bad_request("invalid_value", "'messages' needs at least one message with role 'user'.", "messages")
    if request.choices > settings.max_choices:
        raise bad_request("invalid_value", f"'n' is {request.n}; at most {settings.max_choices} are served.", "n")
    both = request.max_tokens, request.max_completion_tokens
    if None not in both and both[0] != both[1]:
        raise bad_request("invalid_value", "'max_tokens' and 'max_completion_tokens' differ; send one.", "max_tokens")
    if request.top_logprobs is not None and not request.logprobs:
        raise bad_request("invalid_value", "'top_logprobs' needs 'logprobs': true.", "top_logprobs")
    if request.logprobs and settings.guardrails:
        raise bad_request(
            "unsupported_parameter",
            "'logprobs' is not served while output guardrails are on: it would reveal text that they remove.",
            "logprobs",
        )
    if request.logit_bias and not all(key.isdigit() and math.fabs(v) <= 100 for key, v in request.logit_bias.items()):
        raise bad_request("invalid_value", "'logit_bias' maps token ids to numbers from -100 to 100.", "logit_bias")
    return request


def _explain(error: ValidationError) -> GatewayError:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        # The parser's message quotes nothing of the body but names the place.
        return bad_request("invalid_json", f"The body is not valid JSON: {first['msg'].split(': ', 1)[-1]}.")
    if not first["loc"]:
        return bad_request("invalid_json", "The body must be a JSON object.")
    param = _path(first["loc"])
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        if len(first["loc"]) == 1 and name in _REFUSED:
            return bad_request("unsupported_parameter", f"'{name}' is not served here: {_REFUSED[name]}.", name)
        return bad_request("unknown_parameter", f"'{param[:100]}' is not a parameter of this gateway.", param[:100])
    code = "missing_required_parameter" if first["type"] == "missing" else "invalid_value"
    return bad_request(code, f"'{param}': {first['msg']}.", param)


def _path(loc: tuple[int | str, ...]) -> str:
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in {"str", "list[str]"}:  # pydantic's names of the union members of `stop`
            path += f".{part}" if path else str(part)
    return path
