"""Which word plays which part in a question: what stands before what, and behind which small word.

Two questions of the same words may still ask for opposite things: who acts and who is acted on, from where to where,
the price of which. English shows it by order and by prepositions, so both must agree; only moves that are known to keep
the meaning are excused (`turned_round`). What is not known to be harmless counts as a difference.
"""

from __future__ import annotations

from .lexicon import alike, word_set
from .wording import Wording

_SYMMETRIC = frozenset(("difference", "differ", "compare", "border", "distance", "compatible"))
_PREPOSITIONS = word_set("prepositions")
_MEET = {
    frozenset(pair.split())
    for pair in (
        "in at", "in on", "at on", "of in", "of on", "of for", "to into", "to onto", "to in", "to at",
        "in into", "on onto", "with on", "with in", "than vs", "until till", "in during", "at during", "on during",
    )
}  # fmt: skip
_COMPOUND = frozenset(("of", "for", "in", "on", "with"))
_OPENERS = word_set("openers")
_ADJUNCTS = _PREPOSITIONS - {"of", "as", "than", "vs", "out", "off", "insteadof"}
_PLACES = frozenset(("in", "on", "at", "for"))
_FOLLOWED = word_set("followed")
_OPPOSED = {frozenset(pair) for pair in (("from", "to"), ("before", "after"), ("with", "without"), ("by", "to"))}
_COMPARED = frozenset(("more", "less", "better", "worse", "most", "least"))


def marks_differ(one: Wording, two: Wording) -> bool:
    """Whether a word stands behind opposed small words, or "than", "from", "only" have another word behind them."""
    for mark in {mark for mark, _ in one.marks} & {mark for mark, _ in two.marks} & _FOLLOWED:
        here = [word for other, word in one.marks if other == mark]
        there = [word for other, word in two.marks if other == mark]
        if not any(alike(a, b) for a in here for b in there):
            return True
    for mark, word in one.marks:
        for other_mark, other in two.marks:
            if frozenset((mark, other_mark)) in _OPPOSED and alike(word, other):
                both_ways = (other_mark, word) in one.marks or (mark, other) in two.marks
                if not both_ways:
                    return True
    return False


def prepositions_differ(one: Wording, two: Wording, pairs: list[tuple[int, int]]) -> bool:
    """Whether counterparts stand behind prepositions that do not mean the same ("for a week", "in a week")."""
    for here, there in pairs:
        first, second = _preposition(one.before[here]), _preposition(two.before[there])
        if first and second and first != second and frozenset((first, second)) not in _MEET:
            return True
    return False


def owners_differ(one: Wording, two: Wording, pairs: list[tuple[int, int]]) -> bool:
    """Whether a thing is mine in one text and yours, or a third party's, in the other."""
    for here, there in pairs:
        first, second = _owner(one.before[here]), _owner(two.before[there])
        if first and second and first != second:
            return True
    return False


def counted_differ(one: Wording, two: Wording) -> bool:
    """Whether the same figure counts another thing: its neighbours in both texts have nothing in common."""
    if len(one.counted) != len(two.counted):
        return False  # then the numbers differ, which another guard sees
    for (_, here), (_, there) in zip(one.counted, two.counted, strict=True):
        if here and there and not any(alike(a, b) for a in here for b in there):
            return True
    return False


def passives_differ(one: Wording, two: Wording, pairs: list[tuple[int, int]]) -> bool:
    """Whether the one that acts in one text is acted on in the other.

    The agent of a passive sentence must be the first word of an active one, and what stands before a passive verb must
    not stand before the active one.
    """
    if one.agent and two.agent:
        if not alike(one.agent, two.agent):
            return True
    elif one.agent or two.agent:
        passive, active = (one, two) if one.agent else (two, one)
        if active.words and not alike(passive.agent, active.words[0]):
            return True
    there_of, here_of = dict(pairs), {there: here for here, there in pairs}
    return _same_side(one, two, there_of) or _same_side(two, one, here_of)


def _same_side(passive: Wording, active: Wording, other: dict[int, int]) -> bool:
    for verb in passive.passive:
        if verb not in other or other[verb] in active.passive:
            continue
        if verb == other[verb] == 0 and passive.kind == active.kind and passive.kind in ("who", "what"):
            return True  # "Who is paid?", "Who pays?"
        if active.words[other[verb]] in active.participles or active.words[other[verb]].endswith("ble"):
            continue  # "payment rejected", "refundable"
        if passive.person and passive.person == active.person:
            return True
        patients = [other[place] for place in range(verb) if place in other]
        if patients and max(patients) < other[verb]:
            return True
    return False


