"""One OpenAI-compatible client for every model, small and local or large and paid."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reference.agents.interfaces import Reply
from reference.agents.types import ReviewError

from .prices import LOCAL, Prices

if TYPE_CHECKING:
    from reference.serving.engine import Engine


class OpenAIModel:
    """A chat model behind an OpenAI-compatible URL. It is given text and a schema; no tools, no files, no secrets.

    Args:
        client: an `openai.AsyncOpenAI`.
        name: the model's name there.
        prices: for the budget.
    """

    def __init__(self, client: Any, name: str, prices: Prices = LOCAL) -> None:
        self.name, self.prices, self._client = name, prices, client

    @classmethod
    def of_engine(cls, engine: Engine) -> OpenAIModel:
        """The shared engine of this machine."""
        return cls(engine.async_client(max_retries=0), engine.model)

    async def complete(
        self, system: str, user: str, schema: Mapping[str, object], max_tokens: int, timeout_s: float
    ) -> Reply:
        import openai

        begun = time.perf_counter()
        try:
            answer = await self._client.chat.completions.create(
                model=self.name,
                messages=[{"role": "system", "content": system}, {"role": "user", "content": user}],
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": schema, "strict": True},
                },
                max_tokens=max_tokens,
                temperature=0.0,
                timeout=timeout_s,
            )
        except openai.APITimeoutError:
            raise ReviewError(f"{self.name} gave no answer within {timeout_s:g} s") from None
        except openai.OpenAIError as problem:
            raise ReviewError(
                f"{self.name} could not be asked: {type(problem).__name__}: {str(problem)[:200]}"
            ) from None
        choice = answer.choices[0]
        if choice.finish_reason == "length":
            raise ReviewError(f"{self.name} was cut off after {max_tokens} tokens")
        if not choice.message.content:
            raise ReviewError(f"{self.name} gave an empty answer ({choice.finish_reason})")
        usage = answer.usage
        return Reply(
            choice.message.content,
            usage.prompt_tokens if usage else len(system) + len(user),
            usage.completion_tokens if usage else max_tokens,
            time.perf_counter() - begun,
        )


def prices_of(model: object) -> Prices:
    """A model's prices; LOCAL for one that names none."""
    found = getattr(model, "prices", LOCAL)
    return found if isinstance(found, Prices) else LOCAL
