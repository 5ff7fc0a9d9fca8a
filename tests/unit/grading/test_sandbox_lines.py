"""What comes out of a sandbox is read as if an enemy had written it."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from workbook.grading.sandbox.lines import read_line, shown
from workbook.grading.types import Collect, Ended

WORD = "0123456789abcdef"
COLLECTS = [Collect("size", ("a", "b")), None, Collect("build", (), "f", "", "", ({}, {}))]


def line(**fields: object) -> bytes:
    body = {"cell": 0, "ended": "ok", "error": "", "values": {}, "reasons": [], "seen": None} | fields
    return f"{WORD} {json.dumps(body)}".encode()


def read(**fields: object):
    return read_line(line(**fields), WORD, COLLECTS)


def test_an_honest_line_comes_back_whole() -> None:
    got = read(values={"a": 1.5, "b": [1, {"c": None}]}, reasons=["why"], ended="raised", error="text")
    assert (got.values, got.reasons, got.ended, got.error) == (
        {"a": 1.5, "b": [1, {"c": None}]}, ["why"], Ended.RAISED, "text",
    )  # fmt: skip
    assert read(cell=2, seen=[{"value": 1}, {"open": True}]).seen == [{"value": 1}, {"open": True}]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        line()[5:],
        b"x" * 16 + line()[16:],
        WORD.encode() + b" {",
        WORD.encode() + b" null",
        WORD.encode() + b" []",
        WORD.encode() + b" " + b"[" * 100_000,
        WORD.encode() + b" " + b"1" * 100_000,
        line()[:-1] + b', "cell": 0}',
        line()[:-1],
        line() + b"x",
        "é".join([WORD + " ", "{}"]).encode(),
    ],
)
def test_what_is_no_line_of_this_run_is_nothing(raw: bytes) -> None:
    assert read_line(raw, WORD, COLLECTS) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"cell": 3}, {"cell": -2}, {"cell": True}, {"cell": 0.0}, {"cell": "0"}, {"cell": None}, {"cell": [0]},
        {"ended": "right"}, {"ended": None}, {"ended": ["ok"]}, {"ended": {}}, {"error": 1}, {"error": None},
        {"reasons": "x"}, {"values": []}, {"values": None}, {"cell": 10**400},
    ],
)  # fmt: skip
def test_a_field_of_another_type_makes_a_line_nothing(wrong: dict[str, object]) -> None:
    assert read(**wrong) is None


def test_a_name_that_was_not_asked_for_is_not_taken() -> None:
    assert read(values={"c": 1, "earned": 4, "__class__": 1}).values == {}
    assert read(cell=1, values={"a": 1}, seen=[{"value": 1}]).values == {}
    assert read(cell=1, seen=[{"value": 1}]).seen is None


@pytest.mark.parametrize("seen", [None, [], [{"value": 1}], [{"value": 1}] * 3, {"value": 1}, "x", 1])
def test_observations_count_only_with_one_for_each_case(seen: object) -> None:
    assert read(cell=2, seen=seen).seen is None


@pytest.mark.parametrize(
    "one", [None, 1, [], {}, {"mark": 1}, {"value": 1, "open": True}, {"open": 1}, {"open": False}, {"raises": 1}]
)
def test_an_observation_of_another_shape_is_no_result(one: object) -> None:
    assert read(cell=2, seen=[one, {"value": 1}]).seen == [{"raises": "no result"}, {"value": 1}]


def test_numbers_that_are_none_are_left_out_with_a_reason() -> None:
    got = read(values={"a": math.nan, "b": [math.inf]})
    assert got.values == {}
    assert "`a` is not a finite number" in got.reasons
    assert "too many digits" in read(values={"a": 1 << 1001}).reasons[0]


def test_infinity_in_a_built_parts_result_is_kept_as_practice_keeps_it() -> None:
    assert read(cell=2, seen=[{"value": math.inf}, {"value": -math.inf}]).seen == [
        {"value": math.inf}, {"value": -math.inf},
    ]  # fmt: skip


def test_deep_nesting_is_left_out() -> None:
    deep: list[object] = []
    for _ in range(200):
        deep = [deep]
    assert read(values={"a": deep, "b": 1}).values == {"b": 1}
    assert "too deep" in read(cell=2, seen=[{"value": deep}, {"value": 1}]).seen[0]["raises"]


def test_halves_of_characters_and_terminal_codes_do_not_get_through() -> None:
    got = read(values={"a": "\ud800"}, error="\x1b[31mred\x07\ud800\u202e", reasons=["\x1b[2Jx"])
    assert got.values["a"].encode("utf-8") == b"?"
    assert got.error == "red?"
    assert got.reasons == ["x"]
    assert shown("a\tb\n") == "a\tb\n"


def test_long_texts_are_cut() -> None:
    got = read(error="x" * 5000, reasons=["y" * 5000] * 100)
    assert len(got.error) == 2000
    assert len(got.reasons) <= 21
    assert max(map(len, got.reasons)) == 300


anything = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


bodies = some.fixed_dictionaries(
    {
        "cell": anything | some.integers(-1, 3),
        "ended": some.sampled_from(["ok", "raised", 1]),
        "error": anything | some.text(),
        "values": anything | some.dictionaries(some.sampled_from("abc"), anything),
        "reasons": anything | some.lists(anything),
        "seen": anything
        | some.lists(some.dictionaries(some.sampled_from(["value", "raises", "open"]), anything), max_size=2),
    }
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(bodies)
def test_nothing_raises_and_only_known_types_come_out(body: dict[str, object]) -> None:
    got = read_line(f"{WORD} {json.dumps(body)}".encode(), WORD, COLLECTS)
    if got is None:
        return
    assert type(got.cell) is int
    assert -1 <= got.cell < len(COLLECTS)
    assert isinstance(got.ended, Ended)
    assert set(got.values) <= {"a", "b"}
    json.dumps(got.values, allow_nan=False).encode("utf-8")
    assert all(type(reason) is str for reason in got.reasons)
    assert got.seen is None or (len(got.seen) == 2 and all(len(one) == 1 for one in got.seen))


@settings(max_examples=300, deadline=None)
@given(some.binary(max_size=200))
def test_no_bytes_raise(raw: bytes) -> None:
    read_line(raw, WORD, COLLECTS)
    read_line(WORD.encode() + b" " + raw, WORD, COLLECTS)