def turned_round(one: Wording, two: Wording, pairs: list[tuple[int, int]]) -> bool:
    """Whether the counterparts stand in another order that no harmless change of the sentence explains.

    Harmless: a part that begins with the same small word was moved to the front; "A and B" became "B and A"; "fee for
    parking" became "parking fee"; one of the two words follows the same preposition in both texts; an active verb
    became a passive one; both texts ask for what is the same both ways ("differ").
    """
    order = [there for _, there in pairs]
    if order == sorted(order) or _both_ways(one, two):
        return False
    if _moved(one, two, pairs):
        return False
    return any(
        not _excused(one, two, (here, after), (there, other))
        for k, (here, there) in enumerate(pairs)
        for after, other in pairs[k + 1 :]
        if other < there
    )


def both_ways(text: Wording) -> bool:
    """Whether a text asks for what is the same both ways: how things differ, how far they are apart."""
    return not _SYMMETRIC.isdisjoint(text.words)


def _both_ways(one: Wording, two: Wording) -> bool:
    if both_ways(one) or both_ways(two):
        return True
    graded = any(word in _COMPARED or word.endswith("er") for word in (*one.words, *two.words))
    return not graded and "vs" in one.tokens and "vs" in two.tokens


def _moved(one: Wording, two: Wording, pairs: list[tuple[int, int]]) -> bool:
    """Whether one part of the sentence stands in front in one text and at the end in the other."""
    order = [there for _, there in pairs]
    start = order.index(min(order))
    if len(order) < 3 or order[start:] + order[:start] != sorted(order):
        return False
    # The part before `start` leads in the first text; the part from `start` on leads in the second.
    for place, (here, there) in ((0, pairs[0]), (start, pairs[start])):
        first, second = set(one.before[here]), set(two.before[there])
        if first & second & _OPENERS:
            return True
        alone = start == 1 if place == 0 else start == len(order) - 1
        leads = not (first if place == 0 else second)  # "python: how do I ..."
        if alone and leads and (first | second) & _PLACES and not (first | second) & (_OPENERS - _PLACES):
            return True
    return False


def _excused(one: Wording, two: Wording, here: tuple[int, int], there: tuple[int, int]) -> bool:
    """Whether two words may stand in either order: places in the first text, places of the same two in the second."""
    if _same_phrase(one, two, here, (there[1], there[0])) or _same_phrase(two, one, (there[1], there[0]), here):
        return True
    for place, counterpart in zip(here, there, strict=True):
        if _preposition(one.before[place]) in _ADJUNCTS & {_preposition(two.before[counterpart])}:
            return True
    passive = (here[0] in one.passive or here[1] in one.passive) != (there[0] in two.passive or there[1] in two.passive)
    if passive:
        return True
    acting, text, places = (one.agent, one, here) if one.agent else (two.agent, two, there)
    return bool(acting) and bool(one.agent) != bool(two.agent) and acting in (text.words[p] for p in places)


def _same_phrase(first: Wording, second: Wording, ends: tuple[int, int], turned: tuple[int, int]) -> bool:
    """Whether "A and B" stands as "B and A", or "A of B" as "B A"; `turned` are the places of B and A in the second."""
    (a, b), (c, d) = ends, turned
    between, other = set(first.before[b]), set(second.before[d])
    joined = {"and", "or"}
    if b == a + 1 and d == c + 1 and between & joined and other & joined and not (between | other) & {"then", "not"}:
        return True
    return bool(set(first.before[a + 1]) & _COMPOUND) and _touching(first, a + 1, b) and _touching(second, c, d)


def _touching(text: Wording, start: int, end: int) -> bool:
    """Whether nothing but figures stands between the content words from `start` to `end`."""
    return all(token[0].isdigit() for place in range(start + 1, end + 1) for token in text.before[place])


def _preposition(between: tuple[str, ...]) -> str:
    return next((token for token in reversed(between) if token in _PREPOSITIONS), "")


def _owner(between: tuple[str, ...]) -> str:
    owners = {"my": "I", "our": "I", "your": "you", "his": "other", "her": "other", "their": "other"}
    return next((owners[token] for token in reversed(between) if token in owners), "")
