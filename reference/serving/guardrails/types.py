"""What the guards say: findings, decisions and the placeholders that stand for redacted text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["injection", "pii", "secret", "leak"]
Action = Literal["allow", "redact", "block"]

# Short on purpose: a placeholder is never more than twice as long as the shortest text that it can stand for.
PLACEHOLDERS: dict[str, str] = {
    "email": "[EMAIL]",
    "phone": "[PHONE]",
    "card": "[CARD]",
    "iban": "[IBAN]",
    "ssn": "[SSN]",
    "ip": "[IP]",
    "secret": "[SECRET]",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a guard found.

    ``start`` and ``end`` are code-point offsets into the text that was checked (half open), also where the match was
    made on a normalised or decoded view of it. ``label`` is the placeholder for pii and secrets and "" otherwise.
    ``score`` is in [0, 1]: 1.0 for rules that either match or do not.
    A finding never holds the matched text: it may be logged.
    """

    kind: Kind
    rule: str
    start: int
    end: int
    label: str = ""
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with one text.

    ``text`` is what may be used from here on: the text itself for "allow", with placeholders for "redact". For "block"
    it is what precedes the blocked part of an output (redacted), and the whole redacted input for an input, which must
    not be sent on. ``reason`` is a short sentence fit for an error message: it never quotes the text.
    """

    action: Action
    text: str
    findings: tuple[Finding, ...] = ()
    reason: str = ""

    @property
    def blocked(self) -> bool:
        return self.action == "block"


@dataclass(frozen=True, slots=True)
class MessagesDecision:
    """What to do with a list of chat messages: the worst action of any, and the messages to use from here on.

    ``messages`` are new dicts in the given order (the input is not changed). ``decisions`` maps the index of each
    message in which something was found to its decision; offsets in a message of several text parts count in the parts
    joined by a newline.
    """

    action: Action
    messages: list[dict[str, Any]]
    decisions: Mapping[int, Decision] = field(default_factory=dict)
    reason: str = ""

    @property
    def blocked(self) -> bool:
        return self.action == "block"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings; their offsets are relative to each one's own message."""
        return tuple(f for d in self.decisions.values() for f in d.findings)
