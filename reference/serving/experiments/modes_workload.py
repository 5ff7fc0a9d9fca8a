"""The requests that question 7's modes are compared with, and the most that the engine gives to them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reference.serving.experiments.modes_clients import Ask

if TYPE_CHECKING:
    from reference.serving.experiments.modes_service import Serves

_FEWEST = 8
_TOPICS = (
    "a parcel that is late", "an invoice with a wrong address", "a password that was forgotten", "a broken screen",
    "a refund that did not come", "opening hours on a holiday", "a subscription to end", "a charger that gets hot",
)  # fmt: skip


@dataclass(frozen=True)
class Roof:
    """The most that this engine gives to requests of this shape, asked directly, `at_once` of them at a time.

    Tokens are those of answers. `one_s`: median seconds of a request that is alone.
    """

    tokens_per_s: float
    at_once: int
    n: int
    one_s: float
    answer_tokens: int

    @property
    def requests_per_s(self) -> float:
        return self.tokens_per_s / self.answer_tokens


def workload(rate: float, seconds: float, *, model: str, tokens: int, seed: int, sentences: int = 2) -> tuple[Ask, ...]:
    """Requests with Poisson arrivals of `rate` per second, as many as fit into `seconds`, at least eight.

    Every answer has exactly `tokens` tokens, so that modes differ in nothing but their waiting. Prompts differ from
    each other in their first words, so that no prefix cache helps those that come later.
    """
    if not (rate > 0 and seconds > 0 and tokens >= 1 and sentences >= 1):
        raise ValueError(f"rate, seconds, tokens and sentences must be positive, got {rate}, {seconds}, {tokens}")
    rng = np.random.default_rng(seed)
    count = max(_FEWEST, round(rate * seconds))
    due = np.sort(rng.uniform(0, count / rate, count))  # Poisson arrivals, given their number
    asks = []
    for number in range(count):
        topics = rng.choice(len(_TOPICS), sentences)
        words = " ".join(f"Customer {rng.integers(10_000, 99_999)} writes about {_TOPICS[one]}." for one in topics)
        body = {
            "model": model, "messages": [{"role": "user", "content": f"{words} Answer politely."}],
            "max_tokens": tokens, "temperature": 0, "seed": 7, "ignore_eos": True,
        }  # fmt: skip
        asks.append(Ask(number, float(due[number]), body))
    return tuple(asks)


async def measure_roof(engine: Serves, *, tokens: int, at_once: int, waves: int = 3, alone: int = 4) -> Roof:
    """`at_once` requests in flight until `waves` times as many are done; before that, `alone` of them one by one."""
    import httpx

    asks = workload(1.0, at_once * waves + alone, model=engine.model, tokens=tokens, seed=1)
    headers = {"authorization": f"Bearer {engine.api_key}"}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=engine.base_url, headers=headers, timeout=120, trust_env=False, limits=limits
    ) as http:
        free = asyncio.Semaphore(at_once)

        async def one(ask: Ask) -> float:
            async with free:
                begun = time.perf_counter()
                reply = await http.post("/chat/completions", json=ask.body)
                reply.raise_for_status()
                return time.perf_counter() - begun

        await one(asks[0])
        single = [await one(ask) for ask in asks[:alone]]
        begun = time.perf_counter()
        await asyncio.gather(*(one(ask) for ask in asks[alone:]))
        seconds = time.perf_counter() - begun
    n = len(asks) - alone
    return Roof(n * tokens / seconds, at_once, n, float(np.median(single)), tokens)
