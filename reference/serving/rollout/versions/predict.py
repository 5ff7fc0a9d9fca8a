"""Ask one version every case: what the gates judge. Answers stay whole: what follows an intent is judged too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reference.serving.engine.handle import Engine
from reference.serving.rollout.versions.task import Case, label, prompt

MAX_TOKENS = 24  # an intent takes 2 or 3; a longer answer is cut, not waited for


@dataclass(frozen=True)
class Prediction:
    """One answer. `latency_s` None and `text` "" if the request failed, `error` says how then; tokens as billed."""

    case: Case
    text: str
    latency_s: float | None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    error: str = ""

    @property
    def correct(self) -> bool:
        return not self.error and label(self.text) == self.case.intent


async def ask(client: Any, served_as: str, text: str) -> tuple[str, int, int]:
    """(answer, prompt tokens, completion tokens) of one message. Raises what the client raises."""
    said = await client.completions.create(
        model=served_as, prompt=prompt(text), max_tokens=MAX_TOKENS, temperature=0.0, stop=["\n"]
    )
    return said.choices[0].text, said.usage.prompt_tokens, said.usage.completion_tokens


def predict(
    engine: Engine, served_as: str, cases: Sequence[Case], concurrency: int = 16, timeout_s: float = 60.0
) -> tuple[Prediction, ...]:
    """Answers in the order of `cases`; a failed request is a Prediction with `error`, it never raises for one."""

    async def run() -> tuple[Prediction, ...]:
        client = engine.async_client(timeout=timeout_s)
        free = asyncio.Semaphore(concurrency)

        async def one(case: Case) -> Prediction:
            async with free:
                begun = time.perf_counter()
                try:
                    text, used, made = await ask(client, served_as, case.text)
                except Exception as error:
                    return Prediction(case, "", None, error=f"{type(error).__name__}: {str(error)[:200]}")
                return Prediction(case, text, time.perf_counter() - begun, used, made)

        try:
            return tuple(await asyncio.gather(*(one(case) for case in cases)))
        finally:
            await client.close()

    return in_a_loop(run)


def in_a_loop(run: Any) -> Any:
    """Run a coroutine function to its end; also inside a notebook, whose cell runs in a loop already."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(run())).result()
