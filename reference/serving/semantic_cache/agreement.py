"""Whether two questions ask the same thing in other words: the strict guard of the semantic cache.

Vectors propose, this disposes. Every content word of either text must have its counterpart in the other (same word, a
form or synonym of it), and the small words that turn a meaning must agree: negation, numbers with units, quantifiers,
before and after, if and unless, tense, who acts on whom, what kind of question it is, and the order of the words with
their prepositions (roles.py). It finds no paraphrase by itself; it lets few through, and fewer wrong ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from .lexicon import alike, bases, known_form
from .roles import (
    both_ways,
    counted_differ,
    marks_differ,
    owners_differ,
    passives_differ,
    prepositions_differ,
    turned_round,
)
from .wording import Wording, wording

_KINDS_THAT_MEET = {
    frozenset(pair)
    for pair in (
        ("what", "what now"), ("what", "how long"), ("what", "how far"),
        ("what", "how much"), ("what", "how many"), ("how long", "how many"),
    )
}  # fmt: skip
_KINDS_TOLD = frozenset(("why", "when", "where", "who", "whose", "whom", "how long", "how often", "how far"))
_PARTICLES = (("in", "out"), ("on", "off"), ("up", "down"), ("with", "without"), ("into", "from"))
_GONE = frozenset(("out", "off"))  # a verb with one of these is another verb
_OPPOSED_VERBS = (("give", "get"), ("give", "take"), ("give", "have"), ("put", "take"), ("put", "get"), ("come", "go"))
_OPPOSED_ADVERBS = (("still", "already"), ("still", "yet"), ("ever", "never"), ("now", "then"), ("and", "or"))
_ALSO = frozenset(("even", "other", "own", "also", "ever", "like"))
_NEGATIONS_APART = ("nolonger", "except", "never", "neither", "nor")


def disagreement(one: str, two: str) -> str:
    """Why the answer to one question must not serve the other: the guard's name; empty if none objects. Symmetric."""
    return objection(wording(one), wording(two))


def objection(one: Wording, two: Wording) -> str:
    """`disagreement` of two texts that are in parts already."""
    if one == two:
        return ""
    if one.numbers != two.numbers:
        return "numbers"
    if len(one.negated) != len(two.negated):
        return "negation"
    if one.quantifiers != two.quantifiers:
        return "quantifier"
    if one.figures != two.figures:
        return "order"
    if one.links != two.links:
        return "link"
    if one.tenses != two.tenses:
        return "tense"
    first, second = Counter(one.tokens), Counter(two.tokens)
    if any(first[word] != second[word] for word in _NEGATIONS_APART):
        return "negation"
    if any(bool(first[word]) != bool(second[word]) for word in _ALSO):
        return "quantifier"
    if _opposed(first, second, _PARTICLES) or any(first[word] != second[word] for word in _GONE):
        return "direction"
    if _opposed(first, second, _OPPOSED_VERBS) or _opposed(first, second, _OPPOSED_ADVERBS):
        return "direction"
    if not _kinds_meet(one.kind, two.kind, both_ways(one) and both_ways(two)) or one.asked != two.asked:
        return "kind of question"
    if _modals_differ(one, two):
        return "modal"
    if (one.person and two.person and one.person != two.person) or one.objects != two.objects:
        return "person"
    pairs = _counterparts(one.words, two.words)
    if pairs is None:
        return "words"
    if _negations_differ(one, two) or marks_differ(one, two) or prepositions_differ(one, two, pairs):
        return "direction"
    if owners_differ(one, two, pairs):
        return "person"
    if any(_degrees_differ(one.words[here], two.words[there]) for here, there in pairs):
        return "degree"
    if counted_differ(one, two) or passives_differ(one, two, pairs) or turned_round(one, two, pairs):
        return "order"
    return ""


def _modals_differ(one: Wording, two: Wording) -> bool:
    """Whether only one text says must or should. "Can" may be missing, and so may the verb "need"."""
    if one.modals and two.modals and not one.modals & two.modals:
        return True
    return any(
        modal in this.modals - other.modals and not (modal == "must" and "must" not in this.tokens)
        for this, other in ((one, two), (two, one))
        for modal in ("must", "should")
    )


def _kinds_meet(one: str, two: str, both_ways: bool) -> bool:
    if one == two or frozenset((one, two)) in _KINDS_THAT_MEET:
        return True
    if frozenset((one, two)) == {"how", "what"} and both_ways:  # "how do they differ", "what is the difference"
        return True
    return "" in (one, two) and not {one, two} & _KINDS_TOLD


def _counterparts(one: tuple[str, ...], two: tuple[str, ...]) -> list[tuple[int, int]] | None:
    """(place, place) of the words that stand for each other; None if a word of either text has no counterpart."""
    pairs: list[tuple[int, int]] = []
    taken: set[int] = set()
    for same_only in (True, False):
        met = {here for here, _ in pairs}
        for here, word in enumerate(one):
            if here in met:
                continue
            for there, other in enumerate(two):
                if there not in taken and (word == other if same_only else alike(word, other)):
                    pairs.append((here, there))
                    taken.add(there)
                    break
    met = {here for here, _ in pairs}
    for here, word in enumerate(one):
        if here not in met and not _said(word, two):
            return None
    for there, word in enumerate(two):
        if there not in taken and not _said(word, one):
            return None
    return sorted(pairs)


def _said(word: str, words: tuple[str, ...]) -> bool:
    """Whether the other text has two words that make it, or one that it is a part of."""
    neighbours = pairwise(words)
    if any(word == first + second for first, second in neighbours):
        return True
    return any(
        other.startswith(word) or other.endswith(word) for other in words if len(word) > 2 and _joins(other, word)
    )


def _joins(other: str, word: str) -> bool:
    """Whether `other` is an unknown word that `word` begins or ends, and its rest is a known one: "creditcard"."""
    if not other.startswith(word) and not other.endswith(word):
        return False
    rest = other[len(word) :] if other.startswith(word) else other[: -len(word)]
    return len(rest) > 2 and not known_form(other) and known_form(rest)


def _negations_differ(one: Wording, two: Wording) -> bool:
    return any(a and b and not alike(a, b) for a, b in zip(sorted(one.negated), sorted(two.negated), strict=False))


def _opposed(one: Counter[str], two: Counter[str], pairs: Sequence[tuple[str, str]]) -> bool:
    """Whether one text has more "in" where the other has more "out"."""
    return any((one[a] - two[a]) * (one[b] - two[b]) < 0 for a, b in pairs)


def _degrees_differ(one: str, two: str) -> bool:
    """Whether one word is the other with "-er" or "-est": longer, longest, or who does it ("reader")."""
    return _degree(one, two) != _degree(two, one)


def _degree(word: str, other: str) -> str:
    """The ending of comparison or of an actor that makes `word` from a base of the other word, or empty."""
    roots = bases(other)
    for ending in ("er", "est"):
        plain = word.removesuffix("s") if ending == "er" else word
        if plain.endswith(ending) and bases(plain) & roots - {plain}:
            return ending
    return ""
