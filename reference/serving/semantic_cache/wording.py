"""A question taken apart: what it asks about, what kind of question it is, and the small words that turn its meaning.

English only (data/english.toml): in another language no word is known to be small, so two texts agree only if their
words are the same.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

from .lexicon import ENGLISH, word_set
from .verbs import past_form, tenses

_FIGURES = {word: str(number) for number, word in enumerate(ENGLISH["figures"].split())} | {
    word: str(10 * number) for number, word in enumerate(ENGLISH["tens"].split(), 2)
}
_SIGNS = ENGLISH["signs"]
_UNITS = {name: unit for unit, names in ENGLISH["units"].items() for name in names.split()}
_TABLE = sorted(
    ((phrase, instead) for instead, phrases in ENGLISH["phrases"].items() for phrase in phrases),
    key=lambda pair: -len(pair[0].split()),
)

_BY_FIRST: dict[str, list[tuple[list[str], list[str]]]] = {}
for _left, _right in _TABLE:
    _BY_FIRST.setdefault(_left.split()[0], []).append((_left.split(), _right.split()))
_ENDINGS = [(left, right) for left, right in _TABLE if left.startswith(("'", "n't"))]

_KINDS = {
    "why": "why", "when": "when", "where": "where", "who": "who", "whose": "whose", "how": "how", "howlong": "how long",
    "howoften": "how often", "howfar": "how far", "howmanytimes": "how many", "howmany": "how many",
    "howmuch": "how much", "what": "what", "which": "what", "whatnow": "what now", "whom": "whom",
}  # fmt: skip
_MODALS = {"can": "can", "could": "can", "may": "can", "should": "should", "must": "must", "need": "must"}
_NEGATIONS = word_set("negations")
_QUANTIFIERS = word_set("quantifiers")
_LINKS = word_set("links")
_PAST = word_set("past")
_BE = word_set("be")
_PRESENT = word_set("present")
_SMALL = word_set("small")
_COST = word_set("cost")
_NO_NOUNS = frozenset(("", "from", "to", "by", "before", "after", "and", "or", "than", "in", "with", "into", "is"))
_TOWARDS = word_set("towards")
_SIDES = {"over": "morethan", "above": "morethan", "under": "lessthan", "below": "lessthan"}  # before a figure
_CURRENCIES = frozenset(("dollar", "euro", "pound", "yen"))
_TOKEN = re.compile(
    r"(?<!\S)--?[a-z][\w-]*|[$€£¥%]|°[cf]\b|->|\d+(?:[.:]\d+)+|\d+|[a-z]\+\+|[acf]\#(?!\w)|\w+(?:[._/\\@:]+\w+)+|\w+(?:'\w+)?",
    re.IGNORECASE,
)
# Small words whose next content word is kept; some mean the same there.
_MARKS = {mark: mark for mark in word_set("heads")} | {"into": "to", "onto": "to", "toward": "to", "till": "until"}


@dataclass(frozen=True)
class Wording:
    """A question in parts, as `disagreement` compares them.

    Attributes:
        words: the words that carry content, in order, in lower case; a capitalised homonym of a small word ("US",
            "May") carries a sign in front.
        numbers: (figure, unit or empty), sorted.
        kind: why, when, where, who, whose, how, how long, what, yes or no, ...; empty for a fragment.
        asked: the preposition in front of "whom" or "who" ("to whom"), or empty.
        modals: can, should, must.
        negated: the content words that follow a negation, or empty text where none follows.
        quantifiers, links: such words, sorted; links join two statements: before, unless, than, ...
        tenses: past, perfect, future, supposed, by the verbs; empty for a text in the present or without a verb.
        person: whether "I" or "you" acts; empty if that is not said.
        objects: whether "I" or "you" is acted on ("reads me", "to you").
        marks: (small word such as "from", "than", "only", content word after it).
        before: for each content word the small words and figures between it and the one before.
        counted: (figure without a unit, content words beside it), in order.
        figures: all figures, in order.
        tokens: all words, small ones included.
        passive: places in `words` of verbs in the passive.
        participles: the words that look like a past form or participle.
        agent: who acts in a passive sentence ("conquered by Rome"), or empty.
    """

    words: tuple[str, ...]
    numbers: tuple[tuple[str, str], ...]
    kind: str
    asked: str
    modals: frozenset[str]
    negated: tuple[str, ...]
    quantifiers: tuple[str, ...]
    links: tuple[str, ...]
    tenses: frozenset[str]
    person: str
    objects: frozenset[str]
    marks: tuple[tuple[str, str], ...]
    before: tuple[tuple[str, ...], ...]
    counted: tuple[tuple[str, frozenset[str]], ...]
    figures: tuple[str, ...]
    tokens: tuple[str, ...]
    passive: frozenset[int]
    participles: frozenset[str]
    agent: str


@functools.lru_cache(maxsize=20_000)
def wording(text: str) -> Wording:
    """A text in parts."""
    tokens = _rewritten(_tokens(text))
    kind = _kind(tokens)
    costs = kind in ("what", "how much", "") and bool(_COST & set(tokens)) and bool(kind or "howmuch" in tokens)
    if costs:
        kind = "how much"  # "what does it cost", "how much is it"
    words: list[str] = []
    numbers: list[tuple[str, str]] = []
    negated: list[str] = []
    marks: list[tuple[str, str]] = []
    before: list[tuple[str, ...]] = []
    at: dict[int, int] = {}  # place among the tokens -> place among the content words
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
        if (token in _SMALL and not token.startswith("^")) or (costs and token in _COST):
            if token in _MARKS or token in _NEGATIONS:
                waiting.append(token)
            between.append(token)
            continue
        word = _UNITS.get(token, token)
        marks += [(_MARKS[mark], word) for mark in waiting if mark in _MARKS]
        negated += [word for mark in waiting if mark in _NEGATIONS]
        waiting = []
        before.append(tuple(between))
        between = []
        at[place] = len(words)
        words.append(word)
    negated += ["" for mark in waiting if mark in _NEGATIONS]
    passive, agent = _passive(tokens, at)
    return Wording(
        words=tuple(words),
        numbers=tuple(sorted(numbers)),
        kind=kind,
        asked=next((before for before, after in pairwise(tokens) if after == "whom" and before in _TOWARDS), ""),
        modals=frozenset(_MODALS[t] for t in tokens if t in _MODALS),
        negated=tuple(negated),
        quantifiers=tuple(sorted(set(tokens) & _QUANTIFIERS)),
        links=tuple(sorted(t for t in tokens if t in _LINKS)),
        tenses=tenses(tokens),
        person=_person(tokens),
        objects=_objects(tokens),
        marks=tuple(marks),
        before=tuple(before),
        counted=tuple(
            (token, frozenset(words[at[k]] for k in (place - 1, place + 1) if k in at))
            for place, token in enumerate(tokens)
            if token[0].isdigit()
        ),
        figures=tuple(token for token in tokens if token[0].isdigit()),
        tokens=tuple(tokens),
        passive=passive,
        participles=frozenset(words[at[k]] for k in at if past_form(tokens[k])),
        agent=agent,
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
    apart = [
        "^a" if token == "a" and after in _NO_NOUNS else token
        for token, after in zip(apart, [*apart[1:], ""], strict=False)
    ]  # "from a to b"
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


def _person(tokens: list[str]) -> str:
    verbs = _PAST | _PRESENT | {"have", "could", "would", "how", "why", "when", "what"}
    acting = {
        "you" if after == "you" else "I"
        for before, after in pairwise(tokens)
        if before in verbs and after in ("i", "we", "you")
    }
    return acting.pop() if len(acting) == 1 else ""


def _objects(tokens: list[str]) -> frozenset[str]:
    """Who is acted on: "me" and "us" always are, "you" behind a preposition or a content word ("to you", "pay you")."""
    found = {"I" for token in tokens if token in ("me", "us")}
    for before, after in pairwise(tokens):
        if after == "you" and (before in _TOWARDS or before not in _SMALL):
            found.add("you")
    return frozenset(found)


def _passive(tokens: list[str], at: dict[int, int]) -> tuple[frozenset[int], str]:
    """(places of passive verbs among the content words, agent): "be", then a participle with no noun behind it."""
    found, agent = set(), ""
    for place in at:
        nounless = place + 1 not in at
        if nounless and past_form(tokens[place]) and _BE & set(tokens[max(0, place - 6) : place]):
            found.add(at[place])
            by = next((k for k in range(place + 1, len(tokens)) if tokens[k] == "by"), None)
            if by is not None and not agent:
                agent = next((tokens[k] for k in at if k > by), "")
    return frozenset(found), agent
