"""The usual bill, rebuilt from its counts: which rows come true, and at what."""

import pytest

from reference.sizing.bill.plan import make_plan, source_bill
from reference.sizing.bill.prices import cost_of

BILL = source_bill()


def test_stated_rows_and_infrastructure_make_half_a_million() -> None:
    assert BILL.stated == 500_000
    assert cost_of(BILL.lines()) + BILL.infrastructure == pytest.approx(500_000)
    assert make_plan(BILL.lines(), other=BILL.infrastructure, draws=0).before == pytest.approx(500_000)


def test_gpt4_at_list_price_costs_2_4_million() -> None:
    row = BILL.row("GPT-4")
    assert row.list_cost == pytest.approx(50e6 * (800 * 30 + 400 * 60) / 1e6)
    assert row.fitting[0] == "gpt-4o"
    assert row.by_model["gpt-4o"] == pytest.approx(50e6 * (800 * 2.5 + 400 * 10) / 1e6)


@pytest.mark.parametrize("name", ["GPT-4", "GPT-3.5", "embeddings"])
def test_row_comes_true_at_the_tokens_that_are_named(name: str) -> None:
    row = BILL.row(name)
    line = row.line(row.token_factor)
    assert cost_of((line,)) == pytest.approx(row.stated)
    assert (line.input_tokens / line.requests, line.output_tokens / line.requests) == pytest.approx(row.true_at)


def test_what_the_answer_leaves_open_is_said_and_can_be_given() -> None:
    assert BILL.row("GPT-4").assumed == ""
    assert BILL.row("GPT-3.5").assumed
    assert BILL.row("embeddings").assumed
    assert source_bill(gpt35_input=500, gpt35_output=100).row("GPT-3.5").list_cost == pytest.approx(80_000)
    assert source_bill(embedding_tokens=1000).row("embeddings").list_cost == pytest.approx(50_000)
    assert "2026-10-23" in BILL.note


def test_bill_at_list_price_is_that_of_its_counts() -> None:
    assert cost_of(BILL.lines("list")) + BILL.infrastructure == pytest.approx(BILL.list_cost)
    with pytest.raises(KeyError):
        BILL.row("GPT-5")
