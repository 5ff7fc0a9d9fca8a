"""Something built is judged by what comes out of it: exactly as JSON, group by group, and by the mistake it shows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.builds import judge_build, observe
from exercises.model import Build, Case, Verdict, Wrong

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=5,
)


def double(n):
    return 2 * n


def squared(n):
    return n * n


def forgets_sign(n):
    return 2 * abs(n)


BUILD = Build(
    name="double",
    stub="def double(n):\n    raise NotImplementedError\n",
    reference=double,
    wrong=(Wrong("counted_twice", squared), Wrong("ties_unordered", forgets_sign)),
    cases=lambda params, random: [],
)
CASES = [*(Case("basics", {"n": n}) for n in (3, 5)), *(Case("below zero", {"n": n}) for n in (-1, -2, 0))]


def parts_of(implementation):
    return judge_build(BUILD, CASES, [observe(BUILD, implementation, case) for case in CASES])


def echo(value):
    """A build whose one case gives `value`."""
    return Build("f", "", lambda: value, (), lambda params, random: [])


def same(one, other):
    [part] = judge_build(echo(one), [Case("only", {})], [{"value": other}])
    return part.earned == 1.0


def test_a_right_part_earns_every_group():
    assert [part.earned for part in parts_of(double)] == [1.0, 1.0]


def test_a_group_earns_the_share_of_its_cases_and_names_the_mistake():
    basics, below = parts_of(forgets_sign)
    assert basics.earned == 1.0
    assert below.earned == pytest.approx(1 / 3)
    assert below.slip == "ties_unordered"
    assert "1 of 3 cases right" in below.say


def test_without_the_basics_nothing_else_counts():
    basics, below = parts_of(lambda n: 0 if n > 4 else 2 * n)
    assert basics.earned == below.earned == 0.0
    assert "once the basics are" in below.say
    part_right = parts_of(lambda n: 0 if n > 4 or n == -2 else 2 * n)[1]
    assert part_right.earned == 0.0


def test_a_mistake_that_gives_other_results_is_not_named():
    assert {part.slip for part in parts_of(lambda n: 2 * n + (n < 0))} == {""}


def test_what_raises_is_named_by_its_kind():
    _, below = parts_of(lambda n: 2 * n if n > 0 else [][1])
    assert "raises IndexError" in below.say


@pytest.mark.parametrize("seen", [None, [], [{"value": 6}], [{"value": 6}] * 6])
def test_too_few_or_too_many_observations_are_none(seen):
    assert {part.verdict for part in judge_build(BUILD, CASES, seen)} == {Verdict.UNUSABLE}
    assert sum(part.earned for part in judge_build(BUILD, CASES, seen)) == 0


def test_a_stub_that_is_half_written_is_an_answer():
    def half(n):
        if n < 0:
            raise NotImplementedError
        return 2 * n

    basics, below = parts_of(half)
    assert basics.earned == 1.0
    assert below.verdict is not Verdict.OPEN


def test_arguments_are_fresh_for_every_call():
    case = Case("only", {"items": [1, 2]})
    build = Build("f", "", lambda items: items.pop(), (), lambda params, random: [])
    assert observe(build, build.reference, case) == observe(build, build.reference, case) == {"value": 2}
    assert case.arguments == {"items": [1, 2]}


def test_a_value_that_is_no_json_is_the_fault_of_the_part():
    assert observe(echo(object()), lambda: object(), Case("only", {})) == {"raises": "TypeError"}


@given(JSON)
def test_everything_equals_itself(value):
    assert same(value, value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (0, False),
        (True, 1),
        (0, None),
        ("1", 1),
        ([], {}),
        ([1], [1, 1]),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1}, {"b": 1}),
        ([1, 2], [2, 1]),
        (1.0, 1.0 + 1e-6),
        (1, 10**400),
        (1.0, math.nan),
        ("", None),
        (math.inf, 1e308),
    ],
)
def test_what_differs_is_not_the_same(one, other):
    assert not same(one, other)


def test_floats_are_the_same_within_the_tolerance_and_whole_numbers_may_be_floats():
    assert same(1.0, 1.0 + 1e-12)
    assert same(2, 2.0)
