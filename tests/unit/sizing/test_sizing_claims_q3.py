"""Question 3: every figure is there, and every verdict is computed - change an assumption and it changes."""

import dataclasses
from typing import Any

import pytest
from claim_checks import assert_complete, assert_moves

from reference.sizing.claims import claims, judge
from reference.sizing.claims.ledger import Claim
from reference.sizing.claims.q3 import Q3Assumptions

pytestmark = pytest.mark.filterwarnings("ignore::reference.sizing.bands.ImplausibleWarning")
DEFAULT = {record.id: record for record in claims(3)}

# The assumptions under which the verdict of each claim must turn into another one.
FLIPS: dict[str, dict[str, Any]] = {
    "q3.cases-accuracy": {"accuracy": 0.93},
    "q3.toxicity-0.01": {"cases": 5000},
    "q3.latency-p95-500ms": {"output_high": 20.0},
    "q3.latency-cases": {"cases": 5000},
    "q3.regression-pass": {"discordant": 0.03},
    "q3.share": {"share": 0.10},
    "q3.rest-90": {"share": 0.10},
    "q3.later-steps": {"users": 10_000.0},
    "q3.errors-24h": {"users_low": 50_000.0},
    "q3.latency-24h": {"users_low": 50_000.0},
    "q3.feedback-24h": {"users_high": 50_000.0},
    "q3.business-24h": {"users": 1_000_000.0},
    "q3.no-increase": {"metrics": 1},
    "q3.rollback-5min": {"longest_answer_s": 600.0},
    "q3.rollback-from-first-error": {"users": 50_000_000.0},
    "q3.keep-three-loaded": {"parameters": 3e9},
}


def judged(id: str, changes: dict[str, Any]) -> Claim:
    return judge(id, dataclasses.replace(Q3Assumptions(), **changes))


def test_every_claim_of_question_3_has_a_test_that_flips_it() -> None:
    assert set(FLIPS) == set(DEFAULT)


@pytest.mark.parametrize("id", sorted(FLIPS))
def test_verdict_of_question_3_turns_with_its_assumptions(id: str) -> None:
    assert judged(id, FLIPS[id]).verdict != DEFAULT[id].verdict


@pytest.mark.parametrize("id", sorted(DEFAULT))
def test_claim_of_question_3_moves_and_is_complete(id: str) -> None:
    assert_complete(DEFAULT[id])
    assert_moves(DEFAULT[id], Q3Assumptions(), judged)
