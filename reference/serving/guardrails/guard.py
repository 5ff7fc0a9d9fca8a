"""The guards as a gateway uses them: one object for all requests, and one ``StreamGuard`` for each streamed answer."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any

from reference.serving.guardrails import injection
from reference.serving.guardrails.leak import LeakGate, LeakRules
from reference.serving.guardrails.redaction import RedactionRules, Redactor, redact
from reference.serving.guardrails.types import Action, Decision, Finding, MessagesDecision

_INJECTION_REASON = "The message tries to override the instructions of the service."
_LEAK_REASON = "The answer repeated the instructions of the service."
_REDACTED_REASON = "Personal data or credentials were replaced by placeholders."
_SEVERITY: dict[Action, int] = {"allow": 0, "redact": 1, "block": 2}


@dataclass(frozen=True, slots=True)
class GuardRules:
    """Thresholds of all guards. ``injection``: score in (0, 1] from which an input is blocked."""

    injection: float = 0.7
    leak: LeakRules = field(default_factory=LeakRules)
    redaction: RedactionRules = field(default_factory=RedactionRules)

    def __post_init__(self) -> None:
        if not 0 < self.injection <= 1:
            raise ValueError(f"injection must be in (0, 1], got {self.injection}")
        if self.leak.alarm <= 0 or self.leak.miss <= 0:
            raise ValueError("leak.alarm and leak.miss must be positive")


@lru_cache(maxsize=1)
def tuned_rules() -> GuardRules:
    """The rules with the thresholds that were chosen on the tuning half of the labelled sets (``evaluate --tune``)."""
    chosen = json.loads(files(__package__).joinpath("data/thresholds.json").read_text(encoding="utf-8"))
    return GuardRules(
        injection=chosen["injection"],
        leak=LeakRules(alarm=chosen["leak_alarm"], miss=chosen["leak_miss"]),
        redaction=RedactionRules(entropy=chosen["entropy"]),
    )


class Guardrails:
    """Checks of what goes into a model and of what comes out. Stateless: one instance serves all threads."""

    def __init__(self, rules: GuardRules) -> None:
        self.rules = rules
        # The libraries load their tables at the first use (0.5 s), which must not be a user's request.
        redact("ann@mail.example +44 20 7946 0018 4111 1111 1111 1111 token=abc123def", rules.redaction)

    @classmethod
    def default(cls, regions: tuple[str, ...] | None = None) -> "Guardrails":
        """Guards with the tuned thresholds. ``regions``: ISO country codes whose national phone formats count."""
        rules = tuned_rules()
        if regions is not None:
            unknown = [r for r in regions if not (len(r) == 2 and r.isalpha() and r.isupper())]
            if unknown:
                raise ValueError(f"regions must be ISO country codes such as 'US', got {unknown}")
            rules = replace(rules, redaction=replace(rules.redaction, regions=regions))
        return cls(rules)

    def check_input(self, text: str) -> Decision:
        """Whether a user's text may be sent to a model: blocked as an injection, redacted, or as it is."""
        _require_text(text, "text")
        attacks = injection.scan(text)
        clean, personal = redact(text, self.rules.redaction)
        return self._decide_input(clean, attacks, personal)

    def check_messages(self, messages: Iterable[Mapping[str, Any]]) -> MessagesDecision:
        """Check the messages of a chat request (OpenAI's format; ``content`` may be text, text parts or null).

        Messages of users and tools are searched for injection; those of the assistant are only redacted; those of the
        operator (system, developer) pass as they are. Raises ``ValueError`` for a message that is not of that format.
        """
        checked: list[dict[str, Any]] = []
        decisions: dict[int, Decision] = {}
        for i, message in enumerate(messages):
            if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
                raise ValueError(f"messages[{i}] must be an object with a role")
            if message["role"] in ("system", "developer"):
                checked.append(dict(message))
                continue
            texts = _texts_of(message, i)
            untrusted = message["role"] != "assistant"
            attacks = injection.scan("\n".join(texts)) if untrusted else []
            redacted: list[str] = []
            personal: list[Finding] = []
            offset = 0
            for text in texts:
                clean, found = redact(text, self.rules.redaction)
                redacted.append(clean)
                personal += [replace(f, start=f.start + offset, end=f.end + offset) for f in found]
                offset += len(text) + 1
            if attacks or personal:
                decisions[i] = self._decide_input("\n".join(redacted), attacks, tuple(personal))
            checked.append(_with_texts(message, redacted))
        worst = max(decisions.values(), key=lambda d: _SEVERITY[d.action], default=Decision("allow", ""))
        return MessagesDecision(worst.action, checked, decisions, worst.reason)

    def check_output(self, text: str, system_prompt: str | None = None) -> Decision:
        """Whether a model's whole answer may be shown: what a ``StreamGuard`` would let through of it."""
        _require_text(text, "text")
        guard = self.stream_guard(system_prompt)
        shown = guard.feed(text) + guard.flush()
        return Decision(guard.action, shown, guard.findings, guard.reason)

    def stream_guard(self, system_prompt: str | None = None) -> "StreamGuard":
        """A guard for one streamed answer; with ``system_prompt``, also against repeating it."""
        return StreamGuard(self.rules, system_prompt)

    def _decide_input(self, clean: str, attacks: list[Finding], personal: tuple[Finding, ...]) -> Decision:
        if injection.verdict(attacks) >= self.rules.injection:
            return Decision("block", clean, (*attacks, *personal), _INJECTION_REASON)
        if personal:
            return Decision("redact", clean, personal, _REDACTED_REASON)
        return Decision("allow", clean)


