"""What a shared system prompt gains from the engine's KV-prefix cache: first token, whole answer, tokens found."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference.serving.engine import Engine

# Plain words of one token each or so; a prompt drawn from them is nobody else's prefix.
_WORDS = (
    "order",
    "parcel",
    "refund",
    "invoice",
    "account",
    "address",
    "delivery",
    "return",
    "price",
    "payment",
    "code",
)


@dataclass(frozen=True)
class Timed:
    """One streamed answer: seconds to the first token and to the last, tokens in, tokens found in the cache."""

    ttft_s: float
    e2e_s: float
    prompt_tokens: int
    cached_tokens: int


@dataclass(frozen=True)
class PrefixCacheResult:
    """Requests that share a system prompt: `cold` the first of each trial, `warm` those after it."""

    output_tokens: int
    cold: tuple[Timed, ...]
    warm: tuple[Timed, ...]
    hit_tokens: float  # what the engine's own counter rose by over the run
    queried_tokens: float

    @property
    def prompt_tokens(self) -> float:
        return median(t.prompt_tokens for t in self.warm)

    @property
    def cached_tokens(self) -> float:
        """Prompt tokens of a warm request that were not computed again; whole blocks only."""
        return median(t.cached_tokens for t in self.warm)

    @property
    def ttft_ratio(self) -> float:
        """Median first-token time without the cache over that with it."""
        return median(t.ttft_s for t in self.cold) / median(t.ttft_s for t in self.warm)

    @property
    def e2e_ratio(self) -> float:
        """The same for whole answers, which is what a user waits for and an engine is busy with."""
        return median(t.e2e_s for t in self.cold) / median(t.e2e_s for t in self.warm)

    def spread(self) -> str:
        low, high = min(t.ttft_s for t in self.cold), max(t.ttft_s for t in self.cold)
        warm_low, warm_high = min(t.ttft_s for t in self.warm), max(t.ttft_s for t in self.warm)
        return f"cold {low * 1000:.0f}-{high * 1000:.0f} ms, warm {warm_low * 1000:.0f}-{warm_high * 1000:.0f} ms"


def random_text(words: int, seed: int) -> str:
    draw = random.Random(seed)
    return " ".join(draw.choice(_WORDS) for _ in range(words))


def timed_chat(client: Any, model: str, messages: Sequence[dict[str, str]], max_tokens: int) -> Timed:
    """Stream one answer of exactly `max_tokens` tokens (end-of-text ignored) and time it from the client's side."""
    begin, first = time.perf_counter(), 0.0
    usage: Any = None
    stream = client.chat.completions.create(
        model=model, messages=list(messages), max_tokens=max_tokens, temperature=0, stream=True,
        stream_options={"include_usage": True}, extra_body={"ignore_eos": True},
    )  # fmt: skip
    for chunk in stream:
        if not first and chunk.choices and chunk.choices[0].delta.content:
            first = time.perf_counter()
        usage = chunk.usage or usage
    end = time.perf_counter()
    details = usage.prompt_tokens_details if usage else None
    cached = (details.cached_tokens or 0) if details else 0
    return Timed((first or end) - begin, end - begin, usage.prompt_tokens if usage else 0, cached)


def measure_prefix_cache(engine: Engine, shared_words: int = 600, output_tokens: int = 32, trials: int = 3,
                         warm_requests: int = 3, seed: int | None = None) -> PrefixCacheResult:  # fmt: skip
    """Send requests under a system prompt that the engine has never seen, then under the same one again.

    shared_words: length of the system prompt (a little over one token each). Every trial draws a new prompt, so its
    first request finds nothing cached; user questions differ, so only the shared part can be found.
    """
    base = time.time_ns() if seed is None else seed
    client = engine.client()
    timed_chat(client, engine.model, [{"role": "user", "content": random_text(20, base)}], 2)  # connection, first step
    before = engine.metrics()
    cold: list[Timed] = []
    warm: list[Timed] = []
    for trial in range(trials):
        system = {"role": "system", "content": random_text(shared_words, base + 1000 * (trial + 1))}
        for number in range(warm_requests + 1):
            question = {"role": "user", "content": random_text(12, base + 1000 * (trial + 1) + number + 1)}
            (warm if number else cold).append(timed_chat(client, engine.model, [system, question], output_tokens))
    after = engine.metrics()

    def rise(name: str) -> float:
        return after.get(name, 0.0) - before.get(name, 0.0)

    return PrefixCacheResult(output_tokens, tuple(cold), tuple(warm),
                             rise("vllm:prefix_cache_hits_total"), rise("vllm:prefix_cache_queries_total"))  # fmt: skip
