"""Loaded rules: checked, tried on everyday texts, compiled, and known by the hash of what they say."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from reference.moderation.rules.benign import benign_sample
from reference.moderation.rules.engine import Engine, compile_regex
from reference.moderation.rules.schema import Rule, check_distinct, read_rules, rule_files
from reference.moderation.text.views import views
from reference.moderation.types import ModerationError

DEFAULT_RULES = Path(__file__).parent / "data"
MAX_BENIGN_SHARE = 0.001  # the source's bound on false positives, here for one rule
MAX_MICROSECONDS = 200.0  # per everyday post for one regex; RE2 takes about one


class RuleSet:
    """Rules that are fit to use.

    Attributes:
        rules: in the order of the files.
        version: first 16 hex digits of the SHA-256 of the rules' content; comments and layout do not change it.
        engine: the compiled rules.
    """

    def __init__(self, rules: Sequence[Rule], check: bool = True) -> None:
        """ModerationError, naming the rule, if one is double, broken, too broad or too slow.

        `check=False` leaves out the trial on everyday texts; for generated rules in benchmarks.
        """
        if not rules:
            raise ModerationError("there are no rules; a screen without rules would approve everything")
        check_distinct(rules)
        self.rules = tuple(rules)
        content = json.dumps([asdict(rule) for rule in rules], sort_keys=True, ensure_ascii=False)
        self.version = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self.engine = Engine(rules)
        if check:
            self._check_breadth()
            self._check_cost()
            self._check_examples()

    @classmethod
    def load(cls, paths: Path | str | Iterable[Path | str] = DEFAULT_RULES) -> RuleSet:
        """From files or folders of TOML; the project's own rules by default."""
        return cls([rule for file in rule_files(paths) for rule in read_rules(file)])

    def _check_breadth(self) -> None:
        sample = benign_sample()
        seen = views(sample)
        hits = self.engine.match([plain for plain, _ in seen], [folded for _, folded in seen])
        counts = Counter(hit.rule for found in hits.values() for hit in found)
        for number, count in counts.most_common():
            if count > MAX_BENIGN_SHARE * len(sample):
                raise ModerationError(
                    f"rule {self.rules[number].id!r} is too broad: it matches {count} of {len(sample):,} everyday "
                    f"texts ({count / len(sample):.1%}); at most {MAX_BENIGN_SHARE:.1%} are let in"
                )

    def _check_cost(self) -> None:
        sample = [text.casefold().encode() for text in benign_sample()[:200]]
        for rule in self.rules:
            if rule.kind != "regex":
                continue
            for pattern in rule.patterns:
                program = compile_regex(rule.id, pattern)
                best = float("inf")
                for _ in range(3):  # the least of three: other load only adds
                    begun = time.perf_counter()
                    for text in sample:
                        program.search(text)
                    best = min(best, time.perf_counter() - begun)
                    if best / len(sample) * 1e6 <= MAX_MICROSECONDS:
                        break
                cost = best / len(sample) * 1e6
                if cost > MAX_MICROSECONDS:
                    raise ModerationError(
                        f"rule {rule.id!r} is too slow: regex {pattern!r} takes {cost:.0f} microseconds per everyday "
                        f"post, more than {MAX_MICROSECONDS:.0f}"
                    )

    def _check_examples(self) -> None:
        wanted = [(number, text) for number, rule in enumerate(self.rules) for text in rule.examples]
        seen = views([text for _, text in wanted])
        hits = self.engine.match([plain for plain, _ in seen], [folded for _, folded in seen])
        for index, (number, text) in enumerate(wanted):
            if number not in {hit.rule for hit in hits.get(index, ())}:
                raise ModerationError(f"rule {self.rules[number].id!r} does not match its own example {text!r}")
