"""Rates, thresholds and prices of the semantic cache, and the labelled questions they are measured on."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from reference.serving.semantic_cache import CacheError, questions
from reference.serving.semantic_cache.agreement import disagreement
from reference.serving.semantic_cache.evaluation import (
    Point,
    Prices,
    Rate,
    Scored,
    Traffic,
    by_kind,
    cheapest,
    choose_threshold,
    curve,
    rate,
    request_cost,
    ruinous_wrong_answer,
    score,
)
from reference.serving.semantic_cache.questions import Pair


def scored(same, other):
    return [Scored(Pair("a", "b", True, "paraphrase", "t"), s, "") for s in same] + [
        Scored(Pair("a", "b", False, "number", "t"), s, "") for s in other
    ]


# --- the questions ----------------------------------------------------------------------------------------------------


def test_the_set_is_as_large_as_it_claims_and_no_text_stands_twice():
    every = questions.intents()
    texts = Counter(text for _, wordings in questions.everything_asked(every) for text in wordings)
    assert [text for text, count in texts.items() if count > 1] == []
    for split, least in (("tuning", (700, 390, 400)), ("held-out", (300, 100, 100))):
        some = questions.intents(split)
        made = questions.adversarial(some), questions.paraphrases(some), questions.near_topic(some)
        assert all(len(pairs) >= count for pairs, count in zip(made, least, strict=True))
    assert {pair.kind for pair in questions.adversarial(every)} == set(questions.KINDS)


def test_no_topic_is_in_both_halves():
    topics = {split: {one.topic for one in questions.intents(split)} for split in questions.SPLITS}
    assert topics["tuning"] & topics["held-out"] == set()


def test_an_unknown_split_is_refused_by_name():
    with pytest.raises(ValueError, match="split"):
        questions.intents("test")


def test_the_wording_guard_alone_lets_no_look_alike_of_the_tuning_questions_through():
    """Without any threshold, as with an embedder that finds everything alike, and behind other words too."""
    some = questions.intents("tuning")
    pairs = questions.adversarial(some) + questions.reworded(some) + questions.near_topic(some)
    assert len(pairs) >= 2500
    assert [pair for pair in pairs if not disagreement(pair.one, pair.two)] == []


def test_the_wording_guard_alone_finds_as_many_paraphrases_of_the_tuning_questions_as_recorded():
    pairs = questions.paraphrases(questions.intents("tuning"))
    assert sum(not disagreement(pair.one, pair.two) for pair in pairs) >= 92


# --- rates and thresholds ---------------------------------------------------------------------------------------------


@given(st.integers(0, 40), st.integers(1, 40))
def test_bounds_are_those_of_clopper_and_pearson(hits, n):
    share = Rate(min(hits, n), n)
    assert share.lower <= share.value <= share.upper
    if share.hits < n:  # at the bound so few hits, or fewer, have probability 5 %
        assert binom.cdf(share.hits, n, share.upper) == pytest.approx(0.05, abs=1e-6)


def test_score_embeds_each_text_once_and_scales_it():
    seen = []

    def embed(texts):
        seen.extend(texts)
        return np.array([[3.0, 0.0] if text == "a" else [1.0, 1.0] for text in texts])

    found = score([Pair("a", "b", True, "paraphrase", "t"), Pair("a", "a", True, "paraphrase", "t")], embed)
    assert sorted(seen) == ["a", "b"]
    assert [one.similarity for one in found] == pytest.approx([0.5**0.5, 1.0])
    refused = score([Pair("a", "b", True, "paraphrase", "t")], embed, lambda one, two: "no")
    assert rate(refused, 0.1).hits == 0


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=30),
    st.lists(st.floats(0, 1), min_size=1, max_size=60),
    st.floats(0.1, 1),
)
def test_the_chosen_threshold_is_the_highest_that_keeps_the_bound_and_its_share_of_the_hits(same, other, keep):
    pairs = scored(same, other)
    chosen = choose_threshold(pairs, max_false_hits=0.1, keep=keep)
    points = [p for p in curve(pairs, [k / 100 for k in range(1, 101)]) if p.false_hits.upper <= 0.1]
    best = max((p.hits.hits for p in points), default=0)
    if chosen is None:
        assert best == 0
    else:
        (mine,) = curve(pairs, [chosen])
        assert mine.false_hits.upper <= 0.1
        assert mine.hits.hits >= keep * best > 0
        assert all(p.hits.hits < keep * best for p in points if p.threshold > chosen)


def test_a_margin_gives_up_hits_for_a_higher_threshold():
    pairs = scored([0.6] + 9 * [0.9], 40 * [0.1])
    assert choose_threshold(pairs, 0.1, keep=1) == 0.6
    assert choose_threshold(pairs, 0.1, keep=0.9) == 0.9


def test_too_few_look_alikes_to_show_the_bound_allow_no_threshold():
    assert choose_threshold(scored([0.9], 298 * [0.1]), 0.01) is None  # 0 of 298: at most 1.0003 %
    assert choose_threshold(scored([0.9], 299 * [0.1]), 0.01) == 0.9


def test_rates_come_by_kind():
    shares = by_kind(scored([0.9, 0.2], [0.95]), 0.5)
    assert {kind: (share.hits, share.n) for kind, share in shares.items()} == {"number": (1, 1), "paraphrase": (1, 2)}


def test_a_curve_needs_both_sorts_of_pairs():
    with pytest.raises(CacheError, match="needs pairs"):
        curve(scored([0.9], []), [0.5])
    with pytest.raises(CacheError, match="max_false_hits"):
        choose_threshold(scored([0.9], [0.1]), max_false_hits=1)
    with pytest.raises(CacheError, match="keep"):
        choose_threshold(scored([0.9], [0.1]), keep=0)


# --- prices -----------------------------------------------------------------------------------------------------------

shares = st.integers(0, 50).map(lambda hits: Rate(hits, 50))
points = st.lists(st.builds(Point, st.just(0.5), shares, shares), min_size=1, max_size=5)
money = st.floats(0.0001, 10)


def test_cost_of_a_request_by_hand():
    point = Point(0.8, Rate(1, 2), Rate(1, 10))
    cost = request_cost(point, Traffic(repeats=0.4, look_alikes=0.1), Prices(model=0.01, lookup=0.0001, wrong=2))
    # 20 % right hits, 1 % wrong ones: 0.0001 + 0.79 * 0.01 + 0.01 * 2
    assert cost == pytest.approx(0.0280)


@given(points, money, money)
def test_dearer_wrong_answers_never_make_a_looser_point_the_cheapest(some, model, wrong):
    traffic = Traffic(0.3, 0.2)
    now = cheapest(some, traffic, Prices(model, 0.00001, wrong))
    later = cheapest(some, traffic, Prices(model, 0.00001, 10 * wrong))
    if later is not None:
        assert now is not None
        assert later.false_hits.value <= now.false_hits.value


@given(points, money)
def test_no_cache_is_best_exactly_above_the_ruinous_price(some, model):
    traffic, point, lookup = Traffic(0.3, 0.2), some[0], model / 101  # with which no point breaks exactly even
    limit = ruinous_wrong_answer(point, traffic, Prices(model, lookup, 0))
    if 0 < limit < 1e6:
        assert cheapest([point], traffic, Prices(model, lookup, 0.999 * limit)) is point
        assert cheapest([point], traffic, Prices(model, lookup, 1.001 * limit)) is None
    elif limit == 0:
        assert cheapest([point], traffic, Prices(model, lookup, 0)) is None


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Traffic(1.2, 0), "repeats"),
        (lambda: Traffic(0.7, 0.7), "look_alikes"),
        (lambda: Prices(-1, 0, 0), "model"),
        (lambda: Prices(1, 0, float("nan")), "wrong"),
    ],
)
def test_senseless_traffic_and_prices_are_refused_by_name(make, named):
    with pytest.raises(CacheError, match=named):
        make()
