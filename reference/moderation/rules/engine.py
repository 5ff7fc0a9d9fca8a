"""Matching compiled rules in both views of a batch of texts.

Literals: one Aho-Corasick automaton over the joined plain views and one over the joined keys of the folded views; both
run once per batch, and word boundaries are checked on the few hits. Regexes: RE2 sets, which are linear in the text.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from reference.moderation.rules.schema import Rule
from reference.moderation.text.keys import Keys, key_of, keys
from reference.moderation.text.views import folded_view, plain_view
from reference.moderation.types import ModerationError

MIN_LETTERS = 3
MIN_SPLIT_LETTERS = 5  # shorter words turn up across the ends of other words
MAX_PROGRAM = 4000  # instructions of RE2; a set of such programs still fits its memory
SET_MEMORY = 256 << 20  # bytes; an RE2 set that runs out of it would say "no match"


class Hit(NamedTuple):
    """`rule` is an index into the engine's rules; `span` in the plain view, None in the folded one."""

    rule: int
    view: str
    span: tuple[int, int] | None


class _Literal(NamedTuple):
    rule: int
    words: bool
    split: bool
    phrase: bool
    letter_edges: tuple[bool, bool]  # is the first (last) character a letter: then digits beside it are no word


class Engine:
    """Compiled rules. `match` is safe to call from several threads."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._allow = [rule.kind == "allow" for rule in rules]
        self._literals: dict[str, list[_Literal]] = {"plain": [], "folded": []}
        self._automata: dict[str, Any] = {}
        self._sets: dict[str, tuple[Any, list[int]] | None] = {}
        texts: dict[str, list[str]] = {"plain": [], "folded": []}
        for number, rule in enumerate(rules):
            if rule.kind != "regex":
                for pattern in rule.patterns:
                    self._add(number, rule, pattern, texts)
        for view, patterns in texts.items():
            self._automata[view] = _automaton(patterns) if patterns else None
            self._sets[view] = self._set(view)

    def _add(self, number: int, rule: Rule, pattern: str, texts: dict[str, list[str]]) -> None:
        plain, key = plain_view(pattern), key_of(folded_view(pattern))
        letters = sum(map(str.isalnum, plain))
        if letters < MIN_LETTERS and (letters == 0 or plain.isascii()):
            raise ModerationError(
                f"rule {rule.id!r}: pattern {pattern!r} has {letters} letters and would match everywhere; "
                f"give at least {MIN_LETTERS}"
            )
        for ending in ("", "s") if rule.inflect else ("",):
            text = plain + ending
            edges = (text[0].isalpha(), text[-1].isalpha())
            literal = _Literal(number, rule.words, rule.split and len(key) >= MIN_SPLIT_LETTERS, " " in plain, edges)
            if "plain" in rule.views:
                texts["plain"].append(text)
                self._literals["plain"].append(literal)
            if "folded" in rule.views and len(key) >= MIN_LETTERS:
                texts["folded"].append(key_of(folded_view(text)))
                self._literals["folded"].append(literal)

    def _set(self, view: str) -> tuple[Any, list[int]] | None:
        import re2

        options = re2.Options()
        options.log_errors = False
        options.max_mem = SET_MEMORY
        found, owners = re2.Set.SearchSet(options), []
        for number, rule in enumerate(self.rules):
            if rule.kind != "regex" or view not in rule.views:
                continue
            for pattern in rule.patterns:
                compile_regex(rule.id, pattern)
                found.Add(pattern)
                owners.append(number)
        if not owners:
            return None
        found.Compile()
        return found, owners

    def match(self, plain: Sequence[str], folded: Sequence[str]) -> dict[int, list[Hit]]:
        """Hits by index of the post, only for posts with any; one hit per rule and post, the plain view first."""
        hits: dict[int, dict[int, Hit]] = {}
        if not plain:
            return {}
        self._match_plain(plain, hits)
        self._match_folded(folded, hits)
        self._match_regexes(plain, folded, hits)
        return {post: list(found.values()) for post, found in hits.items()}

    def _match_plain(self, plain: Sequence[str], hits: dict[int, dict[int, Hit]]) -> None:
        automaton = self._automata["plain"]
        if automaton is None:
            return
        text = "\n".join(plain) + "\n"
        found = automaton.find_matches_as_indexes(text, overlapping=True)
        if not found:
            return
        ends = list(accumulate(len(view) + 1 for view in plain))
        literals = self._literals["plain"]
        good = []
        for pattern, start, end in found:
            literal = literals[pattern]
            if literal.words and not (
                _boundary(text[start - 1] if start else "\n", literal.letter_edges[0])
                and _boundary(text[end], literal.letter_edges[1])
            ):
                continue
            post = bisect_right(ends, start)
            good.append((post, literal.rule, start, end))
        for post, rule, start, end in self._not_excused(good):
            base = ends[post - 1] if post else 0
            hits.setdefault(post, {}).setdefault(rule, Hit(rule, "plain", (start - base, end - base)))

    def _match_folded(self, folded: Sequence[str], hits: dict[int, dict[int, Hit]]) -> None:
        automaton = self._automata["folded"]
        if automaton is None:
            return
        batch = keys(folded)
        found = automaton.find_matches_as_indexes(batch.text, overlapping=True)
        if not found:
            return
        good = []
        literals = self._literals["folded"]
        for pattern, start, end in found:
            literal = literals[pattern]
            if _counts(literal, batch, start, end):
                good.append((-1, literal.rule, start, end))
        for _, rule, start, _ in self._not_excused(good):
            post = int(batch.offsets.searchsorted(start, side="right"))
            hits.setdefault(post, {}).setdefault(rule, Hit(rule, "folded", None))

    def _match_regexes(self, plain: Sequence[str], folded: Sequence[str], hits: dict[int, dict[int, Hit]]) -> None:
        if one := self._sets["plain"]:
            found, owners = one
            for post, text in enumerate(plain):
                for index in found.Match(text.encode("utf-8", "replace")) or ():
                    rule = owners[index]
                    hits.setdefault(post, {}).setdefault(rule, Hit(rule, "plain", None))
        if one := self._sets["folded"]:
            found, owners = one
            both = self._sets["plain"] is not None and self._sets["plain"][1] == owners
            for post, text in enumerate(folded):
                if both and text is plain[post]:
                    continue
                for index in found.Match(text.encode("utf-8", "replace")) or ():
                    rule = owners[index]
                    hits.setdefault(post, {}).setdefault(rule, Hit(rule, "folded", None))

    def _not_excused(self, good: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
        """Without allow rules' own hits and the literals that lie inside one for their category."""
        allowed = [one for one in good if self._allow[one[1]]]
        if not allowed:
            return good
        return [
            one
            for one in good
            if not self._allow[one[1]]
            and not any(
                excuse[2] <= one[2]
                and one[3] <= excuse[3]
                and self.rules[excuse[1]].category in ("*", self.rules[one[1]].category)
                for excuse in allowed
            )
        ]


