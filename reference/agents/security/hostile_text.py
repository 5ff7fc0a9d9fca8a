"""Text that is written for the reviewer and not for the program: orders, and characters that hide."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from reference.agents.types import ChangedFile, Role

from .fault import Fault

# Bidirectional controls reorder what people see (CVE-2021-42574); tag characters and variation runs hide whole texts.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE = frozenset("\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e")
_ORDERS = re.compile(
    r"(ignore|disregard|forget|override)\s+(all\s+|any\s+|the\s+|your\s+)*(previous|prior|above|earlier|other)?\s*"
    r"(instructions?|rules?|findings?|prompts?|guidelines)"
    r"|\b(ai|llm|automated|code|review(ing)?)[ -]*(reviewer|review|assistant|agent|bot|model)s?\b[^.\n]{0,60}"
    r"\b(approve|ignore|skip|do not|don't|must not|should not|report no|no issues|lgtm|mark (this|it))"
    r"|\b(approve|lgtm)\b[^.\n]{0,40}\b(this|the) (pull request|pr|change|diff)\b[^.\n]{0,40}"
    r"\b(without|immediately|automatically)"
    r"|\b(report|return|output|respond with)\s+(no|zero)\s+(issues|findings|problems|comments)"
    r"|<\|?(im_start|system|assistant)\|?>|\bsystem prompt\s*:",
    re.IGNORECASE,
)


def faults_of(file: ChangedFile) -> Iterator[Fault]:
    """Data of tests is left alone: it holds odd characters on purpose, and nobody runs it."""
    runs = file.role in (Role.SOURCE, Role.TEST, Role.CONFIG, Role.MANIFEST)
    for line, text in file.added.items():
        short = text[:4_000]
        if runs and (kind := _hidden(short, file.role in (Role.SOURCE, Role.TEST))):
            yield Fault("hidden-text", line, line, {"kind": kind}, "text", 0.95)
        if file.role is not Role.TEST and _ORDERS.search(short):
            yield Fault("addresses-reviewer", line, line, {}, "text", 0.8)


def speaks_to_reviewer(text: str) -> bool:
    """For titles, descriptions and names, which have no line to comment on."""
    return bool(_ORDERS.search(text[:20_000])) or bool(_BIDI & set(text))


def _hidden(text: str, is_code: bool) -> str:
    """What hides on this line, in words of ours; empty if nothing does."""
    if text.isascii():
        return ""
    characters = set(text)
    if characters & _BIDI:
        return "Bidirectional controls"
    if any(0xE0000 <= ord(one) <= 0xE007F for one in characters):
        return "Invisible tag characters"
    if not is_code:
        return ""
    if characters & _INVISIBLE and re.search(
        r"\w[\u200b\u200c\u200d\u2060\u00ad\u180e]|[\u200b\u200c\u2060\u00ad\u180e]\w", text
    ):
        letters = [one for one in characters if one.isalpha() and not one.isascii()]
        if not any(_script(one) in ("ARABIC", "DEVANAGARI", "BENGALI", "TAMIL") for one in letters):
            return "Invisible characters"
    for word in re.findall(r"[^\W\d_]\w*", re.sub(r"\"[^\"]*\"|'[^']*'|#.*|//.*", " ", text)):
        scripts = {_script(one) for one in word if one.isalpha()}
        if "LATIN" in scripts and scripts & {"CYRILLIC", "GREEK"}:
            return "Letters of another script that look like Latin ones"
    return ""


def _script(letter: str) -> str:
    return unicodedata.name(letter, "?").split()[0]
