"""Guardrails on the gateway's path: what it needs of them, and how they apply to messages and to streams."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, Protocol

from reference.serving.gateway.errors import GatewayError
from reference.serving.gateway.metrics import Metrics
from reference.serving.gateway.rag import Passage
from reference.serving.gateway.upstream import Delta, Event, Finish, Usage

_OFF_LOOP_CHARS = 4_000  # longer texts are checked on a thread, so that others' streams do not stand still


class Decision(Protocol):
    """What a check says: `action` is "allow", "redact" or "block"; `text` is what may be used."""

    @property
    def action(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def findings(self) -> Sequence[Any]: ...
    @property
    def reason(self) -> str: ...


class StreamGuard(Protocol):
    """Checks one answer as it streams; `feed` and `flush` return the text that may go out."""

    @property
    def blocked(self) -> bool: ...
    def feed(self, delta: str) -> str: ...
    def flush(self) -> str: ...


class Guards(Protocol):
    """What `reference.serving.guardrails.Guardrails` offers; a plug-in of your own needs these two methods."""

    def check_input(self, text: str) -> Decision: ...
    def stream_guard(self, system_prompt: str) -> StreamGuard: ...


class OpenDecision:
    """Allows everything."""

    action = "allow"
    findings: Sequence[Any] = ()
    reason = ""

    def __init__(self, text: str) -> None:
        self.text = text


class OpenStreamGuard:
    """Lets everything out at once."""

    blocked = False

    def feed(self, delta: str) -> str:
        """`delta`."""
        return delta

    def flush(self) -> str:
        """Nothing was held back."""
        return ""


class NoGuards:
    """Guardrails switched off."""

    def check_input(self, text: str) -> Decision:
        """Always allowed."""
        return OpenDecision(text)

    def stream_guard(self, system_prompt: str) -> StreamGuard:
        """An open one."""
        return OpenStreamGuard()


class MemoGuards:
    """Remembers the decisions of guards that depend on the text alone; repeated requests are repeated texts.

    Texts are remembered by digest; only a redacted text is kept as such, and only short ones.

    Args:
        size: most decisions remembered; the oldest go first.
    """

    def __init__(self, guards: Guards, size: int = 2048) -> None:
        self._guards = guards
        self._size = size
        self._known: OrderedDict[bytes, Decision | None] = OrderedDict()  # None: allowed as it is
        self._lock = threading.Lock()
        self.policy_version = policy_version(guards)

    def check_input(self, text: str) -> Decision:
        """The guards' decision, from memory if the same text was checked before."""
        if len(text) > _OFF_LOOP_CHARS:
            return self._guards.check_input(text)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            if digest in self._known:
                self._known.move_to_end(digest)
                return self._known[digest] or OpenDecision(text)
        decision = self._guards.check_input(text)
        plain = decision.action == "allow" and not decision.findings
        with self._lock:
            self._known[digest] = None if plain else decision
            if len(self._known) > self._size:
                self._known.popitem(last=False)
        return decision

    def stream_guard(self, system_prompt: str) -> StreamGuard:
        """A new guard for one answer."""
        return self._guards.stream_guard(system_prompt)


def policy_version(guards: Guards) -> str:
    """Enters the cache key: an answer that passed one policy is not served under another.

    A guard may name its version in `policy_version`; else its class and its `rules` stand for it.
    """
    named = getattr(guards, "policy_version", None)
    return str(named) if named else f"{type(guards).__qualname__} {getattr(guards, 'rules', '')!r}"


def count_findings(metrics: Metrics, direction: str, findings: Sequence[Any]) -> None:
    """Counts findings by kind."""
    for finding in findings:
        metrics.guardrails.labels(direction, str(getattr(finding, "kind", "other"))).inc()


async def check_messages(guards: Guards, messages: list[dict[str, str]], metrics: Metrics) -> list[dict[str, str]]:
    """The messages with redactions. System messages are the application's own and stay as they are; assistant messages
    are redacted, but an earlier answer that quotes an attack is not one.

    Raises:
        GatewayError: 400 `content_filter` if one is blocked.
    """
    if isinstance(guards, NoGuards):
        return messages
    checked = []
    for index, message in enumerate(messages):
        if message["role"] == "system":
            checked.append(message)
            continue
        text = message["content"]
        if len(text) > _OFF_LOOP_CHARS:
            decision = await asyncio.to_thread(guards.check_input, text)
        else:
            decision = guards.check_input(text)
        count_findings(metrics, "input", decision.findings)
        if decision.action == "block" and message["role"] != "assistant":
            metrics.guardrail_blocks.labels("input").inc()
            raise GatewayError(
                400,
                "content_filter",
                f"The message was refused by the input guard: {decision.reason or 'it breaks the policy'}",
                param=f"messages[{index}].content",
            )
        checked.append(message if decision.action == "allow" else {**message, "content": decision.text})
    return checked


async def check_passages(guards: Guards, passages: list[Passage], metrics: Metrics) -> list[Passage]:
    """Passages without the blocked ones, redacted: retrieved text can carry an injection too."""
    kept = []
    for passage in passages:
        decision = await asyncio.to_thread(guards.check_input, passage.text)
        count_findings(metrics, "retrieved", decision.findings)
        if decision.action != "block":
            kept.append(Passage(decision.text, passage.source, passage.score))
        else:
            metrics.guardrail_blocks.labels("retrieved").inc()
    return kept


async def guard_stream(
    source: AsyncGenerator[Event],
    guards: Guards,
    system_prompt: str,
    choices: int,
    prompt_tokens: int,
    metrics: Metrics,
    on_findings: Callable[[], None] = lambda: None,
) -> AsyncGenerator[Event]:
    """The events of `source` with each choice's text passed through a guard of its own.

    A blocked choice ends with finish reason "content_filter"; when all choices have ended the engine is stopped. Token
    counts are then those of the pieces seen so far, since the engine gives its own only at the end. `on_findings` is
    called before the end of a choice in which a guard found something.
    """
    if isinstance(guards, NoGuards):
        async with aclosing(source):
            async for event in source:
                yield event
        return
    streams = {index: guards.stream_guard(system_prompt) for index in range(choices)}
    ended: set[int] = set()
    pieces = 0
    async with aclosing(source):
        async for event in source:
            if isinstance(event, Usage):
                yield event
                continue
            index = event.choice
            if index in ended or index not in streams:
                continue
            guard = streams[index]
            if isinstance(event, Delta):
                pieces += 1
                text = guard.feed(event.text)
            else:
                text = guard.flush()
            if text:
                yield Delta(index, text)
            if guard.blocked or isinstance(event, Finish):
                ended.add(index)
                findings = getattr(guard, "findings", ())
                count_findings(metrics, "output", findings)
                if findings or guard.blocked:
                    on_findings()
                if guard.blocked:
                    metrics.guardrail_blocks.labels("output").inc()
                reason = "content_filter" if guard.blocked or isinstance(event, Delta) else event.reason
                yield Finish(index, reason)
                if guard.blocked and len(ended) == choices:
                    yield Usage(prompt_tokens, pieces)
                    return
