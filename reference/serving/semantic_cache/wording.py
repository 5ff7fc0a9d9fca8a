"""A question taken apart: what it asks about, what kind of question it is, and the small words that turn its meaning.

English only (data/english.toml): in another language no word is known to be small, so two texts agree only if their
words are the same.
"""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise

_ENGLISH = tomllib.loads(resources.files(__package__).joinpath("data/english.toml").read_text("utf-8"))


def _set(name: str) -> frozenset[str]:
    return frozenset(_ENGLISH[name].split())


_FIGURES = {word: str(number) for number, word in enumerate(_ENGLISH["figures"].split())} | {
    word: str(10 * number) for number, word in enumerate(_ENGLISH["tens"].split(), 2)
}
_SIGNS = _ENGLISH["signs"]
_UNITS = {name: unit for unit, names in _ENGLISH["units"].items() for name in names.split()}
_TABLE = sorted(
    ((phrase, instead) for instead, phrases in _ENGLISH["phrases"].items() for phrase in phrases),
    key=lambda pair: -len(pair[0].split()),
)

_BY_FIRST: dict[str, list[tuple[list[str], list[str]]]] = {}
for _left, _right in _TABLE:
    _BY_FIRST.setdefault(_left.split()[0], []).append((_left.split(), _right.split()))
_ENDINGS = [(left, right) for left, right in _TABLE if left.startswith(("'", "n't"))]

_KINDS = {
    "why": "why", "when": "when", "where": "where", "who": "who", "whose": "whose", "how": "how", "howlong": "how long",
    "howoften": "how often", "howfar": "how far", "howmanytimes": "how many", "howmany": "how many",
    "howmuch": "how much", "what": "what", "which": "what", "whatnow": "what now",
}  # fmt: skip
_MODALS = {"can": "can", "could": "can", "may": "can", "should": "should", "must": "must", "need": "must"}
_NEGATIONS = _set("negations")
_QUANTIFIERS = _set("quantifiers")
_LINKS = _set("links")
_PAST = _set("past")
_BE = _set("be")
_PRESENT = _set("present")
_SMALL = _set("small")
_COST = _set("cost")
_SIDES = {"over": "morethan", "above": "morethan", "under": "lessthan", "below": "lessthan"}  # before a figure
_CURRENCIES = frozenset(("dollar", "euro", "pound", "yen"))
_TOKEN = re.compile(
    r"(?<!\S)--?[a-z][\w-]*|[$€£¥%]|°[cf]\b|->|\d+(?:[.:]\d+)+|\d+|[a-z]\+\+|[acf]\#(?!\w)|\w+(?:[._/\\@:]+\w+)+|\w+(?:'\w+)?",
    re.IGNORECASE,
)
_MARKS = {"from": "from", "to": "to", "into": "to", "onto": "to", "toward": "to", "before": "before", "after": "after",
          "than": "than", "insteadof": "instead", "without": "without", "with": "with", "by": "by"}  # fmt: skip


@dataclass(frozen=True)
class Wording:
    """A question in parts, as `disagreement` compares them.

    Attributes:
        words: the words that carry content, in order, in lower case; a capitalised homonym of a small word ("US",
            "May") carries a sign in front.
        numbers: (figure, unit or empty), sorted.
        kind: why, when, where, who, whose, how, how long, what, yes or no, ...; empty for a fragment.
        modals: can, should, must.
        negated: the content words that follow a negation, or empty text where none follows.
        quantifiers, links: such words, sorted; links join two statements: before, unless, than, ...
        tense: past, present (or future) or supposed, by the auxiliary verb; empty if there is none.
        person: whether "I" or "you" acts; empty if that is not said.
        marks: (preposition, content word after it).
        joined: pairs of content words that "of", "for", "on" or "in" joins.
        figures: all figures, in order.
        tokens: all words, small ones included.
        agent: who acts in a passive sentence ("conquered by Rome"), or empty.
    """

    words: tuple[str, ...]
    numbers: tuple[tuple[str, str], ...]
    kind: str
    modals: frozenset[str]
    negated: tuple[str, ...]
    quantifiers: tuple[str, ...]
    links: tuple[str, ...]
    tense: str
    person: str
    marks: tuple[tuple[str, str], ...]
    joined: frozenset[tuple[str, str]]
    figures: tuple[str, ...]
    tokens: tuple[str, ...]
    agent: str


