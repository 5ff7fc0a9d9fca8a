from __future__ import annotations

import nbformat.v4 as v4
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbook.errors import ListingError, UsageError
from workbook.runner.parameters import Parameter, coerce, declared, parse_assignments, resolve


def with_cell(source: str) -> v4.NotebookNode:
    return v4.new_notebook(cells=[v4.new_code_cell(source, metadata={"tags": ["parameters"]})])


def test_every_assignment_of_the_tagged_cell_is_a_parameter():
    found = declared(with_cell('"""Assumptions"""\na = 1\nb: float = 0.5  # seconds\nc = [1, 2]\nd = 2**20'), "nb")
    assert {name: p.kind for name, p in found.items()} == {"a": "int", "b": "float", "c": "list", "d": "any"}


def test_a_notebook_without_the_tag_has_no_parameters():
    assert declared(v4.new_notebook(cells=[v4.new_code_cell("a = 1")]), "nb") == {}


@pytest.mark.parametrize("source", ["import os", "a = b = 1", "x[0] = 1", "if True:\n    a = 1", "a += 1", "print(1)"])
def test_a_parameters_cell_that_does_more_than_assign_is_refused(source):
    with pytest.raises(ListingError, match="line 1 of the parameters cell"):
        declared(with_cell(source), "nb")


def test_two_parameters_cells_are_refused():
    notebook = with_cell("a = 1")
    notebook.cells.append(notebook.cells[0].copy())
    with pytest.raises(ListingError, match="2 cells tagged"):
        declared(notebook, "nb")


def test_a_parameters_cell_that_is_not_python_is_refused():
    with pytest.raises(ListingError, match="not Python"):
        declared(with_cell("a = = 1"), "nb")


@pytest.mark.parametrize("text", ["requests", "=3", "a b=3", "1x=3"])
def test_a_malformed_assignment_is_named(text):
    with pytest.raises(UsageError, match="is not name=value"):
        parse_assignments([text])


def test_a_parameter_given_twice_is_refused():
    with pytest.raises(UsageError, match="a is given twice"):
        parse_assignments(["a=1", "a=2"])


def test_a_value_may_contain_equals_signs():
    assert parse_assignments(["url=http://x/?a=b"]) == {"url": "http://x/?a=b"}


@given(st.integers(-(10**12), 10**12))
def test_integers_survive_the_command_line(number):
    assert coerce(Parameter("n", 1), str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_survive_the_command_line_in_every_notation(number):
    assert coerce(Parameter("x", 1.0), repr(number)) == number


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"])))
def test_texts_are_taken_as_they_are_written(text):
    assert coerce(Parameter("s", "default"), text) == text


@pytest.mark.parametrize(
    ("default", "raw", "value"),
    [(1.0, "1e6", 1e6), (1.0, "3", 3.0), (True, "false", False), ([1], "[4, 8]", [4, 8]), ((1,), "[4, 8]", (4, 8)),
     (None, "7", 7), ({"a": 1}, "{a: 2}", {"a": 2})],
)  # fmt: skip
def test_values_are_read_as_the_default_s_type(default, raw, value):
    found = coerce(Parameter("p", default), raw)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("default", "raw"), [(1, "1.5"), (1, "true"), (1, "many"), (1.0, "fast"), (True, "1"), ([1], "4"), (1.0, "true")]
)
def test_a_value_of_another_type_is_refused_with_the_default(default, raw):
    with pytest.raises(UsageError, match="p is a") as caught:
        coerce(Parameter("p", default), raw)
    assert repr(default) in caught.value.mend


KNOWN = {"requests": Parameter("requests", 10), "profile": Parameter("profile", "laptop")}


def test_the_command_line_wins_over_the_profile():
    assert resolve(KNOWN, "nb", "ci", {"requests": 40}, {"requests": "5"})["requests"] == 5


def test_a_notebook_that_asks_is_told_its_profile():
    assert resolve(KNOWN, "nb", "ci", {}, {}) == {"profile": "ci"}


def test_an_unknown_parameter_of_the_command_line_lists_the_known_ones():
    with pytest.raises(UsageError, match="no parameter 'reqests'") as caught:
        resolve(KNOWN, "nb", "ci", {}, {"reqests": "5"})
    assert caught.value.mend == "known: profile, requests"


def test_an_unknown_parameter_of_a_profile_is_a_fault_of_the_listing():
    with pytest.raises(ListingError, match="profile ci sets an unknown parameter 'reqests'"):
        resolve(KNOWN, "nb", "ci", {"reqests": 5}, {})


def test_a_profile_s_parameter_of_another_type_is_a_fault_of_the_listing():
    with pytest.raises(ListingError, match="requests is an int"):
        resolve(KNOWN, "nb", "ci", {"requests": "many"}, {})
