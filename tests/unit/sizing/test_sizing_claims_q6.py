"""Question 6: every figure is there, and every verdict is computed - change an assumption and it changes."""

import dataclasses
from typing import Any

import pytest
from claim_checks import assert_complete, assert_moves

from reference.sizing.claims import claims, judge
from reference.sizing.claims.ledger import Claim
from reference.sizing.claims.q6 import Q6Assumptions
from reference.sizing.cost import token_price
from reference.sizing.units import magnitude

pytestmark = pytest.mark.filterwarnings("ignore::reference.sizing.bands.ImplausibleWarning")
DEFAULT = {record.id: record for record in claims(6)}

# The assumptions under which the verdict of each claim must turn into another one.
FLIPS: dict[str, dict[str, Any]] = {
    "q6.owasp-10": {"owasp_covered": 10},
    "q6.average-200-lines": {"diff_p90": 60_000.0},
    "q6.input-2000": {"lines": 40.0},
    "q6.shared-context": {"file_tokens": 100.0, "lines": 20.0},
    "q6.output-500": {"findings_high": 8.0},
    "q6.call-0.003": {"input_high": 0.5},
    "q6.agents-0.015": {"agents": 6},
    "q6.aggregator-0.005": {"input_high": 0.5},
    "q6.change-0.02": {"stated_aggregator": 0.02},
    "q6.change-0.02-real-tokens": {"input_low": 1.0},
    "q6.month-600": {"days": 21.0},
    "q6.cap-average": {"diff_p50": 14_000.0, "diff_p90": 110_000.0},
    "q6.cap-tail": {"middle_input": 0.25, "middle_output": 2.0},
    "q6.latency-max": {"cpu_share_high": 0.3},
    "q6.latency-one": {"agents": 1},
    "q6.changes-1000-a-day": {"review_cpu_seconds": 60.0},
}


def judged(id: str, changes: dict[str, Any]) -> Claim:
    return judge(id, dataclasses.replace(Q6Assumptions(), **changes))


def test_every_claim_of_question_6_has_a_test_that_flips_it() -> None:
    assert set(FLIPS) == set(DEFAULT)


@pytest.mark.parametrize("id", sorted(FLIPS))
def test_verdict_of_question_6_turns_with_its_assumptions(id: str) -> None:
    assert judged(id, FLIPS[id]).verdict != DEFAULT[id].verdict


@pytest.mark.parametrize("id", sorted(DEFAULT))
def test_claim_of_question_6_moves_and_is_complete(id: str) -> None:
    assert_complete(DEFAULT[id])
    assert_moves(DEFAULT[id], Q6Assumptions(), judged)


@pytest.mark.parametrize(
    ("model", "given"),
    [
        ("gpt-5-nano", ("input_low", None)),
        ("claude-opus-4-5", ("input_high", None)),
        ("claude-sonnet-4-5", ("middle_input", "middle_output")),
    ],
)
def test_assumed_prices_of_question_6_are_those_of_the_price_list(model: str, given: tuple[str, str | None]) -> None:
    a, listed = Q6Assumptions(), token_price(model)
    assert getattr(a, given[0]) == pytest.approx(magnitude(listed.input, "USD/Mtoken"))
    if given[1]:
        assert getattr(a, given[1]) == pytest.approx(magnitude(listed.output, "USD/Mtoken"))


def test_the_parts_of_the_source_add_up_to_its_total() -> None:
    a = Q6Assumptions()
    assert a.agents * a.stated_call + a.stated_aggregator == pytest.approx(a.stated_change)


def test_how_busy_the_reviews_keep_the_cores_is_their_share_of_what_the_cores_can_do() -> None:
    a, record = Q6Assumptions(), DEFAULT["q6.changes-1000-a-day"]
    busy = a.changes_per_day / record.computed * a.utilisation
    assert f"{a.changes_per_day:,.0f} keep them {busy:.0%} busy" in record.reason
