"""Tier 1: one line about the change from a small model, kept only if it says nothing that the change does not."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from reference.agents.interfaces import Model, Reply
from reference.agents.types import Change, ReviewError

from .prompt import DATA_RULE, fenced, show

LONGEST = 110
SCHEMA = {
    "type": "object",
    "properties": {"summary": {"type": "string", "minLength": 8, "maxLength": LONGEST}},
    "required": ["summary"],
    "additionalProperties": False,
}
SYSTEM = f"You describe a code change in one plain English sentence of at most 14 words. No judgement. {DATA_RULE}"

# A line that describes never judges: such words are what an injected order would want to see posted.
_VERDICTS = re.compile(
    r"\b(approv\w*|lgtm|looks good|safe\w*|secure\w*|harmless|correct\w*|no (issues?|problems?|bugs?|faults?|findings?)"
    r"|ignore\w*|merge|ship it|reviewers?|well tested|bug[- ]free|trust\w*)\b",
    re.IGNORECASE,
)
# What names something: numbers, paths, snake_case, camelCase, dotted names, calls, capitals.
_NAMES = re.compile(
    r"\d[\w.]*|[\w-]*[_/\\.][\w./\\-]*\w|\b[a-z]+[A-Z]\w*|\b[A-Z]\w*[A-Z]\w*|\b\w+(?=\()|`[^`]+`|\S*[@#:]\S*"
)


@dataclass(frozen=True, slots=True)
class Headline:
    """`text` is empty where the line was dropped; `dropped` says why."""

    text: str
    dropped: str
    reply: Reply | None


def objection(line: str, source: str) -> str:
    """Why a line must not be shown; empty if it may. Pure: the check that every line of tier 1 passes or falls by."""
    if not line.isprintable() or not line.isascii():
        return "it has characters outside printable ASCII"
    if len(line) > LONGEST or len(line.split()) < 3:
        return "it is too long or too short"
    if found := _VERDICTS.search(line):
        return f"it judges ({found.group(0).lower()!r})"
    known = set(re.findall(r"\w+", source.lower()))
    for name in _NAMES.findall(line):
        parts = re.findall(r"\w+", name.lower())
        if not parts or not all(part in known for part in parts):
            return f"it names {name.strip('`')[:40]!r}, which the change does not"
    return ""


MOST_BYTES = 2_400
MAX_TOKENS = 64


def worst_case(model: Model) -> float:
    """Dollars that one line can cost at most."""
    from .client import prices_of

    return prices_of(model).worst(SYSTEM + "x" * (MOST_BYTES + 700), MAX_TOKENS)


async def headline(change: Change, model: Model, timeout_s: float = 20.0) -> Headline:
    """Ask, check, and keep or drop. Never raises: without a line the review says the same."""
    files = [one.path for one in change.files]
    shown = show(change, files, MOST_BYTES)
    source = "\n".join([shown.text, change.title[:120]])
    user = f"{fenced('change', source)}\nDescribe the change as JSON with the one field summary."
    try:
        reply = await model.complete(SYSTEM, user, SCHEMA, MAX_TOKENS, timeout_s)
        line = str(json.loads(reply.text)["summary"]).strip()
    except (ReviewError, ValueError, KeyError, TypeError) as problem:
        return Headline("", f"no line: {problem}", None)
    why = objection(line, source)
    return Headline("" if why else line, why, reply)
