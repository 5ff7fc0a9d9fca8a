"""Summarisers for the folding of old turns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing

from reference.serving.gateway.context import Summariser
from reference.serving.gateway.sessions import Turn
from reference.serving.gateway.tokens import TokenCounter
from reference.serving.gateway.upstream import Delta, Upstream

_INSTRUCTION = (
    "Summarise the conversation below in a few short sentences. Keep names, numbers, decisions and open questions. "
    "Write only the summary."
)


def engine_summariser(
    upstream: Upstream, counter: TokenCounter, model: Callable[[], str], budget: Callable[[], int], timeout_s: float
) -> Summariser:
    """Asks the engine, with a bounded answer, a bounded prompt and a time limit: the turn waits for it.

    Args:
        model: the served model's id, known only once the engine has answered.
        budget: most tokens of prompt and answer.
    """

    async def summarise(previous: str, turns: Sequence[Turn], limit: int) -> str:
        parts = [f"Summary so far: {previous}"] if previous else []
        for turn in turns:
            parts += [f"User: {text}" for text in turn.user]
            parts.append(f"Assistant: {turn.assistant}")
        system = {"role": "system", "content": _INSTRUCTION}
        room = budget() - limit - counter.count_prompt([system, {"role": "user", "content": ""}]) - 8
        text = counter.truncate("\n".join(parts), max(0, room))
        body = {
            "model": model(),
            "messages": [system, {"role": "user", "content": text}],
            "max_tokens": limit,
            "temperature": 0,
        }
        pieces: list[str] = []
        async with asyncio.timeout(timeout_s):
            async with aclosing(upstream.stream(streaming(body), "summary")) as events:
                async for event in events:
                    if isinstance(event, Delta):
                        pieces.append(event.text)
        return counter.neutralise("".join(pieces))[0]

    return summarise


async def extractive_summariser(previous: str, turns: Sequence[Turn], limit: int) -> str:
    """Writes nothing, so that the folding extracts sentences instead: deterministic, and free."""
    return ""


def streaming(body: dict[str, object]) -> dict[str, object]:
    """`body` as a streaming request that reports its token counts."""
    return {**body, "stream": True, "stream_options": {"include_usage": True}}