class StreamGuard:
    """Lets through what of a streamed answer is safe to show. For one stream and one thread at a time.

    The concatenation of all ``feed`` results and ``flush`` does not depend on how the text was cut into deltas. Once
    ``blocked``, nothing more comes out: the text shown so far ends before the leak.
    """

    def __init__(self, rules: GuardRules, system_prompt: str | None = None) -> None:
        self._gate = LeakGate(system_prompt, rules.leak) if system_prompt else None
        self._redactor = Redactor(rules.redaction)
        self._closed = False

    @property
    def blocked(self) -> bool:
        return self._gate is not None and self._gate.blocked

    @property
    def action(self) -> Action:
        return "block" if self.blocked else "redact" if self._redactor.findings else "allow"

    @property
    def reason(self) -> str:
        return {"block": _LEAK_REASON, "redact": _REDACTED_REASON, "allow": ""}[self.action]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found so far; offsets are in the text fed."""
        leak = (self._gate.finding,) if self._gate and self._gate.finding else ()
        return (*self._redactor.findings, *leak)

    def feed(self, delta: str) -> str:
        """The text that can be shown now, possibly ""."""
        _require_text(delta, "delta")
        if self._closed:
            if self.blocked:
                return ""
            raise ValueError("feed after flush: make a new stream guard for each answer")
        passed = self._gate.feed(delta) if self._gate else delta
        out = self._redactor.feed(passed)
        if self.blocked:
            out += self.flush()
        return out

    def flush(self) -> str:
        """The rest of the text that can be shown, once no more will come. A second call gives ""."""
        if self._closed:
            return ""
        self._closed = True
        passed = self._gate.flush() if self._gate else ""
        return self._redactor.feed(passed) + self._redactor.flush()


def _require_text(text: object, name: str) -> None:
    if not isinstance(text, str):
        raise TypeError(f"{name} must be a str, got {type(text).__name__}")


def _texts_of(message: Mapping[str, Any], i: int) -> list[str]:
    content = message.get("content")
    if content is None:
        return []
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list) or not all(isinstance(part, Mapping) for part in content):
        raise ValueError(f"messages[{i}].content must be a string, a list of parts or null")
    texts = [part.get("text") for part in content if part.get("type") == "text"]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"messages[{i}].content: a part of type text must have a string text")
    return [str(text) for text in texts]


def _with_texts(message: Mapping[str, Any], texts: list[str]) -> dict[str, Any]:
    content = message.get("content")
    if content is None:
        return dict(message)
    if isinstance(content, str):
        return {**message, "content": texts[0]}
    rest = iter(texts)
    return {**message, "content": [{**p, "text": next(rest)} if p.get("type") == "text" else p for p in content]}
