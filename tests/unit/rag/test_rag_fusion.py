"""Fusion of ranked lists: properties that hold for every input."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.rag.fusion import (
    FusionError,
    RankedList,
    reciprocal_rank_fusion,
    scaled_scores,
    weighted_score_fusion,
)
from reference.rag.types import Chunk, Hit

CHUNKS = [Chunk("doc", n, f"passage {n}", (), 2) for n in range(12)]
NUMBER = {chunk.id: n for n, chunk in enumerate(CHUNKS)}


def ranked(name, numbers, weight=1.0, scores=None):
    scores = scores or [1.0 / (1 + rank) for rank in range(len(numbers))]
    return RankedList(name, [Hit(CHUNKS[n], s) for n, s in zip(numbers, scores, strict=True)], weight)


def numbers(hits):
    return [NUMBER[hit.chunk.id] for hit in hits]


permutations = st.lists(st.integers(0, 11), unique=True, max_size=12)
lists_of_numbers = st.lists(permutations, min_size=1, max_size=5)
ks = st.floats(0.1, 1000)


def as_lists(orders):
    return [ranked(f"list{i}", order) for i, order in enumerate(orders)]


@given(lists_of_numbers, ks, st.randoms())
def test_the_order_of_the_lists_does_not_matter(orders, k, random):
    lists = as_lists(orders)
    shuffled = random.sample(lists, len(lists))
    for fuse in (lambda x: reciprocal_rank_fusion(x, k), weighted_score_fusion):
        one, two = fuse(lists), fuse(shuffled)
        assert [(h.chunk.id, h.score) for h in one] == [(h.chunk.id, h.score) for h in two]


@given(permutations.filter(bool), permutations, permutations, ks)
def test_a_chunk_first_in_every_list_is_first(rest, other, third, k):
    first = rest[0]
    orders = [[first, *[n for n in order if n != first]] for order in (rest, other, third)]
    assert numbers(reciprocal_rank_fusion(as_lists(orders), k))[0] == first
    assert weighted_score_fusion(as_lists(orders))[0].score == pytest.approx(3.0)


@given(permutations, ks)
def test_one_list_keeps_its_order(order, k):
    assert numbers(reciprocal_rank_fusion([ranked("a", order)], k)) == order
    assert numbers(weighted_score_fusion([ranked("a", order)])) == order


@given(lists_of_numbers, ks)
def test_the_result_holds_every_chunk_once_and_falls(orders, k):
    for hits in (reciprocal_rank_fusion(as_lists(orders), k), weighted_score_fusion(as_lists(orders))):
        assert sorted(numbers(hits)) == sorted({n for order in orders for n in order})
        assert all(a.score >= b.score for a, b in itertools.pairwise(hits))


@given(lists_of_numbers)
def test_with_k_to_infinity_the_number_of_lists_decides(orders):
    fused = numbers(reciprocal_rank_fusion(as_lists(orders), k=1e9))
    counts = [sum(n in order for order in orders) for n in fused]
    assert counts == sorted(counts, reverse=True)


@given(permutations.filter(lambda order: len(order) >= 2), permutations)
def test_moving_up_in_a_list_never_lowers_the_score(order, other):
    moved = [order[1], order[0], *order[2:]]

    def score(first_order):
        fused = reciprocal_rank_fusion([ranked("a", first_order), ranked("b", other)])
        return next(hit.score for hit in fused if NUMBER[hit.chunk.id] == order[1])

    assert score(moved) > score(order)


@given(lists_of_numbers)
def test_ranks_are_one_based_positions_in_each_list(orders):
    for hit in reciprocal_rank_fusion(as_lists(orders)):
        n = NUMBER[hit.chunk.id]
        assert hit.ranks == {f"list{i}": order.index(n) + 1 for i, order in enumerate(orders) if n in order}


def test_the_formula_is_the_published_one():
    a, b = ranked("a", [0, 1]), ranked("b", [1], weight=2.0)
    scores = {NUMBER[h.chunk.id]: h.score for h in reciprocal_rank_fusion([a, b], k=60)}
    assert scores == pytest.approx({0: 1 / 61, 1: 1 / 62 + 2 / 61})


def test_ties_are_ordered_by_chunk_id():
    orders = [[3], [5], [1]]
    fused = reciprocal_rank_fusion(as_lists(orders))
    assert [hit.chunk.id for hit in fused] == sorted(CHUNKS[n].id for n in (3, 5, 1))


def test_lists_of_one_name_show_the_best_rank_and_both_count():
    lists = [ranked("dense", [4, 7]), ranked("dense", [7])]
    for given_lists in (lists, lists[::-1]):
        fused = reciprocal_rank_fusion(given_lists, k=1)
        assert numbers(fused) == [7, 4]
        assert fused[0].ranks == {"dense": 1}
        assert fused[0].score == pytest.approx(1 / 3 + 1 / 2)


def test_a_chunk_named_twice_in_one_list_counts_once():
    assert reciprocal_rank_fusion([ranked("a", [2, 2])])[0].score == pytest.approx(1 / 61)


@settings(max_examples=200)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=12))
def test_scaled_scores_lie_between_0_and_1_and_keep_the_order(values):
    scaled = scaled_scores(values)
    assert all(0 <= value <= 1 for value in scaled)
    for a, b in zip(range(len(values)), range(1, len(values)), strict=False):
        if values[a] < values[b]:
            assert scaled[a] <= scaled[b]
    assert max(scaled) == 1


@given(permutations.filter(bool), st.floats(0.5, 100), st.floats(-50, 50))
def test_weighted_fusion_ignores_a_list_s_unit_and_zero(order, factor, shift):
    scores = [float(20 - rank) for rank in range(len(order))]
    moved = [factor * score + shift for score in scores]
    other = ranked("b", order[::-1], weight=0.4)
    one = weighted_score_fusion([ranked("a", order, scores=scores), other])
    two = weighted_score_fusion([ranked("a", order, scores=moved), other])
    assert {h.chunk.id: h.score for h in one} == pytest.approx({h.chunk.id: h.score for h in two}, abs=1e-9)


def test_a_weight_of_zero_leaves_a_list_out():
    assert numbers(reciprocal_rank_fusion([ranked("a", [1]), ranked("b", [2], weight=0.0)])) == [1]


@pytest.mark.parametrize("k", [0, -1, math.nan])
def test_a_k_that_makes_no_sense_is_refused_by_name(k):
    with pytest.raises(FusionError, match="k: must be above 0"):
        reciprocal_rank_fusion([ranked("a", [1])], k)


def test_bad_weights_and_scores_are_refused_by_name():
    with pytest.raises(FusionError, match="weight of list 'a'"):
        reciprocal_rank_fusion([ranked("a", [1], weight=-1)])
    with pytest.raises(FusionError, match="score"):
        weighted_score_fusion([ranked("a", [1], scores=[math.nan])])


@given(lists_of_numbers, st.integers(0, 12))
def test_the_limit_cuts_the_tail_only(orders, limit):
    whole = reciprocal_rank_fusion(as_lists(orders))
    assert reciprocal_rank_fusion(as_lists(orders), limit=limit) == whole[:limit]
