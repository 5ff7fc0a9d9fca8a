"""Cost-quality curves: what must be true of any recorded answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.serving.model_routing.curves import (
    area_over_random,
    curve,
    length_scores,
    operate,
    oracle_scores,
    random_cost_share,
    random_line,
    safe_threshold,
)
from reference.serving.model_routing.judged import Judged, with_costs
from reference.serving.model_routing.sealed import RoutingError


@st.composite
def judged_with_scores(draw):
    n = draw(st.integers(1, 40))
    rights = st.lists(st.booleans(), min_size=n, max_size=n)
    scores = draw(st.lists(st.sampled_from([0.1, 0.2, 0.5, 0.9]), min_size=n, max_size=n))
    groups = tuple(draw(st.lists(st.sampled_from("abcd"), min_size=n, max_size=n)))
    first = draw(st.booleans())
    found = Judged(
        np.array(draw(rights)),
        np.array(draw(rights)),
        1.0,
        draw(st.floats(0, 0.9)),
        groups,
        draw(st.floats(0, 0.1)),
        first,
    )
    return found, np.array(scores)


@given(judged_with_scores())
@settings(max_examples=60, deadline=None)
def test_each_point_of_a_curve_is_what_its_threshold_gives(given_):
    judged, scores = given_
    found = curve("any", scores, judged)
    for threshold, share, cost, quality in zip(
        found.thresholds, found.small_share, found.cost_share, found.quality, strict=True
    ):
        sent = scores >= threshold
        assert share == pytest.approx(sent.mean())
        assert quality == pytest.approx(judged.right(sent).mean())
        assert cost == pytest.approx(judged.cost_share(sent))


@given(judged_with_scores())
@settings(max_examples=60, deadline=None)
def test_ends_of_a_curve_are_the_two_models(given_):
    judged, scores = given_
    found = curve("any", scores, judged)
    assert found.quality[0] == pytest.approx(judged.strong_quality)
    assert found.quality[-1] == pytest.approx(judged.small_quality)
    line = random_line(judged)
    assert (line.quality[0], line.quality[-1]) == pytest.approx((judged.strong_quality, judged.small_quality))


@given(judged_with_scores())
@settings(max_examples=60, deadline=None)
def test_no_router_beats_the_oracle_at_any_share(given_):
    judged, scores = given_
    best, mine = curve("oracle", oracle_scores(judged), judged), curve("any", scores, judged)
    gain = np.sort(judged.small_right.astype(int) - judged.strong_right.astype(int))[::-1]
    most = judged.strong_quality + np.concatenate([[0], np.cumsum(gain)]) / len(judged)
    assert (mine.quality <= most[np.round(mine.small_share * len(judged)).astype(int)] + 1e-9).all()
    assert best.quality == pytest.approx(most[np.round(best.small_share * len(judged)).astype(int)])


def made(n: int = 800, seed: int = 0, informed: float = 1.0) -> tuple[Judged, np.ndarray]:
    """Small model right with the probability that the score tells (informed 1) or whatever the score (0)."""
    rng = np.random.default_rng(seed)
    scores = rng.random(n)
    small = rng.random(n) < informed * scores + (1 - informed) * 0.5
    strong = rng.random(n) < 0.9
    return Judged(strong, small, 1.0, 0.05, tuple(str(k // 20) for k in range(n))), scores


def test_random_router_has_no_area_over_random_and_an_informed_one_does():
    judged, scores = made(4000)
    coin = np.random.default_rng(1).random(len(judged))
    assert abs(area_over_random(curve("coin", coin, judged), judged)) < 0.01
    assert area_over_random(curve("router", scores, judged), judged) > 0.05


def test_random_band_holds_most_coins():
    judged, _ = made(500)
    line, rng, inside = random_line(judged, points=3), np.random.default_rng(3), 0
    for _ in range(400):
        quality = judged.right(rng.random(len(judged)) < 0.5).mean()
        inside += line.low[1] <= quality <= line.high[1]
    assert 0.92 <= inside / 400 <= 0.98


def test_a_cascade_pays_the_small_model_for_every_question():
    judged = Judged([True, True], [True, False], 1.0, 0.2, ("a", "b"), asks_small_first=True)
    assert judged.cost_share([False, False]) == pytest.approx(1.2)
    assert judged.cost_share([True, False]) == pytest.approx(0.7)


def test_the_choice_itself_costs_something_even_where_all_goes_to_the_strong_model():
    judged = Judged([True, True], [True, False], 1.0, 0.2, ("a", "b"), choosing=0.1)
    assert judged.cost_share([False, False]) == pytest.approx(1.1)


@pytest.mark.slow
def test_threshold_keeps_the_quality_on_questions_that_it_was_not_chosen_on():
    broken = 0
    for seed in range(30):
        judged, scores = made(800, seed)
        threshold = safe_threshold(scores, judged, keep=0.95, confidence=0.9, draws=300)
        fresh, others = made(8000, 1000 + seed)
        broken += operate("", others >= threshold, fresh, draws=10).kept < 0.95
    assert broken <= 6  # 3 are expected; more than 6 of 30 would happen once in 30 such tests


@pytest.mark.slow
def test_without_a_margin_the_threshold_is_lower():
    judged, scores = made(800)
    assert safe_threshold(scores, judged, confidence=0.99) > safe_threshold(scores, judged, confidence=0.5)


def test_no_threshold_is_better_than_one_that_loses_quality():
    judged = Judged(np.ones(100, bool), np.zeros(100, bool), 1.0, 0.1, tuple(map(str, range(100))))
    assert safe_threshold(np.linspace(0, 1, 100), judged, keep=0.999) == np.inf


def test_questions_of_one_sentence_widen_the_interval():
    rng = np.random.default_rng(5)
    fails = np.repeat(rng.random(20) < 0.3, 25)
    alone = Judged(~fails, ~fails, 1.0, 0.1, tuple(str(k) for k in range(500)))
    together = Judged(~fails, ~fails, 1.0, 0.1, tuple(str(k // 25) for k in range(500)))
    widths = [(one := operate("", fails, judged)).quality_high - one.quality_low for judged in (alone, together)]
    assert widths[1] > 2 * widths[0]


def test_a_coin_that_keeps_the_quality_costs_as_the_line_says():
    judged = Judged([True] * 9 + [False], [True] * 6 + [False] * 4, 1.0, 0.0, tuple("abcdefghij"))
    share = (0.05 * 0.9) / (0.9 - 0.6)
    assert random_cost_share(judged, 0.95) == pytest.approx(1 - share)
    assert random_cost_share(with_costs(judged, 2.0, 1.0), 0.95) == pytest.approx(1 - share / 2)


def test_short_messages_go_to_the_small_model_first_by_length():
    assert np.argmax(length_scores(["a long message indeed", "short"])) == 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"groups": ()}, "groups"),
        ({"strong_right": [True]}, "strong_right"),
        ({"small_cost": [-1.0, 0.0]}, "small_cost"),
        ({"small_cost": [float("nan"), 0.0]}, "small_cost"),
        ({"strong_cost": 0.0}, "strong_cost"),
        ({"choosing": -1.0}, "choosing"),
    ],
)
def test_wrong_records_are_refused_by_name(change, named):
    good = {"strong_right": [True, True], "small_right": [True, False], "strong_cost": 1.0, "small_cost": 0.1}
    with pytest.raises(RoutingError, match=named):
        Judged(**({**good, "groups": ("a", "b")} | change))


@pytest.mark.parametrize(
    ("keep", "confidence", "named"), [(0, 0.9, "keep"), (1.1, 0.9, "keep"), (0.9, 1.0, "confidence")]
)
def test_senseless_demands_on_a_threshold_are_refused(keep, confidence, named):
    judged, scores = made(20)
    with pytest.raises(RoutingError, match=named):
        safe_threshold(scores, judged, keep, confidence)
