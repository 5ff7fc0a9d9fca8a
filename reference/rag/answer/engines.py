"""The language models that may answer: the shared engine, and a larger one where the user has it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reference.rag.types import RagError

if TYPE_CHECKING:
    from reference.serving.engine import Engine

WRITES_FROM_BILLIONS = 1.0  # smaller models choose sentences, they do not write them
_SIZE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)\s*([mb])(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class AnswerEngine:
    """An OpenAI-compatible model.

    Attributes:
        client: of the `openai` package, synchronous.
        writes: True: it writes sentences, which are checked; False: it may only choose sentences of the passages.
        timeout_s: of one answer.
    """

    client: Any = field(repr=False)
    model: str
    writes: bool
    timeout_s: float = 60.0
    max_tokens: int = 300


def billions_of(model: str) -> float | None:
    """Parameters in billions as a model's name says (`SmolLM2-135M`, `Llama-3.1-8B`); None if it does not."""
    found = _SIZE.findall(model.rsplit("/", 1)[-1].replace("_", "-"))
    sizes = [float(number) / (1000 if unit.lower() == "m" else 1) for number, unit in found]
    return max(sizes, default=None)


def answer_engine(engine: Engine, writes: bool | None = None, **options: Any) -> AnswerEngine:
    """The shared engine as an answering one. `writes` None: as its name tells its size (unknown: it chooses)."""
    size = billions_of(engine.model)
    free = size is not None and size >= WRITES_FROM_BILLIONS if writes is None else writes
    return AnswerEngine(engine.client(), engine.model, free, **options)


def large_engine_from_environment() -> AnswerEngine | None:
    """The engine of WORKBOOK_LARGE_ENGINE_URL with WORKBOOK_LARGE_ENGINE_MODEL (and _KEY); None if there is none.

    Raises:
        RagError: the URL is malformed, or no model is named.
    """
    url = os.environ.get("WORKBOOK_LARGE_ENGINE_URL", "").strip()
    if not url:
        return None
    if not re.match(r"https?://[^/]", url):
        raise RagError(f"WORKBOOK_LARGE_ENGINE_URL={url} must begin with http:// or https://")
    model = os.environ.get("WORKBOOK_LARGE_ENGINE_MODEL", "").strip()
    if not model:
        raise RagError("WORKBOOK_LARGE_ENGINE_URL is set, WORKBOOK_LARGE_ENGINE_MODEL is not: name the model it serves")
    import openai

    base = url.rstrip("/") if url.rstrip("/").endswith("/v1") else url.rstrip("/") + "/v1"
    key = os.environ.get("WORKBOOK_LARGE_ENGINE_KEY", "none")
    return AnswerEngine(openai.OpenAI(base_url=base, api_key=key, max_retries=0), model, writes=True)
