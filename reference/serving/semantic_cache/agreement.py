"""Whether two questions ask the same thing in other words: the strict guard of the semantic cache.

Vectors propose, this disposes. Every content word of either text must have its counterpart in the other (same word, a
form or synonym of it), and the small words that turn a meaning must agree: negation, numbers with units, quantifiers,
before and after, if and unless, tense, who acts, what kind of question it is, and which word stands on which side of
"from", "to" or "than". It finds no paraphrase by itself; it lets few through, and fewer wrong ones.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from .lexicon import alike, known_form
from .wording import Wording, wording

_KINDS_THAT_MEET = {
    frozenset(pair)
    for pair in (
        ("how", "what now"), ("how", "what"), ("what", "what now"), ("what", "how long"), ("what", "how far"),
        ("what", "how much"), ("what", "how many"), ("what", "who"), ("how long", "how many"),
    )
}  # fmt: skip
_MOSTLY = 0.5
_SYMMETRIC = frozenset(("difference", "differ", "compare", "border", "distance", "compatible"))
_PARTICLES = (("in", "out"), ("on", "off"), ("up", "down"), ("with", "without"), ("into", "from"))
_OPPOSED = {frozenset(pair) for pair in (("from", "to"), ("before", "after"), ("with", "without"))}


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
    if one.links != two.links and (
        (one.links and two.links) or {"unless", "insteadof"} & {*one.links, *two.links} or _near_copies(one, two)
    ):
        return "link"
    if _particles_differ(Counter(one.tokens), Counter(two.tokens)):
        return "direction"
    if one.kind and two.kind and one.kind != two.kind and frozenset((one.kind, two.kind)) not in _KINDS_THAT_MEET:
        return "kind of question"
    if one.modals and two.modals and not one.modals & two.modals:
        return "modal"
    if one.tense and two.tense and one.tense != two.tense:
        return "tense"
    if one.person and two.person and one.person != two.person:
        return "person"
    pairs = _counterparts(one.words, two.words)
    if pairs is None:
        return "words"
    if _negations_differ(one, two) or _marks_differ(one, two):
        return "direction"
    if _agents_differ(one, two) or _turned_round(one, two, pairs):
        return "order"
    return ""


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
    """Whether the other text has a word like it, two words that make it, or one that it is a part of."""
    if any(alike(word, other) for other in words):
        return True
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


def _marks_differ(one: Wording, two: Wording) -> bool:
    """Whether a word stands after opposed prepositions, or "than" and "instead of" have other words after them."""
    for mark, word in one.marks:
        for other_mark, other in two.marks:
            if alike(word, other):
                both_ways = (other_mark, word) in one.marks or (mark, other) in two.marks
                if frozenset((mark, other_mark)) in _OPPOSED and not both_ways:
                    return True
            elif mark == other_mark and mark in ("than", "instead", "from", "before", "after", "without"):
                return True
    return False


def _particles_differ(one: Counter[str], two: Counter[str]) -> bool:
    """Whether one text has more "in" where the other has more "out"."""
    return any((one[a] - two[a]) * (one[b] - two[b]) < 0 for a, b in _PARTICLES)


def _agents_differ(one: Wording, two: Wording) -> bool:
    """Whether another one acts: the agent of a passive sentence against the first word of an active one."""
    if one.agent and two.agent:
        return not alike(one.agent, two.agent)
    if not one.agent and not two.agent:
        return False
    passive, active = (one, two) if one.agent else (two, one)
    return bool(active.words) and not alike(passive.agent, active.words[0])


def _near_copies(one: Wording, two: Wording) -> bool:
    """Whether the texts share most of all their words, so that their order must be what differs."""
    first, second = set(one.tokens), set(two.tokens)
    return len(first & second) >= _MOSTLY * len(first | second)


def _turned_round(one: Wording, two: Wording, pairs: list[tuple[int, int]]) -> bool:
    """Whether the counterparts stand in another order that no harmless change of the sentence explains."""
    order = [there for _, there in pairs]
    if order == sorted(order) or not _near_copies(one, two):
        return False
    if set(one.words) & _SYMMETRIC or set(two.words) & _SYMMETRIC or ("vs" in one.links and "vs" in two.links):
        return False
    start = order.index(min(order))
    plain = one.kind == two.kind == "yes or no"  # the verb stands first: nothing was moved to the front
    if not plain and len(order) > 2 and order[start:] + order[:start] == sorted(order):
        return False  # a part of the sentence was moved to its front or end
    if len(order) == 2 and bool(one.joined) != bool(two.joined):
        return False
    if bool(one.agent) != bool(two.agent):
        return False
    turned = [
        (here, after)
        for k, (here, there) in enumerate(pairs)
        for after, other in pairs[k + 1 :]
        if other < there
    ]  # fmt: skip
    # "payment of 20 pounds", "20 pounds payment": one text has a small word between the two, the other has none.
    place = dict(pairs)
    return not all(
        ((one.words[a], one.words[b]) in one.joined) != ((two.words[place[b]], two.words[place[a]]) in two.joined)
        for a, b in turned
    )
