"""Fitting a conversation into the token budget: a window of recent turns and a running summary of the older ones."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from reference.serving.gateway.errors import GatewayError, bad_request
from reference.serving.gateway.sessions import Conversation, Turn
from reference.serving.gateway.tokens import TokenCounter

# Summarises `turns` on top of the summary so far, in at most `limit` tokens; may raise.
Summariser = Callable[[str, Sequence[Turn], int], Awaitable[str]]

_SUMMARY_HEAD = "Summary of the earlier conversation:"
_WORD = re.compile(r"[^\W_]{4,}")
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])\s|\n")


@dataclass(frozen=True)
class Budget:
    """Limits of one prompt in tokens: `total` for prompt and answers together, `answer` reserved for the answers."""

    total: int
    answer: int

    @property
    def prompt(self) -> int:
        """What is left for the prompt."""
        return self.total - self.answer


def context_too_long(prompt: int, budget: Budget) -> GatewayError:
    """400 in OpenAI's words and code for it."""
    return bad_request(
        "context_length_exceeded",
        f"This gateway's limit is {budget.total} tokens. The messages take {prompt} and the answer {budget.answer}. "
        "Shorten the messages or lower max_tokens.",
        "messages",
    )


def render(conversation: Conversation, user: Sequence[str]) -> list[dict[str, str]]:
    """The messages that the engine gets for the next turn.

    The summary goes into the first user message, not into the system prompt: it is made of what users said, and must
    not gain the authority of instructions.
    """
    messages = [{"role": "system", "content": conversation.system}] if conversation.system else []
    first = len(messages)
    for turn in conversation.turns:
        messages += [{"role": "user", "content": text} for text in turn.user]
        messages.append({"role": "assistant", "content": turn.assistant})
    messages += [{"role": "user", "content": text} for text in user]
    if conversation.summary:
        head = f"{_SUMMARY_HEAD}\n{conversation.summary}\n\n"
        messages[first] = {"role": "user", "content": head + messages[first]["content"]}
    return messages


async def fit(
    conversation: Conversation,
    user: Sequence[str],
    budget: Budget,
    *,
    counter: TokenCounter,
    summarise: Summariser,
    window_turns: int,
    fold_to: float,
    summary_tokens: int,
    on_fold: Callable[[str], None] = lambda method: None,
) -> tuple[Conversation, list[dict[str, str]], int]:
    """Folds old turns until the prompt fits; returns the conversation, its messages and their tokens.

    When it must fold it folds down to `fold_to` of the prompt budget, so that the summary is written once in several
    turns, and the engine's prefix cache stays warm in between.

    Raises:
        GatewayError: 400 `context_length_exceeded` if not even the new message alone fits.
    """
    messages = render(conversation, user)
    size = counter.count_prompt(messages)
    if size <= budget.prompt and len(conversation.turns) <= window_turns:
        return conversation, messages, size
    bare = replace(conversation, turns=(), summary="")
    smallest = counter.count_prompt(render(bare, user))
    if smallest > budget.prompt:
        raise context_too_long(smallest, budget)
    target = max(smallest, int(budget.prompt * fold_to))
    keep = _turns_that_fit(conversation, user, target - summary_tokens, counter, window_turns)
    folded = conversation.turns[: len(conversation.turns) - keep]
    summary = conversation.summary
    if folded:
        summary, method = await _summary(conversation.summary, folded, summary_tokens, counter, summarise)
        on_fold(method)
    result = replace(
        conversation,
        turns=conversation.turns[len(folded) :],
        summary=summary,
        folded=conversation.folded + len(folded),
    )
    # The estimate above added parts; only the rendered prompt counts. Give up turns, then the summary, until it fits.
    while True:
        messages = render(result, user)
        size = counter.count_prompt(messages)
        if size <= budget.prompt:
            return result, messages, size
        if result.turns:
            result = replace(result, turns=result.turns[1:], folded=result.folded + 1)
        else:
            result = replace(result, summary=_shorter(result.summary, counter))


def _turns_that_fit(
    conversation: Conversation, user: Sequence[str], limit: int, counter: TokenCounter, window_turns: int
) -> int:
    """How many of the latest turns fit into `limit` tokens without a summary, at most `window_turns` - 1."""
    keep = 0
    for candidate in range(1, min(len(conversation.turns), max(1, window_turns - 1)) + 1):
        tail = replace(conversation, summary="", turns=conversation.turns[-candidate:])
        if counter.count_prompt(render(tail, user)) > limit:
            break
        keep = candidate
    return keep


def _shorter(text: str, counter: TokenCounter) -> str:
    return counter.truncate(text, counter.count_text(text) * 3 // 4) if counter.count_text(text) > 8 else ""


async def _summary(
    previous: str, turns: Sequence[Turn], limit: int, counter: TokenCounter, summarise: Summariser
) -> tuple[str, str]:
    """The new summary and how it was made: by the summariser if its text holds up, else by extraction."""
    try:
        text = counter.truncate((await summarise(previous, turns, limit)).strip(), limit)
        if grounded(text, previous, turns):
            return text, "summariser"
        method = "extract_weak"
    except Exception:  # whatever an injected summariser raises: a turn must not fail for want of a summary
        method = "extract_failed"
    return extract(previous, turns, limit, counter), method


def grounded(summary: str, previous: str, turns: Sequence[Turn], share: float = 0.5) -> bool:
    """True if the summary is worth keeping: not empty, and at least `share` of its longer words were really said.

    A small model asked for a summary often writes a different story; words that never occurred give it away.
    """
    words = {word.lower() for word in _WORD.findall(summary)}
    if not words:
        return False
    source = " ".join([previous, *(text for turn in turns for text in (*turn.user, turn.assistant))])
    said = {word.lower() for word in _WORD.findall(source)}
    return len(words & said) / len(words) >= share


def extract(previous: str, turns: Sequence[Turn], limit: int, counter: TokenCounter) -> str:
    """A summary without a model: the first sentence of each side of each turn; the latest turns have precedence."""
    lines = []
    for turn in turns:
        said = _first_sentence(" ".join(turn.user))
        answered = _first_sentence(turn.assistant)
        lines.append(f"- User: {said} Assistant: {answered}")
    kept: list[str] = []
    for line in reversed([*previous.splitlines(), *lines]):
        candidate = "\n".join([line, *kept])
        if counter.count_text(candidate) > limit:
            if not kept:
                kept = [counter.truncate(line, limit)]
            break
        kept.insert(0, line)
    return "\n".join(kept)


def _first_sentence(text: str, longest: int = 160) -> str:
    sentence = _SENTENCE_END.split(text.strip(), maxsplit=1)[0]
    return sentence if len(sentence) <= longest else sentence[: longest - 1] + "…"
