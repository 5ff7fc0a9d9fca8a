"""Ask the same messages in several ways, and count tokens and right answers."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from reference.serving.rollout.versions.task import Case

from .prompts import Examples, PromptError, Variant, intent_in, request_body

if TYPE_CHECKING:
    import openai


@dataclass(frozen=True)
class Reply:
    """What became of one message. `error` says how it failed: it counts as wrong then, and has no tokens.

    Tokens as the server's usage tells them; `cached` of `input` came from the engine's prefix cache.
    """

    text: str
    correct: bool
    input: int = 0
    cached: int = 0
    output: int = 0
    error: str = ""


@dataclass(frozen=True)
class Measured:
    """A variant and its replies, in the order of the messages."""

    variant: Variant
    replies: tuple[Reply, ...]

    @property
    def n(self) -> int:
        return len(self.replies)

    @property
    def failed(self) -> int:
        return sum(bool(reply.error) for reply in self.replies)

    @property
    def quality(self) -> float:
        """Share of right answers."""
        return sum(reply.correct for reply in self.replies) / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the quality (Wilson 1927)."""
        from reference.sizing.intervals import wilson

        return wilson(sum(reply.correct for reply in self.replies), self.n)

    def mean(self, what: str) -> float:
        """Tokens per request: of `input`, `cached` or `output`, over the requests that were answered.

        Raises PromptError if none was: there is nothing to tell then.
        """
        answered = [getattr(reply, what) for reply in self.replies if not reply.error]
        if not answered:
            raise PromptError(f"replies: none of {self.n} to {self.variant.name} was answered: {self.replies[0].error}")
        return fmean(answered)


def measure(
    variant: Variant, cases: Sequence[Case], client: openai.OpenAI, model: str, examples: Examples, at_once: int = 16
) -> Measured:
    """Ask every message once, greedily, `at_once` at a time.

    client: of a gateway (`RunningGateway.client()`) or of an engine. A request that fails is a Reply with `error`.
    """
    chosen = examples.chosen(variant, [case.text for case in cases])

    def ask(case: Case, shown: Sequence[Case]) -> Reply:
        body = request_body(variant, model, case.text, shown)
        extra = {name: body.pop(name) for name in ("structured_outputs",) if name in body}
        try:
            said: Any = client.chat.completions.create(**body, extra_body=extra)
        except Exception as error:
            return Reply("", False, error=f"{type(error).__name__}: {str(error)[:200]}")
        text, usage = said.choices[0].message.content or "", said.usage
        details = usage.prompt_tokens_details
        cached = (details.cached_tokens if details else 0) or 0
        return Reply(text, intent_in(text) == case.intent, usage.prompt_tokens, cached, usage.completion_tokens)

    with ThreadPoolExecutor(at_once) as pool:
        return Measured(variant, tuple(pool.map(ask, cases, chosen)))
