"""Variants: nobody can compute another's, and a draw that makes a bad exercise is seen."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.catalogue import exercise
from exercises.drawing import flaw, seed_of, variant
from exercises.model import Ask, Exercise, ExerciseError, Kind, Mistake

# No control characters: one of them parts the words, and HMAC fills its key up with zero bytes.
WORD = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8)


def asked(value, mistakes, **kind):
    """An exercise with one ask, whose answer and mistakes are given."""
    return Exercise(
        id="q1-test", kind=Kind.SIZE, title="", section="2", difficulty=1, minutes=1, points=1,
        draw=lambda random: {"n": 1}, prompt=lambda p: "", hints=("", ""),
        asks=(Ask("x", "", "", **kind),), answers=lambda p: {"x": value},
        mistakes=lambda p: {"x": [Mistake(slip, wrong) for slip, wrong in mistakes]},
    )  # fmt: skip


@given(st.lists(WORD, min_size=1, max_size=3), WORD)
def test_a_seed_depends_on_every_word_and_on_the_secret(words, secret):
    assert seed_of(*words) == seed_of(*words)
    assert seed_of(*words) != seed_of(*words, secret=secret)
    assert seed_of(*words) != seed_of(*words, "")
    assert seed_of("a", "b") != seed_of("ab")


def test_a_seed_is_a_whole_number_of_eight_bytes():
    assert 2**63 < max(seed_of(str(number)) for number in range(100)) < 2**64


def test_a_secret_and_another_take_draw_other_numbers():
    one = exercise("q1-burst-and-cold-start")
    drawn = [variant(one, "ada"), variant(one, "ada", take=2), variant(one, "ada", secret="s"), variant(one, "bob")]
    assert all(drawn[0] != other for other in drawn[1:])


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (asked(100.0, [("kilo", 101.0)]), "kilo gives the right answer"),
        (asked(100.0, [("kilo", 50.0), ("percent", 51.0)]), "kilo and percent give the same"),
        (asked(9.2, [("kilo", 9.7)], whole="up"), "kilo gives the right answer"),
        (asked("1", [("kilo", "1")], choices=("1", "2")), "kilo gives the right answer"),
        (asked(0.0, [("kilo", 5.0)]), "the answer is zero"),
        (asked(math.nextafter(3.0, 4), [("kilo", 5.0)], whole="up"), "noise of floats"),
    ],
)
def test_a_draw_that_is_ambiguous_is_seen(one, said):
    assert said in flaw(one, {"n": 1})
    with pytest.raises(ExerciseError, match="none of 400 draws is well posed"):
        variant(one, "ada")


@pytest.mark.parametrize(
    "one",
    [
        asked(100.0, [("kilo", 50.0), ("percent", 70.0)]),
        asked(100.0, [("kilo", 50.0), ("kilo", 50.0)]),  # one idea reached in two ways
        asked(9.2, [("kilo", 10.7)], whole="up"),
        asked(3.0, [("kilo", 5.0)], whole="up"),
    ],
)
def test_a_clear_draw_is_taken(one):
    assert flaw(one, {"n": 1}) == ""
    assert variant(one, "ada") == {"n": 1}


def test_numbers_that_do_not_survive_json_are_a_flaw():
    one = dataclasses.replace(asked(100.0, [("kilo", 50.0)]), draw=lambda random: {"n": (1, 2)})
    assert "JSON" in flaw(one, {"n": (1, 2)})
    assert "JSON" in flaw(one, {1: 2})
