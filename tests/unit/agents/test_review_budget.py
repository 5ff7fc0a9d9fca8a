"""Dollars spent and set aside never pass the total of a review, whoever asks in whatever order."""

from __future__ import annotations

import random
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.agents.orchestrator import BudgetError, Ledger

SLACK = 1e-9
CENTS = st.integers(0, 60).map(lambda n: n / 100)
OPERATIONS = st.lists(st.one_of(st.tuples(st.just("reserve"), CENTS), st.tuples(st.just("settle"), st.floats(0, 1))))


@given(CENTS, OPERATIONS)
def test_spent_and_reserved_stay_within_the_total_in_any_order(total, operations):
    ledger, held, spent = Ledger(total), [], 0.0
    for kind, amount in operations:
        left = total - ledger.spent - ledger.reserved
        if kind == "reserve":
            try:
                held.append(ledger.reserve("quality", amount))
                assert amount <= left + SLACK
            except BudgetError:
                assert amount > left - SLACK  # refused only what does not fit
        elif held:
            one = held.pop(int(amount * 1e6) % len(held))
            ledger.settle(one, one.worst * amount)
            spent += one.worst * amount
        assert ledger.spent + ledger.reserved <= total + SLACK
        assert ledger.spent == pytest.approx(spent)
        assert ledger.reserved == pytest.approx(sum(one.worst for one in held))


def test_threads_that_ask_at_once_do_not_share_a_dollar():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        ledger, granted = Ledger(1.0), []

        def work(seed: int) -> None:
            rng = random.Random(seed)
            for _ in range(60):
                try:
                    held = ledger.reserve("tests", rng.choice((0.01, 0.02, 0.03)))
                except BudgetError:
                    continue
                granted.append(held.worst)
                ledger.settle(held, held.worst)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    finally:
        sys.setswitchinterval(before)
    assert ledger.reserved == 0
    assert sum(granted) == pytest.approx(ledger.spent)
    assert 0.97 - SLACK <= ledger.spent <= 1.0 + SLACK


def test_what_does_not_fit_is_refused_with_the_figures_and_nothing_is_set_aside():
    ledger = Ledger(0.10)
    ledger.reserve("security", 0.08)
    with pytest.raises(BudgetError, match=r"quality may cost \$0\.0300, \$0\.0200 of \$0\.10 are left"):
        ledger.reserve("quality", 0.03)
    assert ledger.reserved == pytest.approx(0.08)


def test_a_reservation_is_settled_once():
    ledger = Ledger(1)
    held = ledger.reserve("quality", 0.5)
    ledger.settle(held, 0.1)
    with pytest.raises(BudgetError, match="settled before"):
        ledger.settle(held, 0.1)
    assert (ledger.spent, ledger.reserved) == (0.1, 0)


@pytest.mark.parametrize(("actual", "counted"), [(0.7, 0.7), (float("nan"), 0.5), (-1.0, 0.5), (float("inf"), 0.5)])
def test_overspending_and_nonsense_are_named_and_counted(actual, counted):
    ledger = Ledger(1)
    held = ledger.reserve("quality", 0.5)
    with pytest.raises(BudgetError, match="quality spent"):
        ledger.settle(held, actual)
    assert (ledger.spent, ledger.reserved) == (counted, 0)


@pytest.mark.parametrize("bad", [-0.01, float("nan"), float("inf")])
def test_amounts_that_are_none_are_refused(bad):
    with pytest.raises(BudgetError, match="budget"):
        Ledger(bad)
    with pytest.raises(BudgetError, match="worst"):
        Ledger(1).reserve("quality", bad)


def test_a_budget_of_nothing_lets_free_work_through_and_no_other():
    ledger = Ledger(0)
    ledger.settle(ledger.reserve("quality", 0.0), 0.0)
    with pytest.raises(BudgetError):
        ledger.reserve("quality", 0.0001)
