"""One number or choice: right from wrong, the slip by its name, and no crash on anything that a notebook may hold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exercises.model import Ask, Mistake, Verdict
from exercises.numbers import judge_ask, rounded
from exercises.slips import SLIPS
from exercises.slips.general import GENERAL
from reference.sizing import Q

RATE = Ask("rate", "request/s", "requests per second", tolerance=0.001)
GPUS = Ask("gpus", "", "GPUs", whole="up")
FIT = Ask("fit", "", "how many fit", whole="down")
STEP = Ask("step", "", "the wrong step", choices=("1", "2", "3"))
FACTORS = [(key, factor) for key, slip in GENERAL.items() for factor in slip.factors]


@given(st.floats(1e-6, 1e12), st.floats(-0.00099, 0.00099))
def test_an_answer_within_tolerance_is_right_and_earns_all(wanted, error):
    part = judge_ask(RATE, wanted * (1 + error), wanted)
    assert part.verdict is Verdict.RIGHT
    assert part.earned == 1.0


@given(st.floats(1e-3, 1e6), st.sampled_from(FACTORS), st.booleans())
def test_a_factor_is_named_both_ways_and_earns_its_share(wanted, known, inverse):
    key, factor = known
    part = judge_ask(RATE, wanted / factor if inverse else wanted * factor, wanted)
    assert part.verdict is Verdict.SLIP
    assert part.slip == key
    assert part.earned == SLIPS[key].credit < 1


@given(st.floats(0.3, 5000))
def test_a_whole_number_is_right_only_as_it_is_rounded(wanted):
    assert judge_ask(GPUS, math.ceil(wanted - 1e-9 * wanted), wanted).verdict is Verdict.RIGHT
    assert judge_ask(FIT, math.floor(wanted + 1e-9 * wanted), wanted).verdict is Verdict.RIGHT
    if abs(wanted - round(wanted)) > 0.03 * wanted + 1e-6:
        assert judge_ask(GPUS, wanted, wanted).slip == "not_rounded"
        assert judge_ask(GPUS, math.floor(wanted), wanted).slip == "rounded_down"
        assert judge_ask(FIT, math.ceil(wanted), wanted).slip == "rounded_down"


def test_a_slip_shows_in_a_whole_number_though_rounding_hid_its_factor():
    # 9.27 GPUs, and 556 where minutes were taken for seconds: 556 / 10 is not 60.
    assert judge_ask(GPUS, 557, 9.27).slip == "minutes_for_seconds"

    # 10.3 in GB are 11.06 in GiB, and twelve GPUs
    assert judge_ask(GPUS, 12, 10.3).slip == "gib_for_gb"


def test_float_noise_makes_no_gpu():
    assert rounded(GPUS, math.nextafter(3.0, 4)) == 3
    assert rounded(FIT, math.nextafter(3.0, 2)) == 3
    assert rounded(GPUS, 3.001) == 4


@given(st.floats(1e-3, 1e9), st.sampled_from([-1, 1]), st.floats(1.01, 5))
def test_an_answer_just_outside_of_the_tolerance_is_not_right(wanted, side, times):
    assert judge_ask(RATE, wanted * (1 + side * times * RATE.tolerance), wanted).verdict is not Verdict.RIGHT


def test_of_two_factors_the_nearer_one_is_named():
    loose = Ask("n", "", "n", tolerance=0.02)
    assert judge_ask(loose, 1005 * 70, 70).slip == "kilo"
    assert judge_ask(loose, 1017 * 70, 70).slip == "kibi"


def test_another_whole_number_is_not_called_unrounded():
    assert judge_ask(GPUS, 203, 200.5).verdict is Verdict.WRONG


def test_the_exercises_own_mistake_comes_before_a_factor():
    part = judge_ask(RATE, 800, 100, [Mistake("query_heads_for_kv_heads", 800.0)])
    assert part.slip == "query_heads_for_kv_heads"


def test_a_mistake_may_earn_more_or_less_than_its_slip_does():
    assert judge_ask(RATE, 7, 100, [Mistake("average_for_peak", 7.0, credit=0.75)]).earned == 0.75


def test_one_over_the_answer_is_named():
    assert judge_ask(RATE, 1 / 37, 37).slip == "reciprocal"


@given(
    st.one_of(
        st.booleans(),
        st.text(max_size=30),
        st.lists(st.integers(), max_size=3),
        st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
        st.sampled_from([math.nan, math.inf, -math.inf, 10**400, -(10**400)]),
        st.complex_numbers(),
    )
)
def test_what_is_no_plain_number_is_unusable_and_earns_nothing(given_value):
    for ask, wanted in ((RATE, 1.0), (GPUS, 9.27)):
        part = judge_ask(ask, given_value, wanted)
        assert part.verdict is Verdict.UNUSABLE
        assert part.earned == 0


@given(st.one_of(st.floats(), st.integers(), st.text(max_size=5), st.none(), st.booleans()))
def test_nothing_crashes_the_check_and_no_mark_leaves_its_bounds(given_value):
    for ask, wanted in ((RATE, 0.5), (GPUS, 0.2), (FIT, 17.9), (STEP, "2")):
        assert 0 <= judge_ask(ask, given_value, wanted).earned <= 1


@given(st.floats(1e-3, 1e9), st.floats(1e-3, 1e9))
def test_what_is_said_about_a_wrong_number_does_not_depend_on_the_right_one(given_value, wanted):
    part = judge_ask(RATE, given_value, wanted)
    if part.verdict is Verdict.SLIP:
        assert part.say == f"not yet: {SLIPS[part.slip].say}"
    elif part.verdict is Verdict.WRONG:
        assert part.say == "not yet: no known slip; redo it with the units written out"


def test_a_quantity_is_told_how_to_become_a_plain_number():
    part = judge_ask(RATE, Q(320, "request/s"), 320)
    assert part.verdict is Verdict.UNUSABLE
    assert ".to('request/s').magnitude" in part.say


def test_a_choice_is_taken_as_text_or_number_and_nothing_else():
    listed = [Mistake("other_step", "1"), Mistake("other_step", "3")]
    assert judge_ask(STEP, "2", "2", listed).verdict is Verdict.RIGHT
    assert judge_ask(STEP, 2, "2", listed).verdict is Verdict.RIGHT
    assert judge_ask(STEP, "1", "2", listed).slip == "other_step"
    assert judge_ask(STEP, "4", "2", listed).verdict is Verdict.UNUSABLE
    assert judge_ask(STEP, True, "1", listed).verdict is Verdict.UNUSABLE


def test_an_open_answer_is_not_wrong():
    for ask, wanted in ((RATE, 5.0), (STEP, "1")):
        part = judge_ask(ask, None, wanted)
        assert part.verdict is Verdict.OPEN
        assert "not attempted" in part.say


def test_only_what_is_right_or_a_slip_earns_anything():
    listed = [Mistake("other_step", "1")]
    for ask, answer, wanted in (
        (STEP, "4", "2"),
        (STEP, "3", "2"),
        (STEP, None, "2"),
        (RATE, None, 5),
        (RATE, 731, 100),
    ):
        part = judge_ask(ask, answer, wanted, listed if ask is STEP else ())
        assert (part.earned, part.weight) == (0.0, ask.weight)
    assert judge_ask(STEP, "2", "2", listed).earned == 1.0


@pytest.mark.parametrize("factor", [7.3, 0.13, 1.31, 43.0])
def test_an_answer_off_by_no_known_factor_is_wrong_without_a_name(factor):
    assert judge_ask(RATE, 100 * factor, 100).verdict is Verdict.WRONG
