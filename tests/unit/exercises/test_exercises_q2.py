"""Question 2's exercises and interview beyond what holds for all: solutions against the real parts, sums that agree."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.catalogue import exercise, solution
from exercises.drawing import variant
from exercises.interviews.model import values
from exercises.interviews.q2 import INTERVIEW
from exercises.numbers import rounded
from exercises.q2 import embedding_review, rank_fusion, retrieval_metrics, token_windows
from reference.sizing.claims.q2 import Q2Assumptions, corrected_design_q2
from reference.sizing.claims.q2.stages import by_littles_law, instances

PEOPLE = [f"person {number}" for number in range(40)]
IDS = st.lists(st.sampled_from([f"c{number}" for number in range(12)]), max_size=9, unique=True)


def built(name):
    one = exercise(name)
    space: dict[str, object] = {}
    exec(solution(name).code, space)
    return space[one.build.name]


@st.composite
def texts(draw):
    size = draw(st.sampled_from([128, 150, 256]))
    words = draw(st.lists(st.integers(1, size // 2) | st.integers(1, 4), max_size=120))
    return words, size, draw(st.integers(0, size // 4))


@pytest.mark.slow
@given(texts())
@settings(max_examples=150, deadline=None)
def test_the_windows_that_the_docstring_describes_are_the_chunkers(text):
    words, size, overlap = text
    found = built("q2-token-windows")(list(words), size, overlap)
    assert found == token_windows.reference(words, size, overlap)
    if words:
        assert found[0][0] == 0
        assert found[-1][1] == sum(words)
    for (first, end), (after, _) in pairwise(found):
        assert first < after <= end
        assert end - after <= overlap


QUESTIONS = st.sampled_from("abcd")


@pytest.mark.slow
@given(st.dictionaries(QUESTIONS, IDS), st.dictionaries(QUESTIONS, IDS.filter(bool), min_size=1), st.integers(1, 12))
@settings(max_examples=150, deadline=None)
def test_the_metrics_that_the_docstring_describes_are_those_of_trec(rankings, relevant, k):
    rankings = {question: ids for question, ids in rankings.items() if question in relevant}
    found = built("q2-retrieval-metrics")(rankings, relevant, k)
    assert found == pytest.approx(retrieval_metrics.reference(rankings, relevant, k))


@pytest.mark.slow
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), max_size=4), st.sampled_from([1, 20, 60]))
@settings(max_examples=150, deadline=None)
def test_the_fusion_that_the_prompt_describes_is_the_searchers(rankings, k):
    found = built("q2-rank-fusion")(rankings, k)
    expected = rank_fusion.reference(rankings, k)
    assert [name for name, _ in found] == [name for name, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected])


def test_pools_of_a_variant_are_those_that_the_ledger_would_buy():
    one = exercise("q2-instances")
    asks = {ask.name: ask for ask in one.asks}
    for person in PEOPLE:
        p = variant(one, person)
        a = dataclasses.replace(Q2Assumptions(), utilisation_ceiling=p["ceiling"], spare=1)
        missed = p["rate"] * (1 - p["hit"])
        model = by_littles_law(p["llm_slots"], p["answer_s"] + p["expand_s"])
        rerank = by_littles_law(p["rerank_slots"], p["rerank_ms"] / 1000)
        right = one.answers(p)
        assert rounded(asks["rerank_gpus"], right["rerank_gpus"]) == instances(a, missed, rerank)
        assert rounded(asks["llm_instances"], right["llm_instances"]) == instances(a, missed, model)
        assert rounded(asks["llm_cold"], right["llm_cold"]) == instances(a, p["rate"], model)


def test_each_step_of_the_embedders_is_wrong_in_some_variant():
    one = exercise("q2-embedding-review")
    assert {one.answers(variant(one, person))["wrong_step"] for person in PEOPLE} == set(embedding_review.STEPS)


def test_a_second_answer_is_asked_that_the_broken_step_may_leave_whole():
    one = exercise("q2-embedding-review")
    kept = {"gpus": 0, "llm_calls": 0}
    for person in PEOPLE:
        p = variant(one, person)
        right = one.answers(p)
        kept["gpus"] += rounded(one.asks[1], right["gpus"]) == p["said"][3]
        kept["llm_calls"] += right["llm_calls"] == p["said"][4]
        assert (right["llm_calls"] == p["said"][4]) == (right["wrong_step"] != "5")
    assert min(kept.values()) > 0


def test_the_interview_starts_from_the_corrected_design():
    found = {figure.name: figure.value for figure in INTERVIEW.design(values(INTERVIEW))}
    right = corrected_design_q2().plan("corrected")
    assert found["model instances"] == right.stage("llm").instances
    assert found["reranker GPUs"] == right.stage("rerank").instances
    assert found["searches"] == right.stage("dense").rate
    assert found["GPUs"] == right.gpus
    assert found["model instances, cache empty"] == right.empty_cache_llms


@pytest.mark.parametrize(("name", "value"), [("percentile", 100), ("hit", 1.0), ("latency_s", 0.2)])
def test_what_no_design_can_do_is_said(name, value):
    with pytest.raises(ValueError, match=r"\w"):
        INTERVIEW.design({**values(INTERVIEW), name: value})
