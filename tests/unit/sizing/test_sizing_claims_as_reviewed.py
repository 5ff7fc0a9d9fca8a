"""No figure, verdict or reason of the ledger changes without somebody reading the change."""

from __future__ import annotations

import functools
import json

import pytest
from claims_as_reviewed import REVIEWED, ledger_now, words_and_numbers

REVIEWED_LEDGER = json.loads(REVIEWED.read_text(encoding="utf-8"))
REWRITE = "if it is meant: python tests/unit/sizing/claims_as_reviewed.py, and read the difference"
now = functools.cache(ledger_now)


def test_the_ledger_has_the_reviewed_claims():
    assert list(now()) == list(REVIEWED_LEDGER), REWRITE


@pytest.mark.parametrize("claim", REVIEWED_LEDGER)
def test_a_claim_says_what_was_reviewed(claim):
    found, wanted = now()[claim], REVIEWED_LEDGER[claim]
    for field in wanted:
        if field in ("stated", "computed"):
            assert found[field] == pytest.approx(wanted[field], rel=1e-3), f"{field}: {REWRITE}"
            continue
        words, numbers = words_and_numbers(found[field])
        reviewed_words, reviewed_numbers = words_and_numbers(wanted[field])
        assert words == reviewed_words, f"{field}: {REWRITE}"
        assert numbers == pytest.approx(reviewed_numbers, rel=2e-2), f"{field}: {REWRITE}"
