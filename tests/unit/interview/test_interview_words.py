"""Numbers, names, questions, quotes and tables."""

from __future__ import annotations

import math

import pytest
from sample_interview import SAMPLE

from exercises.interviews.model import Figure
from workbook.interview.asking import concerned, find_name, parse_estimate, parse_number
from workbook.interview.quotes import fault_of
from workbook.interview.tables import Row, compare, moved, moved_most, number_text, ratio_text

NAMES = ["peak load", "replicas", "p99 latency", "cost", "cost of a token"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12), ("1,200", 1200), ("1.5e6", 1.5e6), ("12k", 12e3), ("3M", 3e6), ("2bn", 2e9), ("12 GPUs", 12),
        ("12GB", 12), ("-4", -4), (".5", 0.5), ("40 %", 40), ("1_000", 1000), ("10 000", 10),
    ],
)  # fmt: skip
def test_a_number_is_read_as_people_write_it(text, value):
    assert parse_number(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "many", "x12", "e5", "k", "-", "one"])
def test_what_is_no_number_is_none(text):
    assert parse_number(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", ("peak load", 12)), ("replicas 12", ("replicas", 12)), ("Replica = 12k", ("replicas", 12e3)),
        ("p99 latency: 300 ms", ("p99 latency", 300)), ("latency 300", ("p99 latency", 300)), ("cost 5", ("cost", 5)),
        ("token 5", ("cost of a token", 5)), ("nothing 5", None), ("replicas", None), ("", None),
    ],
)  # fmt: skip
def test_an_estimate_names_its_figure_or_means_the_first(text, expected):
    assert parse_estimate(text, NAMES) == expected


def test_a_name_that_fits_two_figures_fits_none():
    assert find_name("load", ["peak load", "mean load"]) == ""


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("How many users do we have?", "users"),
        ("How often does one of them write messages?", "messages"),
        ("What is the budget?", "budget"),
        ("How much money may it cost?", "budget"),
        ("What is the ratio of the peak to the average?", "peak"),
        ("How much traffic is there?", "users"),
    ],
)
def test_a_question_finds_the_parameter_that_it_concerns(question, first):
    assert first in concerned(question, SAMPLE.parameters)


@pytest.mark.parametrize("question", ["", "What about the weather?", "is it the one that we have", "???"])
def test_a_question_about_nothing_finds_nothing(question):
    assert concerned(question, SAMPLE.parameters) == []


@pytest.mark.parametrize(
    "quote", ["We shed load first", "WE   shed\nload FIRST", "“We shed load first”", "it’s the queue – always"]
)
def test_a_quote_is_found_whatever_its_case_spaces_and_quotation_marks(quote):
    assert fault_of(quote, "So:\nwe shed  load first, it's the queue - always.") == ""


@pytest.mark.parametrize(
    ("quote", "fault"),
    [("", "no quote"), ("shed load", "shorter"), ("we shed nothing at all", "not in"), ('"" ""', "shorter")],
)
def test_what_is_no_quote_is_told_why(quote, fault):
    assert fault in fault_of(quote, "we shed load first, it is the queue")


def test_the_figure_that_moved_most_is_the_largest_factor_either_way():
    before = [Figure("a", 10, "s"), Figure("b", 100, "s"), Figure("c", 1, "s")]
    after = [Figure("a", 30, "s"), Figure("b", 10, "s"), Figure("c", 1, "s")]
    rows = compare(before, after)
    assert moved_most(rows).name == "b"
    assert [row.name for row in moved(rows)] == ["a", "b"]
    assert [row.change for row in rows] == ["×3", "÷10", "same"]


def test_no_figure_moved_when_none_did():
    rows = compare([Figure("a", 10, "s")], [Figure("a", 10, "s")])
    assert moved_most(rows) is None


@pytest.mark.parametrize(("before", "after"), [(0.0, 5.0), (5.0, 0.0), (-1.0, 2.0), (None, 2.0), (2.0, None)])
def test_a_move_without_a_ratio_counts_as_the_largest(before, after):
    row = Row("a", "", before, after, "DERIVED", "")
    assert row.moved == math.inf
    assert "×" not in row.change
    assert "÷" not in row.change


def test_a_figure_that_came_or_went_is_in_the_table():
    rows = compare([Figure("old", 1, "s")], [Figure("new", 2, "s")])
    assert [(row.name, row.change) for row in rows] == [("new", "new"), ("old", "gone")]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (44.0, "44"), (347.22, "347.2"), (3472.2, "3,472"), (0.864, "0.864"), (1e7, "10,000,000"),
     (3e-7, "3e-07"), (2e18, "2e+18"), (float("inf"), "inf")],
)  # fmt: skip
def test_a_number_shows_the_digits_that_count(value, text):
    assert number_text(value) == text


@pytest.mark.parametrize(("ratio", "text"), [(10, "×10"), (2, "×2"), (0.5, "÷2"), (1.12, "+12 %"), (0.92, "-8 %")])
def test_a_ratio_is_a_factor_or_a_percentage(ratio, text):
    assert ratio_text(ratio) == text
