"""What must agree before the answer to one question may serve another, however near their vectors lie.

Sentence embeddings put "3.11" beside "3.12", "with" beside "without" and "from A to B" beside "from B to A". A guard
reads the words instead. Each may refuse a pair that means the same, which costs a cache hit; none makes a pair equal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_COUNTING = "zero one two three four five six seven eight nine ten eleven twelve"
_NUMBER_WORDS = {word: str(number) for number, word in enumerate(_COUNTING.split())}
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:[.,:]\d+)*%?")
_UNIT = re.compile(r"\s*([^\W\d_]+|%)")
_QUOTED = re.compile(r"“([^”]*)”|\"([^\"]*)\"|`([^`]*)`|(?<!\w)'([^']+)'(?!\w)")
_IDENTIFIER = re.compile(r"[^\s,;()\[\]{}?!]*(?:[_$@#/\\]|\w\.\w|::|\w\(\)|--\w)[^\s,;()\[\]{}?!]*")
_CAPITALISED = re.compile(r"[^\W\d_]*[A-ZÀ-ÖØ-Þ][\w-]*")
_NEGATIONS = frozenset(
    {
        "not",
        "no",
        "never",
        "without",
        "neither",
        "nor",
        "none",
        "cannot",
        "except",
        "unless",
        "nothing",
        "nobody",
        "but",
    }
)
_OPPOSITES = (
    ("enable", "disable"), ("start", "stop"), ("open", "close"), ("add", "remove"), ("add", "delete"),
    ("create", "delete"), ("create", "remove"), ("install", "uninstall"), ("increase", "decrease"), ("up", "down"),
    ("before", "after"), ("first", "last"), ("minimum", "maximum"), ("min", "max"), ("above", "below"),
    ("more", "less"), ("largest", "smallest"), ("longest", "shortest"), ("encrypt", "decrypt"), ("lock", "unlock"),
    ("import", "export"), ("upload", "download"), ("upgrade", "downgrade"), ("true", "false"), ("on", "off"),
    ("allow", "deny"), ("allow", "forbid"), ("show", "hide"), ("mount", "unmount"), ("read", "write"), ("in", "out"),
    ("left", "right"), ("hot", "cold"), ("buy", "sell"), ("send", "receive"), ("push", "pull"), ("set", "unset"),
    ("compress", "decompress"), ("encode", "decode"), ("oldest", "newest"), ("public", "private"), ("with", "without"),
    ("advantage", "disadvantage"), ("possible", "impossible"), ("old", "new"), ("win", "lose"), ("accept", "reject"),
)  # fmt: skip
_KINDS = ("how", "why", "when", "where", "who", "which", "what")
_FILLER_WORDS = """
    a an the i you we it is are was were do does did can could should would to of in on for with and or my your me
    please how what why when where who which there be have has this that some any
"""
_FILLERS = frozenset(_FILLER_WORDS.split())


@dataclass(frozen=True)
class Fingerprint:
    """What guards compare.

    Attributes:
        numbers: numbers with the word after them ("5 minutes"); number words count as figures.
        negations: how many negating words.
        quoted: quoted strings, exactly.
        names: identifiers, and words with a capital letter that do not begin the text; in lower case.
        words: all words, lower case, without plural or verb endings.
        sequence: the words that carry content, in order.
        kind: the question word, or empty.
    """

    numbers: tuple[str, ...]
    negations: int
    quoted: tuple[str, ...]
    names: frozenset[str]
    words: frozenset[str]
    sequence: tuple[str, ...]
    kind: str


def fingerprint(text: str) -> Fingerprint:
    """What the guards see of a text."""
    raw = _WORD.findall(text)
    lower = [word.lower().replace("’", "'") for word in raw]
    content = tuple(stem(word) for word in lower if word not in _FILLERS)
    return Fingerprint(
        numbers=_numbers(text),
        negations=sum(word in _NEGATIONS or word.endswith("n't") for word in lower),
        quoted=tuple(sorted(next(part for part in found if part) for found in _QUOTED.findall(text) if any(found))),
        names=_names(text),
        words=frozenset(stem(word) for word in lower),
        sequence=content,
        kind=next((word for word in lower if word in _KINDS), ""),
    )


def refusal(one: Fingerprint, two: Fingerprint) -> str:
    """Why the answer to one must not serve the other: the guard's name; empty if none objects."""
    if one.numbers != two.numbers:
        return "numbers"
    if one.quoted != two.quoted:
        return "quoted"
    if one.negations != two.negations:
        return "negation"
    if not (one.names <= _reachable(two) and two.names <= _reachable(one)):
        return "names"
    only_one, only_two = one.words - two.words, two.words - one.words
    for first, second in _STEMMED_OPPOSITES:
        if (first in only_one and second in only_two) or (second in only_one and first in only_two):
            return "opposite"
    if one.kind and two.kind and one.kind != two.kind and {one.kind, two.kind} & {"who", "when", "where", "why"}:
        return "question word"
    if sorted(one.sequence) == sorted(two.sequence) and one.sequence != two.sequence:
        return "order"
    return ""


def stem(word: str) -> str:
    """A word without its commonest English endings: enough to see "enabled" and "disabling" as a pair of opposites."""
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            base = word[: -len(ending)]
            if ending in ("ing", "ed") and len(base) > 3 and base[-1] == base[-2] and base[-1] not in "ls":
                base = base[:-1]
            return base[:-1] if base.endswith("e") and len(base) > 3 else base
    return word


_STEMMED_OPPOSITES = tuple((stem(first), stem(second)) for first, second in _OPPOSITES)


def _numbers(text: str) -> tuple[str, ...]:
    found = []
    for match in _NUMBER.finditer(text):
        unit = _UNIT.match(text, match.end())
        found.append(f"{match[0].lstrip('+')} {stem(unit[1].lower()) if unit else ''}".strip())
    for word in _WORD.findall(text.lower()):
        if word in _NUMBER_WORDS:
            found.append(_NUMBER_WORDS[word])
        elif any(char.isdigit() for char in word) and not word.isdigit():
            found.append(word)  # v2, 5kb, x86
    return tuple(sorted(found))


def _names(text: str) -> frozenset[str]:
    found = {word.lower().strip(".:'\"`") for word in _IDENTIFIER.findall(text)}
    words = _WORD.findall(text)
    found |= {word.lower() for word in words[1:] if _CAPITALISED.fullmatch(word) and word != "I"}
    # The first word is capitalised anyway; it is a name only if a capital stands inside it.
    if words and any(char.isupper() for char in words[0][1:]):
        found.add(words[0].lower())
    return frozenset(word for word in found if word)


def _reachable(print_: Fingerprint) -> frozenset[str]:
    """Names of a text and its plain words: `Python` may stand as `python` in the other."""
    return print_.names | print_.words | frozenset(print_.sequence)
