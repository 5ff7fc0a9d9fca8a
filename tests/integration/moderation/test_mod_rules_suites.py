"""The default rules against the made suites of evasion and of harmless look-alikes."""

from __future__ import annotations

from collections import Counter

import pytest

from reference.moderation.corpus.generation import benign_lookalikes, evasion_suite
from reference.moderation.rules.ruleset import RuleSet
from reference.moderation.rules.screen import TextRules


@pytest.fixture(scope="module")
def screen() -> TextRules:
    return TextRules(RuleSet.load())


def test_nineteen_in_twenty_disguised_posts_are_caught_under_their_category(screen: TextRules) -> None:
    suite = evasion_suite()
    missed: Counter[str] = Counter()
    for row, screened in zip(suite, screen.screen([row.post for row in suite]), strict=True):
        if row.category not in {finding.category for finding in screened.findings}:
            missed[row.transform] += 1
    assert missed.total() <= 0.05 * len(suite), missed
    assert all(count <= 0.2 * len(suite) / len({row.transform for row in suite}) for count in missed.values()), missed


def test_at_most_one_in_a_thousand_harmless_lookalikes_is_flagged(screen: TextRules) -> None:
    rows = benign_lookalikes()
    flagged = [
        row.post.text
        for row, screened in zip(rows, screen.screen([row.post for row in rows]), strict=True)
        if screened.findings
    ]
    assert len(flagged) <= 0.001 * len(rows), flagged[:5]
