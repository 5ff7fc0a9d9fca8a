"""No figure, verdict or reason of the ledger changes without somebody reading the change."""

from __future__ import annotations

import functools
import json

import pytest
from claims_as_reviewed import REVIEWED, ledger_now, same_number, words_and_numbers

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
            assert found[field] == pytest.approx(wanted[field], rel=1e-5), f"{field}: {REWRITE}"
            continue
        words, numbers = words_and_numbers(found[field])
        reviewed_words, reviewed_numbers = words_and_numbers(wanted[field])
        assert words == reviewed_words, f"{field}: {REWRITE}"
        assert len(numbers) == len(reviewed_numbers)
        for number, reviewed in zip(numbers, reviewed_numbers, strict=True):
            assert same_number(number, reviewed), f"{field}: {number} and not {reviewed}; {REWRITE}"


def test_only_the_last_digit_of_a_number_in_words_may_differ():
    assert same_number("12.4", "12.3")
    assert not same_number("12.5", "12.3")
    assert not same_number("25", "24")
    assert same_number("1.24e6", "1.23e6")
    assert same_number("479.999917745", "480.000035166")
    assert not same_number("479.98", "480.00")
