"""The prompts that are compared: a system prompt, some examples, and the form in which the answer is asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from reference.serving.rollout.versions.task import INTENTS, Case

Choosing = Literal["nearest", "fixed"]
Form = Literal["choice", "json", "explained"]

# As prompts grow in practice: every complaint added a sentence, and nothing was ever taken out.
_VERBOSE = """\
You are a helpful, friendly and professional customer support assistant of an online shop. Your job is to read the
message of a customer very carefully and to decide which one of our support categories the message belongs to. It is
very important that you read the whole message and think about what the customer really wants before you answer. Please
make sure that you always choose exactly one category. The categories are refund, delivery, account, billing, technical,
cancel, product and praise. You must not choose a category that is not in this list, and you must never invent a new
one. Do not answer the question of the customer. Do not add a greeting, an apology or any other text that the customer
could see. If you are not sure, choose the category that fits best. If the message mentions several things, choose the
one that matters most to the customer. Remember: answer in English and in lower case, even if the message is written in
another way. Thank you for your careful work, it helps our team to serve our customers quickly."""
_TERSE = """\
Sort a customer's message into one intent: refund, delivery, account, billing, technical, cancel, product or praise.
Answer with the intent. If several fit, take the one that matters most to the customer. If none does, take the
nearest."""
SYSTEMS = {
    "verbose": _VERBOSE.replace("\n", " "),
    "terse": _TERSE.replace("\n", " "),
    "none": "",
}

_REASONS = {
    "refund": "the customer wants to have money back for something that was bought",
    "delivery": "the customer asks where something is that was ordered and sent",
    "account": "the customer has trouble with the login or with the profile",
    "billing": "the customer asks about an invoice or about an amount that was charged",
    "technical": "the customer reports that a device, the app or the website does not work",
    "cancel": "the customer wants to end a contract or to take back an order",
    "product": "the customer asks what something is like before buying it",
    "praise": "the customer is content and says so",
}
_ANSWER_TOKENS: dict[Form, int] = {"choice": 6, "json": 16, "explained": 64}
_NAMED = re.compile(r"\b(" + "|".join(INTENTS) + r")\b")


class PromptError(ValueError):
    """A variant or what it needs cannot be used; the message names the field and the mend."""


@dataclass(frozen=True)
class Variant:
    """One way to ask.

    Attributes:
        system: a key of SYSTEMS.
        examples: how many messages with their intent stand before the customer's; choosing: `nearest` by meaning (costs
            one embedding a request), or `fixed`, the same for everybody, every intent in turn.
        form: `choice` limits the answer to the eight intents; `json` to an object with that field; `explained` is free
            text that says why, cut at 64 tokens.

    Raises:
        PromptError: an unknown system, choosing or form, or a negative number of examples.
    """

    name: str
    system: str = "terse"
    examples: int = 3
    choosing: Choosing = "nearest"
    form: Form = "choice"

    def __post_init__(self) -> None:
        for field, value, allowed in (
            ("system", self.system, tuple(SYSTEMS)),
            ("choosing", self.choosing, ("nearest", "fixed")),
            ("form", self.form, tuple(_ANSWER_TOKENS)),
        ):
            if value not in allowed:
                raise PromptError(f"{field}: {value!r} is none of {', '.join(allowed)}")
        if self.examples < 0:
            raise PromptError(f"examples: must be 0 or more, got {self.examples}")

    @property
    def max_tokens(self) -> int:
        """Limit of the answer's length, tokens."""
        return _ANSWER_TOKENS[self.form]


# The first is the prompt as it was found; the others change one thing at a time around the short one.
VARIANTS = (
    Variant("as found", "verbose", 8, form="explained"),
    Variant("16 nearest", examples=16),
    Variant("8 nearest", examples=8),
    Variant("5 nearest", examples=5),
    Variant("3 nearest", examples=3),
    Variant("2 nearest", examples=2),
    Variant("no examples", examples=0),
    Variant("8 fixed", examples=8, choosing="fixed"),
    Variant("3 nearest, verbose system", "verbose", 3),
    Variant("3 nearest, no system", "none", 3),
    Variant("3 nearest, JSON", examples=3, form="json"),
    Variant("3 nearest, explained", examples=3, form="explained"),
)


class Examples:
    """Labelled messages to choose examples from.

    Args:
        embed: texts -> unit vectors [n, d], for `nearest`; None: only fixed ones.

    Raises:
        PromptError: no messages, or an intent that none of them has.
    """

    def __init__(self, cases: Sequence[Case], embed: Callable[[Sequence[str]], Any] | None = None) -> None:
        import numpy as np

        missing = sorted(set(INTENTS) - {case.intent for case in cases})
        if missing:
            raise PromptError(f"cases: none has the intent {', '.join(missing)}; give some of every intent")
        self._cases, self._embed = tuple(cases), embed
        self._vectors = None if embed is None else np.asarray(embed([case.text for case in cases]), dtype=np.float32)
        by_intent = [[case for case in cases if case.intent == intent] for intent in INTENTS]
        fewest = min(len(some) for some in by_intent)
        self._fixed = tuple(some[round_] for round_ in range(fewest) for some in by_intent)

    def chosen(self, variant: Variant, texts: Sequence[str]) -> list[tuple[Case, ...]]:
        """The examples for each text, the nearest one last: small models heed what stands next to the question.

        Raises PromptError for `nearest` without an embedder and for more examples than there are.
        """
        import numpy as np

        k = variant.examples
        most = len(self._cases) if variant.choosing == "nearest" else len(self._fixed)
        if k > most:
            raise PromptError(f"examples: {variant.name} wants {k}, there are {most}")
        if not k or not texts or variant.choosing == "fixed":
            return [self._fixed[:k]] * len(texts)
        if self._embed is None or self._vectors is None:
            raise PromptError(f"embed: {variant.name} needs an embedder for its nearest examples")
        cosines = np.asarray(self._embed(list(texts)), dtype=np.float32) @ self._vectors.T
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
        return [tuple(self._cases[column] for column in row[::-1]) for row in order]


def _said(intent: str, form: Form) -> str:
    if form == "json":
        return json.dumps({"intent": intent}, separators=(",", ":"))
    return f"{intent}, because {_REASONS[intent]}." if form == "explained" else intent


def request_body(variant: Variant, model: str, text: str, examples: Sequence[Case] = ()) -> dict[str, Any]:
    """The chat request for a message: greedy, with the answer's form and length bounded as the variant says."""
    system = SYSTEMS[variant.system]
    if variant.form == "explained":
        system = f"{system} Explain your choice in one sentence.".strip()
    messages = [{"role": "system", "content": system}] if system else []
    for case in examples:
        messages.append({"role": "user", "content": case.text})
        messages.append({"role": "assistant", "content": _said(case.intent, variant.form)})
    messages.append({"role": "user", "content": text})
    body: dict[str, Any] = {
        "model": model, "messages": messages, "max_tokens": variant.max_tokens, "temperature": 0,
    }  # fmt: skip
    if variant.form == "choice":
        body["structured_outputs"] = {"choice": list(INTENTS)}
    elif variant.form == "json":
        schema = {
            "type": "object", "properties": {"intent": {"type": "string", "enum": list(INTENTS)}},
            "required": ["intent"], "additionalProperties": False,
        }  # fmt: skip
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "intent", "schema": schema}}
    return body


def intent_in(answer: str) -> str:
    """The intent that an answer names first, wherever it stands in it; "" if it names none."""
    found = _NAMED.search(answer.lower())
    return found[1] if found else ""
