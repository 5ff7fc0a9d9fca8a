"""Functions of a file: lines, names and documentation in each language; nothing crashes on odd text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.agents.syntax import functions, languages, parse_python, tree

PYTHON = '''
class Cart:
    """A cart."""

    @property
    def total(self, rate, *items, tax=0, **rest):
        """Sum."""
        def inner():
            pass
        return inner

    def _hidden(self):
        pass


async def load(ids):
    return ids
'''
TYPESCRIPT = """
/** Adds. */
export function add(a: number, b = 2): number {
  return a + b;
}

const inner = (x: string) => x;

export class Cart {
  total(rate: number) {
    return rate;
  }
}
"""
GO = """package cart

// Add adds.
func Add(a, b int) int {
	return a + b
}

func (c *Cart) total(rate float64) float64 { return rate }
"""


def by_name(language, text):
    return {one.qualified: one for one in functions(language, text)}


def test_functions_of_python_have_lines_names_and_docstrings():
    found = by_name("python", PYTHON)
    total = found["Cart.total"]
    assert (total.start, total.end, total.kind) == (5, 10, "method")
    assert total.parameters == ("rate", "items", "tax", "rest")
    assert total.has_docstring
    assert found["Cart.total.inner"].public is False
    assert found["Cart._hidden"].public is False
    assert found["load"].public
    assert not found["load"].has_docstring


def test_functions_of_typescript_know_what_is_exported_and_documented():
    found = by_name("typescript", TYPESCRIPT)
    assert found["add"].parameters == ("a", "b")
    assert found["add"].has_docstring
    assert (found["add"].start, found["add"].end) == (3, 5)
    assert found["add"].public
    assert not found["inner"].public
    assert found["Cart.total"].kind == "method"
    assert found["Cart.total"].public


def test_functions_of_go_are_public_by_their_capital():
    found = by_name("go", GO)
    assert found["Add"].public
    assert found["Add"].has_docstring
    assert not found["total"].public
    assert found["total"].parameters == ("rate",)


@pytest.mark.slow
@pytest.mark.parametrize("language", languages())
def test_deep_nesting_and_large_files_give_no_error(language):
    for text in ("(" * 50_000, "x = " + "[" * 20_000 + "]" * 20_000, "a\n" * 600_000, "\0\ud800"):
        assert isinstance(functions(language, text), tuple)


@given(language=st.sampled_from(languages()), text=st.text(max_size=200))
def test_any_text_gives_functions_within_its_lines(language, text):
    for one in functions(language, text):
        assert 1 <= one.start <= one.end <= len(text.splitlines()) + 1


def test_what_is_not_python_is_none_and_unknown_languages_have_no_tree():
    assert parse_python("def f(:") is None
    assert parse_python("x = 1") is not None
    assert tree("cobol", b"x") is None
    assert functions("cobol", "x") == ()
