"""Metrics, intervals and the judgement of passages that systems cut in their own way."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.rag.evaluation.coverage import answer_ranks, as_rankings, covers
from reference.rag.evaluation.metrics import mean_interval, paired_difference, per_question


def test_metrics_equal_their_definitions_on_a_case_done_by_hand():
    values = per_question({"q": ["x", "a", "y", "b"]}, {"q": {"a", "b", "c"}})
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert values["nDCG@10"]["q"] == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / ideal)
    assert values["RR@10"]["q"] == pytest.approx(0.5)
    assert values["R@20"]["q"] == pytest.approx(2 / 3)
    assert (values["Success@1"]["q"], values["Success@5"]["q"]) == (0, 1)


def test_a_question_for_which_nothing_was_found_counts_as_zero():
    values = per_question({"a": ["1"]}, {"a": {"1"}, "b": {"2"}})
    assert values["RR@10"] == {"a": 1.0, "b": 0.0}
    assert per_question({"a": [], "b": ["2"]}, {"a": {"1"}, "b": {"2"}})["R@20"] == {"a": 0.0, "b": 1.0}


@pytest.mark.parametrize(
    ("rankings", "relevant", "word"),
    [
        ({"a": ["1"]}, {"a": set()}, "no relevant item"),
        ({"zz": ["1"]}, {"a": {"1"}}, "no question of this set"),
        ({"a": ["1", "1"]}, {"a": {"1"}}, "ranked twice"),
    ],
)
def test_senseless_rankings_are_refused(rankings, relevant, word):
    with pytest.raises(ValueError, match=word):
        per_question(rankings, relevant)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_the_interval_holds_the_mean_and_stays_inside_the_data(values):
    table = {str(i): v for i, v in enumerate(values)}
    interval = mean_interval(table, resamples=200)
    assert min(values) - 1e-9 <= interval.low <= interval.high <= max(values) + 1e-9
    assert interval.mean == pytest.approx(sum(values) / len(values))
    assert interval.n == len(values)


def test_the_interval_is_as_wide_as_the_normal_approximation_says():
    values = {str(i): float(i % 2) for i in range(400)}
    interval = mean_interval(values)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(400), rel=0.1)


def test_a_paired_difference_is_narrower_than_its_parts_when_questions_are_hard_for_both():
    base = {str(i): (i % 10) / 10 for i in range(200)}
    better = {q: v + 0.05 for q, v in base.items()}
    difference = paired_difference(better, base)
    assert difference.low == pytest.approx(0.05)
    assert difference.high == pytest.approx(0.05)
    with pytest.raises(ValueError, match="same questions"):
        paired_difference(better, {"0": 1.0})


def test_questions_of_one_document_count_as_one_draw():
    values = {f"{document}-{i}": float(document % 2) for document in range(10) for i in range(20)}
    groups = {question: question.split("-")[0] for question in values}
    alone, grouped = mean_interval(values), mean_interval(values, groups=groups)
    assert alone.mean == grouped.mean == 0.5
    assert grouped.high - grouped.low == pytest.approx((alone.high - alone.low) * math.sqrt(20), rel=0.2)
    with pytest.raises(ValueError, match="no group"):
        mean_interval(values, groups={"0-0": "0"})


SECTION = " ".join(f"word{i}" for i in range(60))


def test_a_passage_that_holds_the_section_or_lies_inside_it_covers_it():
    assert covers(SECTION, SECTION)
    assert covers("intro text that leads up to it " * 30 + SECTION, SECTION)
    assert covers(" ".join(SECTION.split()[10:20]), SECTION)
    assert covers(SECTION.replace(" ", "\n  ").upper(), SECTION)


def test_a_passage_that_touches_the_section_only_at_its_edge_does_not_cover_it():
    edge = " ".join(f"other{i}" for i in range(40)) + " " + " ".join(SECTION.split()[:12])
    assert not covers(edge, SECTION)
    assert not covers("", SECTION)
    assert not covers("nothing in common with what is asked for here at all", SECTION)


def test_ranks_count_only_passages_of_the_right_document():
    ranks = answer_ranks({"q": [("other", SECTION), ("doc", "short note"), ("doc", SECTION)]}, {"q": ("doc", SECTION)})
    assert ranks == {"q": 3}
    assert answer_ranks({}, {"q": ("doc", SECTION)}) == {"q": None}


@given(st.integers(1, 15))
def test_a_rank_becomes_its_textbook_ndcg(rank):
    rankings, relevant = as_rankings({"q": rank})
    value = per_question(rankings, relevant)["nDCG@10"]["q"]
    assert value == pytest.approx(1 / math.log2(1 + rank) if rank <= 10 else 0)


def test_a_missing_answer_scores_zero():
    assert per_question(*as_rankings({"q": None}))["nDCG@10"]["q"] == 0
