"""Which words can stand for each other: WordNet's synonyms and derived forms, spelling slips, joined words.

The lists are data/wordnet.json, made by scripts/build_synonyms.py. Ordinals, days, months, units and currencies stand
for themselves only, whatever the lists say.
"""

from __future__ import annotations

import functools
import json
import tomllib
from importlib import resources

ENGLISH = tomllib.loads(resources.files(__package__).joinpath("data/english.toml").read_text("utf-8"))


def word_set(name: str) -> frozenset[str]:
    """A list of words in data/english.toml."""
    return frozenset(ENGLISH[name].split())


_ALONE = word_set("alone")
_SAME = [frozenset(line.split()) for line in ENGLISH["same"].strip().splitlines()]
# Steps by which WordNet's lists lead from one word to another that a cache must keep apart.
_APART = frozenset(
    frozenset(pair.split())
    for pair in (
        "day night", "hour minute", "minute second", "buy sell", "send receive", "give take", "bring take", "come go",
        "card bill", "euro dollar", "raise lower", "hot warm", "kind form", "charge pay", "return send", "open free",
        "early late", "mother father", "ensure insure", "lease rent",
    )
)  # fmt: skip


@functools.cache
def _lists() -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]], dict[str, str], frozenset[str]]:
    """(word -> synonyms, word -> derived forms, irregular form -> base, all words)."""
    data = json.loads(resources.files(__package__).joinpath("data/wordnet.json").read_text("utf-8"))
    tables = []
    for name in ("synonyms", "derived"):
        table: dict[str, set[str]] = {}
        for line in data[name].splitlines():
            group = line.split()
            for word in group:
                table.setdefault(word, set()).update(group)
        tables.append({word: frozenset(others - {word}) for word, others in table.items()})
    forms = {form: base for base, *rest in map(str.split, data["forms"].splitlines()) for form in rest}
    return tables[0], tables[1], forms, frozenset(data["known"].split())


def irregular(word: str) -> bool:
    """Whether the word is an irregular form of another, and no base itself: "paid", "written"."""
    return word in _lists()[2] and not word.endswith(("s", "ing"))


def known(word: str) -> bool:
    """Whether the lists have the word: it is then no slip of the pen for another."""
    synonyms, derived, forms, words = _lists()
    return word in words or word in synonyms or word in derived or word in forms


@functools.lru_cache(maxsize=50_000)
def bases(word: str) -> frozenset[str]:
    """The word and what it may be a form of: "stopped" -> stopped, stop; "copies" -> copies, copy."""
    found = {word}
    forms = _lists()[2]
    if word in forms:
        found.add(forms[word])
    for ending, instead in (
        ("ies", "y"), ("ied", "y"), ("s", ""), ("es", ""), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"),
        ("er", ""), ("er", "e"), ("est", ""), ("est", "e"), ("ly", ""), ("able", ""), ("able", "e"), ("ible", ""),
    ):  # fmt: skip
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            base = word[: -len(ending)]
            found.add(base + instead)
            if not instead and len(base) > 3 and base[-1] == base[-2]:
                found.add(base[:-1])
    return frozenset(found)


@functools.lru_cache(maxsize=200_000)
def alike(one: str, two: str) -> bool:
    """Whether one word may stand for the other; symmetric."""
    if one == two:
        return True
    first, second = bases(one), bases(two)
    if _two_sides(one, two):
        return False
    if first & second:
        return True
    if (first | second) & _ALONE:
        return False
    if any(first & group and second & group for group in _SAME):
        return True
    if frozenset((one, two)) in _APART or any(frozenset((a, b)) in _APART for a in first for b in second):
        return False
    synonyms, derived = _lists()[:2]
    around_first = first.union(*(derived.get(word, ()) for word in first))
    around_second = second.union(*(derived.get(word, ()) for word in second))
    if around_first & around_second:
        return True
    if any(synonyms.get(word, frozenset()) & around_second for word in around_first):
        return True
    return slip(one, two) or _cut(one, two) or _cut(two, one)


def _two_sides(one: str, two: str) -> bool:
    """Whether one word names who acts and the other, in "-ee", who is acted on: "employer" and "employee"."""
    plain = [word.removesuffix("s") for word in (one, two)]
    return (
        all(word.endswith(("ee", "er", "or")) for word in plain)
        and plain[0][:-2] == plain[1][:-2]
        and plain[0] != plain[1]
    )


def _cut(short: str, long: str) -> bool:
    """Whether a word that is in no list is the beginning of one that is: "int", "dicts"."""
    stem = short[:-1] if short.endswith("s") else short
    return 3 <= len(stem) < len(long) and long.startswith(stem) and not known_form(short) and known_form(long)


def slip(one: str, two: str) -> bool:
    """One letter missing, doubled, changed or swapped with its neighbour, in long words of which one is unknown."""
    if min(len(one), len(two)) < 5 or one[0] != two[0] or not (one.isalpha() and two.isalpha()):
        return False
    if (known_form(one) and known_form(two)) or abs(len(one) - len(two)) > 1:
        return False
    if len(one) == len(two):
        wrong = [k for k in range(len(one)) if one[k] != two[k]]
        if len(wrong) == 1:
            return True
        return (
            len(wrong) == 2
            and wrong[1] == wrong[0] + 1
            and one[wrong[0]] == two[wrong[1]]
            and (one[wrong[1]] == two[wrong[0]])
        )
    short, long = sorted((one, two), key=len)
    return any(long[:k] + long[k + 1 :] == short for k in range(len(long)))


def known_form(word: str) -> bool:
    """Whether the word or a base of it is in the lists."""
    return any(known(base) for base in bases(word))
