"""Tier 1 for text: both views, rules, language and links of a batch of posts."""

from __future__ import annotations

from collections.abc import Sequence

from reference.moderation.links.checks import LinkCheck
from reference.moderation.links.extract import links_of, may_hold_links
from reference.moderation.rules.engine import Hit
from reference.moderation.rules.hot import HotRules
from reference.moderation.rules.ruleset import RuleSet
from reference.moderation.text.language import UNDETERMINED, identify
from reference.moderation.text.views import readable, views
from reference.moderation.types import UNREADABLE, Finding, Post, Screened, Tier

BATCH = 1024  # posts that are matched together; more gain nothing and cost memory
_BATCH_CHARACTERS = 2_000_000


class TextRules:
    """Implements `TextScreen`. Safe to use from several threads."""

    def __init__(self, rules: HotRules | RuleSet, links: LinkCheck | None = None) -> None:
        self._rules = rules
        self._links = links or LinkCheck()

    @property
    def version(self) -> str:
        return self._rules.version

    def screen(self, posts: Sequence[Post]) -> list[Screened]:
        """In the order of `posts`. Never raises for a post: what cannot be read is an UNREADABLE finding."""
        # The same rules for the whole call, even if their file changes meanwhile.
        rules = self._rules.current() if isinstance(self._rules, HotRules) else self._rules
        result: list[Screened] = []
        start = 0
        while start < len(posts):
            end, characters = start, 0
            while end < len(posts) and end - start < BATCH and characters < _BATCH_CHARACTERS:
                characters += len(posts[end].text)
                end += 1
            result += self._batch(posts[start:end], rules)
            start = end
        return result

    def _batch(self, posts: Sequence[Post], rules: RuleSet) -> list[Screened]:
        read = [readable(post.text) for post in posts]
        texts = [text for text, _ in read]
        seen = views(texts)
        plain = [view for view, _ in seen]
        hits = rules.engine.match(plain, [folded for _, folded in seen])
        languages = identify(plain)
        result = []
        for number, (post, (text, problem), (view, folded), (language, confidence)) in enumerate(
            zip(posts, read, seen, languages, strict=True)
        ):
            findings: tuple[Finding, ...] = ()
            if number in hits:
                findings = self._findings(hits[number], rules, language)
            if problem:
                findings += (Finding(UNREADABLE, 1.0, Tier.RULES, "text", problem),)
            if post.links or may_hold_links(text):
                links = [*post.links, *links_of(text)]
                if links:
                    findings += self._links.check(dict.fromkeys(links))
            result.append(Screened(post.id, findings, language, confidence, view, folded))
        return result

    @staticmethod
    def _findings(hits: Sequence[Hit], rules: RuleSet, language: str) -> tuple[Finding, ...]:
        found = []
        for hit in hits:
            rule = rules.rules[hit.rule]
            if rule.languages and language not in rule.languages and language != UNDETERMINED:
                continue
            detail = rule.note or f"The text matches a rule about {rule.category}."
            found.append(Finding(rule.category, 1.0, Tier.RULES, rule.kind, detail, rule.id, hit.view, hit.span))
        return tuple(found)


__all__ = ["TextRules"]