@functools.lru_cache(maxsize=20_000)
def wording(text: str) -> Wording:
    """A text in parts."""
    tokens = _rewritten(_tokens(text))
    words: list[str] = []
    numbers: list[tuple[str, str]] = []
    negated: list[str] = []
    marks: list[tuple[str, str]] = []
    joined: set[tuple[str, str]] = set()
    waiting: list[str] = []  # prepositions and negations whose word has not come yet
    between: list[str] = []
    for place, token in enumerate(tokens):
        if token[0].isdigit():
            unit = next((_UNITS[t] for t in tokens[place + 1 : place + 2] if t in _UNITS), "")
            if not unit and place and tokens[place - 1] in _SIGNS.values():
                unit = tokens[place - 1]
            numbers.append((token, unit))
            between.append(token)
            continue
        if token in _SMALL and not token.startswith("^"):
            if token in _MARKS or token in _NEGATIONS:
                waiting.append(token)
            between.append(token)
            continue
        word = _UNITS.get(token, token)
        for mark in waiting:
            if mark in _MARKS:
                marks.append((_MARKS[mark], word))
            if mark in _NEGATIONS:
                negated.append(word)
        waiting = []
        if words and set(between) & {"of", "for", "on", "in"}:
            joined.add((words[-1], word))
        between = []
        words.append(word)
    passive = [
        tokens[k + 1 :]
        for k, token in enumerate(tokens)
        if token == "by" and k and re.search(r"(ed|en|wn|ght|ilt)$", tokens[k - 1]) and _BE & set(tokens[:k])
    ]
    negated += ["" for mark in waiting if mark in _NEGATIONS]
    small = set(tokens)
    kind = _kind(tokens)
    if kind in ("what", "how much", "") and small & _COST and (kind or "howmuch" in small):
        kind = "how much"  # "what does it cost", "how much is it"
        words = [word for word in words if word not in _COST]
    return Wording(
        words=tuple(words),
        numbers=tuple(sorted(numbers)),
        kind=kind,
        modals=frozenset(_MODALS[t] for t in tokens if t in _MODALS),
        negated=tuple(negated),
        quantifiers=tuple(sorted(small & _QUANTIFIERS)),
        links=tuple(sorted(t for t in tokens if t in _LINKS)),
        tense=_tense(tokens),
        person=_person(tokens),
        marks=tuple(marks),
        joined=frozenset(joined),
        figures=tuple(token for token in tokens if token[0].isdigit()),
        tokens=tuple(tokens),
        agent=next((word for rest in passive for word in rest if word not in _SMALL), ""),
    )


def small(word: str) -> bool:
    """Whether a word only frames a question."""
    return word in _SMALL


def _tokens(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).replace("’", "'")
    plain = re.sub(r"(?<=\d),(?=\d{3}\b)", "", plain)
    plain = re.sub(r"(\d)\+", r"more than \1", plain) if re.search(r"\d\+(?!\d)", plain) else plain
    plain = re.sub(r"\bv(?=\d)", "", plain)
    found: list[str] = []
    for match in _TOKEN.finditer(plain):
        token = match[0]
        lower = token.lower().strip("_")
        if not lower:
            continue
        start = not found or plain[: match.start()].rstrip()[-1:] in (".", "!", "?", ":")
        if lower in _SIGNS:
            found.append(_SIGNS[lower])
        elif lower == "->":
            found.append("to")
        elif re.fullmatch(r"\d+[a-z]+", lower) and re.sub(r"\d+", "", lower) in _UNITS:
            figure = re.match(r"\d+", lower)
            assert figure
            found += [figure[0], lower[figure.end() :]]
        elif (
            not start
            and token != "I"
            and lower in _SMALL
            and token[0].isupper()
            and (token.isupper() or lower == "may")
        ):
            found.append(f"^{lower}")
        else:
            found.append(lower)
    return found


def _rewritten(tokens: list[str]) -> list[str]:
    apart: list[str] = []
    for token in tokens:
        for ending, instead in _ENDINGS:
            if token.endswith(ending) and token not in _BY_FIRST and len(token) > len(ending):
                apart += [token[: -len(ending)], *instead.split()]
                break
        else:
            apart.append(token[:-2] if token.endswith("'s") and token not in _BY_FIRST else token)
    for _ in range(2):  # "what's the reason" needs two rounds
        done: list[str] = []
        place = 0
        while place < len(apart):
            for left, right in _BY_FIRST.get(apart[place], ()):
                if apart[place : place + len(left)] == left:
                    done += right
                    place += len(left)
                    break
            else:
                done.append(apart[place])
                place += 1
        apart = done
    apart = [_FIGURES[t] if t in _FIGURES and t != "one" else t for t in apart]
    return [
        _SIDES[token] if token in _SIDES and (after[0].isdigit() or after in _CURRENCIES) else token
        for token, after in zip(apart, [*apart[1:], "."], strict=False)
    ]


def _kind(tokens: list[str]) -> str:
    asked = [_KINDS[t] for t in tokens if t in _KINDS]
    first = next((t for t in tokens if t not in ("so", "and", "please", "pls")), "")
    if first in _KINDS:
        return _KINDS[first]
    if first in ("if", "after", "before", "in", "at", "on", "for", "to", "by", "of", "with"):
        return asked[0] if asked else ""
    if first in _MODALS or first in _PAST | _PRESENT | {"have", "has", "am"}:
        return "yes or no"
    strong = [kind for kind in asked if kind not in ("what", "when", "who", "where")]
    if strong:
        return strong[0]
    return asked[-1] if asked and tokens[-1] in _KINDS else ""


def _tense(tokens: list[str]) -> str:
    some = set(tokens)
    if "might" in some or ("would" in some and "have" not in some):
        return "supposed"
    for token in tokens:
        if token in _PAST:
            return "past"
        if token in _PRESENT:
            follows = tokens[tokens.index(token) :]
            return "past" if "have" in follows[:4] and token in ("could", "should") else "present"
        if token in ("have", "has"):
            return "past"
        if token == "could":
            return "past" if "have" in tokens else "present"
    return ""


def _person(tokens: list[str]) -> str:
    verbs = _PAST | _PRESENT | {"have", "could", "would", "how", "why", "when", "what"}
    acting = {
        "you" if after == "you" else "I"
        for before, after in pairwise(tokens)
        if before in verbs and after in ("i", "we", "you")
    }
    return acting.pop() if len(acting) == 1 else ""
