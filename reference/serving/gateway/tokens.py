"""Counting the tokens of a chat prompt exactly as the engine will: its chat template, its tokenizer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

Messages = Sequence[dict[str, str]]


class TokenCounter(Protocol):
    """Counts tokens for budgets and limits. `exact` says whether the counts equal the engine's."""

    exact: bool

    def count_prompt(self, messages: Messages) -> int:
        """Tokens of the rendered prompt, the opening of the assistant's turn included."""
        ...

    def count_text(self, text: str) -> int:
        """Tokens of plain text, without special tokens."""
        ...

    def truncate(self, text: str, limit: int) -> str:
        """The longest beginning of `text` with at most `limit` tokens."""
        ...

    def neutralise(self, text: str) -> tuple[str, int]:
        """`text` with control tokens of the prompt format made harmless, and how many there were."""
        ...


class TemplateError(ValueError):
    """The chat template refuses these messages, e.g. because roles do not alternate."""


class ModelTokenCounter:
    """Counts with `tokenizer.json` and the chat template of a model folder; needs neither torch nor transformers.

    Args:
        model_dir: folder with `tokenizer.json` and either `chat_template.jinja` or `tokenizer_config.json`.
    """

    exact = True

    def __init__(self, model_dir: Path) -> None:
        from tokenizers import Tokenizer

        path = Path(model_dir) / "tokenizer.json"
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; set GATEWAY_MODEL_DIR to the folder of the served model")
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        config_path = Path(model_dir) / "tokenizer_config.json"
        config: dict[str, Any] = json.loads(config_path.read_text("utf-8")) if config_path.is_file() else {}
        self._specials = {
            name: value["content"] if isinstance(value, dict) else value
            for name, value in config.items()
            if name.endswith("_token") and isinstance(value, str | dict)
        }
        self._template = _compile(_template_source(Path(model_dir), config))
        added = self._tokenizer.get_added_tokens_decoder().values()
        self._control = sorted((token.content for token in added if token.special), key=len, reverse=True)

    def render(self, messages: Messages) -> str:
        """The prompt as text. Raises `TemplateError` if the template refuses the messages."""
        import jinja2

        try:
            return self._template.render(messages=list(messages), add_generation_prompt=True, **self._specials)
        except jinja2.TemplateError as error:
            raise TemplateError(str(error)) from None

    def count_prompt(self, messages: Messages) -> int:
        """Tokens of the rendered prompt."""
        return len(self._tokenizer.encode(self.render(messages), add_special_tokens=False))

    def count_text(self, text: str) -> int:
        """Tokens of plain text."""
        return len(self._tokenizer.encode(text, add_special_tokens=False))

    def truncate(self, text: str, limit: int) -> str:
        """The longest beginning of `text`, cut between the tokenizer's own offsets, with at most `limit` tokens."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        keep = min(limit, len(encoding))
        while keep > 0:
            cut = text if keep == len(encoding) else text[: encoding.offsets[keep - 1][1]]
            if self.count_text(cut) <= limit:  # a cut inside a merge can re-tokenize to more
                return cut
            keep -= 1
        return ""

    def neutralise(self, text: str) -> tuple[str, int]:
        """Puts a space into each control token, such as `<|im_end|>`, that user text spells out.

        The tokenizer would read it as the real token, and the user could close their own turn and write a system one.
        Inserting (not deleting) cannot assemble a new token from the pieces around it.
        """
        found = 0
        for token in self._control:
            if token in text:
                found += text.count(token)
                text = text.replace(token, f"{token[0]} {token[1:]}")
        return text, found


class ByteTokenCounter:
    """An upper bound for a model whose tokenizer is not here: a byte-level tokenizer makes at most a token per byte.

    Args:
        per_message: tokens allowed for what the chat template writes around each message.
    """

    exact = False

    def __init__(self, per_message: int = 16) -> None:
        self._per_message = per_message

    def count_prompt(self, messages: Messages) -> int:
        """Bytes of all messages plus a margin for the template."""
        return sum(self.count_text(m["content"]) + self._per_message for m in messages) + 2 * self._per_message

    def count_text(self, text: str) -> int:
        """Bytes in UTF-8."""
        return len(text.encode())

    def truncate(self, text: str, limit: int) -> str:
        """The longest beginning of at most `limit` bytes."""
        return text.encode()[: max(0, limit)].decode(errors="ignore")

    def neutralise(self, text: str) -> tuple[str, int]:
        """Breaks `<|` and `[INST]`, the openings of the usual control tokens."""
        found = text.count("<|") + text.count("[INST]") + text.count("[/INST]")
        return text.replace("<|", "< |").replace("[INST]", "[ INST]").replace("[/INST]", "[ /INST]"), found


def model_digest(model_dir: Path) -> str:
    """A version of the model in a folder: its configuration, its tokenizer, and names and sizes of its weights.

    Weights enter by name, size and modification time: hashing gigabytes at each start would cost more than it tells.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(model_dir).iterdir()):
        if path.suffix in {".json", ".jinja"} and path.stat().st_size < 50_000_000:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        elif path.suffix in {".safetensors", ".bin", ".gguf"}:
            stat = path.stat()
            digest.update(f"{path.name}\0{stat.st_size}\0{stat.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]


def _template_source(model_dir: Path, config: dict[str, Any]) -> str:
    file = model_dir / "chat_template.jinja"
    if file.is_file():
        return file.read_text("utf-8")
    template = config.get("chat_template")
    if isinstance(template, list):  # several named templates: the default one is for chat
        template = {entry["name"]: entry["template"] for entry in template}.get("default")
    if not isinstance(template, str):
        raise FileNotFoundError(f"{model_dir} has no chat template (chat_template.jinja or tokenizer_config.json)")
    return template


def _compile(source: str) -> Any:
    """Compiles a chat template with the environment that model templates are written for."""
    from jinja2.exceptions import TemplateError as JinjaError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def raise_exception(message: str) -> None:
        raise JinjaError(message)

    def tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda pattern: datetime.now().strftime(pattern)
    return environment.from_string(source)