def compile_regex(rule_id: str, pattern: str) -> Any:
    """RE2's program. ModerationError where RE2 refuses the pattern, it is too large, or it matches an empty text."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        program = re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "no reason given"
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ModerationError(
            f"rule {rule_id!r}: RE2 refuses regex {pattern!r}: {reason} (look-around and back references do not exist)"
        ) from error
    size = int(program.programsize)
    if size > MAX_PROGRAM:
        raise ModerationError(
            f"rule {rule_id!r}: regex {pattern!r} needs {size:,} instructions, more than {MAX_PROGRAM:,}; "
            "make its repetitions smaller"
        )
    if program.search(""):
        raise ModerationError(f"rule {rule_id!r}: regex {pattern!r} matches an empty text, so every post")
    return program


def _automaton(patterns: list[str]) -> Any:
    from ahocorasick_rs import AhoCorasick

    return AhoCorasick(patterns, store_patterns=False)


def _boundary(neighbour: str, letter_edge: bool) -> bool:
    """A word ends beside this character. Digits glued to a word of letters ("zorgle24") do not hide it."""
    return not (neighbour.isalpha() or (neighbour.isdigit() and not letter_edge))


def _counts(literal: _Literal, batch: Keys, start: int, end: int) -> bool:
    one_word = batch.words[start] == batch.words[end - 1]
    if not literal.words:
        return bool(one_word or literal.phrase)
    if not (batch.starts[start] and batch.ends[end - 1]):
        return False
    return bool(one_word or literal.phrase or literal.split)
