"""A bill is the sum of its records at list prices; what is not in the sum is said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.sizing.bill.account import OTHER, Account
from reference.sizing.bill.lines import BillError, Line
from reference.sizing.bill.prices import line_cost
from reference.sizing.bill.records import Record
from reference.sizing.bill.statement import BYS, Bill, Period

DAY = 86400.0
START = 1730419200.0
PRICED = ("gpt-4", "gpt-4o-2024-08-06", "azure/gpt-4o-mini", "text-embedding-3-small")

records = st.builds(
    lambda model, plain, cached, output, batch, tenant, feature: Record(
        model, plain + cached, output, cached, batch=batch, tenant=tenant, feature=feature
    ),
    st.sampled_from((*PRICED, "house-model")), st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 10**12),
    st.booleans(), st.sampled_from("abc"), st.sampled_from("xyz"),
)  # fmt: skip


def bill_of(*rows: Record, days: float | None = None, **options) -> Bill:
    account = Account(**options)
    for row in rows:
        account.add(row)
    return account.bill(days)


@given(st.lists(records, max_size=30))
def test_the_bill_is_the_sum_of_its_rows_at_list_prices(rows):
    bill = bill_of(*rows)
    expected = sum(
        line_cost(Line(row.model, 1, row.input_tokens, row.output_tokens, row.cached_tokens, batch=row.batch)).total
        for row in rows
        if row.model != "house-model"
    )
    assert bill.total.dollars.total == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert bill.tokens == sum(row.input_tokens + row.output_tokens for row in rows)


@given(st.lists(records, max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows, order):
    shuffled = list(rows)
    order.shuffle(shuffled)
    assert bill_of(*shuffled) == bill_of(*rows)


@given(st.lists(records, min_size=1, max_size=30))
def test_every_way_to_split_a_bill_adds_up_to_it(rows):
    bill = bill_of(*rows)
    for by in BYS:
        assert sum(one.dollars.total for one in bill.by(by)) == pytest.approx(bill.total.dollars.total, rel=1e-9)
        assert sum(one.input_tokens for one in bill.by(by)) == bill.total.input_tokens


@given(st.lists(records, max_size=40), st.integers(1, 3), st.integers(1, 4))
def test_with_too_many_names_the_sums_stay(rows, most_names, most_lines):
    full, small = bill_of(*rows), bill_of(*rows, most_names=most_names, most_lines=most_lines)
    assert small.total.dollars.total == pytest.approx(full.total.dollars.total, rel=1e-9)
    assert small.tokens == full.tokens
    assert len({line.tenant for line in small.lines} - {OTHER}) <= most_names


def test_a_hundred_thousand_tenants_do_not_grow_the_account():
    account = Account(most_names=50, most_lines=200)
    for number in range(100_000):
        account.add(Record("gpt-4", 10, 1, tenant=f"t{number}", feature=f"f{number}"))
    bill = account.bill()
    assert len(bill.lines) <= 51
    assert bill.total.requests == 100_000
    assert bill.folded["tenant"] == 99_950
    assert OTHER in {line.tenant for line in bill.lines}


def test_lines_past_the_bound_go_under_other_names():
    rows = [Record("gpt-4", 7, tenant=f"t{a}", feature=f"f{b}") for a in range(30) for b in range(30)]
    bill = bill_of(*rows, most_lines=100)
    assert len(bill.lines) == 101
    assert bill.total.input_tokens == 7 * 900
    assert bill.folded == {"line": 800}


def test_models_without_a_price_are_listed_and_never_cost_nothing_silently():
    bill = bill_of(Record("gpt-4", 1000), Record("house-model", 2000, 1000, tenant="a"))
    assert bill.unpriced_share == 0.75
    assert [(line.model, line.input_tokens, line.tenant) for line in bill.unpriced] == [("house-model", 2000, "a")]
    assert "house-model" in bill.reasons["house-model"]
    assert "house-model" not in {line.model for line in bill.lines}


def test_a_model_may_be_priced_as_another():
    bill = bill_of(Record("house-model", 1_000_000), price_as={"house-model": "gpt-4"})
    assert bill.total.dollars.total == pytest.approx(30)
    assert bill.unpriced_share == 0
    assert [(one.model, one.listed_model) for one in bill.priced_as] == [("house-model", "gpt-4")]


def test_price_as_refuses_a_model_without_a_price_and_names_unused_ones():
    with pytest.raises(BillError, match=r"price-as a=gpt-99: .*name a model that the price list has"):
        Account({"a": "gpt-99"})
    account = Account({"house-modle": "gpt-4", "zzz": "gpt-4"})
    account.add(Record("house-model", 1))
    assert account.unused_price_as() == {"house-modle": "house-model", "zzz": ""}


def test_dated_and_prefixed_names_are_one_model():
    bill = bill_of(Record("gpt-4o-2024-08-06", 10), Record("openai/gpt-4o", 10), Record("gpt-4o", 10))
    assert [(line.model, line.provider, line.input_tokens) for line in bill.lines] == [("gpt-4o", "openai", 30)]
    assert len(bill.priced_as) == 3


def test_what_discounts_save_is_the_difference_to_a_bill_without_them():
    row = Record("gpt-4o", 1_000_000, 500_000, 800_000, batch=True)
    bill = bill_of(row)
    without_batch = bill_of(replace(row, batch=False))
    without_both = bill_of(replace(row, batch=False, cached_tokens=0))
    assert bill.savings.batch == pytest.approx(without_batch.total.dollars.total - bill.total.dollars.total)
    assert bill.savings.prompt_cache == pytest.approx(
        without_both.total.dollars.total - without_batch.total.dollars.total
    )
    assert bill.savings.batch + bill.savings.prompt_cache == pytest.approx(
        without_both.total.dollars.total - bill.total.dollars.total
    )


def test_answers_from_ones_own_cache_are_saved_not_billed():
    bill = bill_of(Record("gpt-4", 1_000_000, answered_from_cache=True, stated=0.0), Record("house", 5, stated=1.0))
    assert bill.total.dollars.total == 0
    assert bill.savings.own_cache == pytest.approx(30)
    assert bill.stated == {}
    assert bill.stated_unpriced == 1.0


def test_stated_costs_are_compared_only_over_rows_that_state_one():
    bill = bill_of(
        Record("gpt-4", 1_000_000, stated=29.0), Record("gpt-4", 1_000_000, stated=31.5), Record("gpt-4", 7_000_000)
    )
    ours, theirs, requests = bill.stated["gpt-4"]
    assert (ours, theirs, requests) == (pytest.approx(60), 60.5, 2)
    assert bill.total.dollars.total == pytest.approx(270)


@pytest.mark.parametrize(
    ("starts", "days"),
    [([START, START + 29 * DAY], 30), ([START, START + 3600.0], 2 / 24), ([START, START + 60.0], 2 / 1440),
     ([START + 1, START + 1 + DAY], 1), ([START], 1), ([START + 1], None), ([], None)],
)  # fmt: skip
def test_the_period_comes_from_the_times_and_buckets_count_whole(starts, days):
    period = bill_of(*(Record("gpt-4", 1, start=start) for start in starts)).period
    assert period.days == (None if days is None else pytest.approx(days))
    assert period.origin == ("unknown" if days is None else "times")


@pytest.mark.parametrize(
    ("days", "factor"), [(28, 1), (30, 1), (31, 1), (None, 1), (7, 365 / 84), (1, 365 / 12), (365, 1 / 12)]
)
def test_a_month_is_a_month_and_other_periods_are_scaled(days, factor):
    assert Period(None, None, days, "given").per_month == pytest.approx(factor)


@pytest.mark.parametrize("days", [0, -1, float("nan"), float("inf"), 1e9])
def test_impossible_days_are_refused(days):
    with pytest.raises(BillError, match="days: must be above 0"):
        Account().bill(days)


def test_a_month_for_the_plan_adds_up_tenants_and_keeps_named_features():
    rows = [Record("gpt-4", 100, 10, tenant=t, feature=f) for t in "ab" for f in ("chat", "search", "mail")]
    bill = bill_of(*rows, days=1)
    lines = bill.monthly(features={"chat"})
    assert {(line.feature, line.tenant) for line in lines} == {("chat", ""), ("", "")}
    assert sum(line.input_tokens for line in lines) == pytest.approx(600 * 365 / 12)
    assert {line.feature for line in bill.monthly()} == {"chat", "search", "mail"}


def test_a_bill_of_nothing_is_zero():
    bill = bill_of()
    assert (bill.total.dollars.total, bill.unpriced_share, bill.tokens, bill.monthly()) == (0, 0, 0, ())
    assert bill.by("model") == ()
    with pytest.raises(BillError, match="by: 'colour' is not known"):
        bill.by("colour")


def test_more_cached_tokens_than_input_are_refused():
    assert Line("gpt-4o", 1, 10, 5, 10).cached_tokens == 10
    with pytest.raises(BillError, match="cached_tokens"):
        Line("gpt-4o", 1, 10, 5, 11)
