"""Pipelines compared on one question set."""

from __future__ import annotations

import time
from functools import partial

import pytest
from rag_query_fakes import MemoryDense, MemoryLexical, WordEmbedder, chunk

from reference.rag.evaluation import pipelines
from reference.rag.evaluation.ablation import compare
from reference.rag.query import SearchSettings

QUERIES = {f"q{i}": f"text {i}" for i in range(40)}
RELEVANT = {q: {f"{q}-answer"} for q in QUERIES}
NUMBER = {text: q for q, text in QUERIES.items()}


def right(text):
    return [f"{NUMBER[text]}-answer", "x"]


def second(text):
    return ["x", f"{NUMBER[text]}-answer"]


def test_the_better_pipeline_scores_higher_and_its_gain_is_the_difference():
    rows = compare({"second": second, "right": right}, QUERIES, RELEVANT)
    assert [r.name for r in rows] == ["second", "right"]
    assert rows[0].gain is None
    assert rows[1].metrics["nDCG@10"].mean == 1
    assert rows[1].gain.mean == pytest.approx(1 - rows[0].metrics["nDCG@10"].mean)
    assert rows[1].gain.low > 0
    assert rows[0].metrics["Success@1"].mean == 0
    assert rows[0].metrics["R@20"].mean == 1


def test_warming_up_does_not_count_and_every_question_is_asked_once():
    asked = []
    compare({"one": lambda text: asked.append(text) or []}, QUERIES, RELEVANT, warm_up=2)
    assert len(asked) == len(QUERIES) + 2
    assert set(asked) == set(QUERIES.values())


@pytest.mark.slow
def test_a_gain_is_over_the_named_base_and_the_one_before_by_default():
    pipelines = {"a": second, "b": right, "c": second}
    rows = {r.name: r for r in compare(pipelines, QUERIES, RELEVANT, bases={"c": "a"})}
    assert (rows["a"].base, rows["b"].base, rows["c"].base) == ("", "a", "a")
    assert rows["c"].gain.mean == 0
    assert rows["b"].gain.mean > 0
    with pytest.raises(ValueError, match="no pipeline 'z'"):
        compare(pipelines, QUERIES, RELEVANT, bases={"c": "z"})


def test_intervals_know_which_questions_are_alike():
    groups = {q: str(number // 20) for number, q in enumerate(QUERIES)}
    half = {"half": lambda text: right(text) if groups[NUMBER[text]] == "0" else []}
    (alone,), (grouped,) = compare(half, QUERIES, RELEVANT), compare(half, QUERIES, RELEVANT, groups=groups)
    assert grouped.metrics["nDCG@10"].high - grouped.metrics["nDCG@10"].low > 2 * (
        alone.metrics["nDCG@10"].high - alone.metrics["nDCG@10"].low
    )


def test_questions_without_a_known_answer_are_refused():
    with pytest.raises(ValueError, match="must be the same"):
        compare({"one": right}, QUERIES, {"q0": {"x"}})
    with pytest.raises(ValueError, match="must be the same"):
        compare({"one": right}, {}, {})


def test_vectors_that_are_slow_to_come_are_waited_for_and_measured(monkeypatch):
    class Slow(MemoryDense):
        def search(self, *args, **options):
            time.sleep(0.05)
            return super().search(*args, **options)

    # A service would have given this store up.
    monkeypatch.setattr(pipelines, "SearchSettings", partial(SearchSettings, dense_timeout_s=0.001))
    chunks = [chunk("rename a file", "a"), chunk("sort a list", "b")]
    stages = pipelines.staged_pipelines(Slow(chunks), MemoryLexical(chunks), WordEmbedder())
    assert stages["dense"]("rename a file") == [one.id for one in chunks]


def test_a_row_survives_json():
    import json

    row = compare({"right": right}, QUERIES, RELEVANT)[0]
    again = json.loads(json.dumps(row.to_dict()))
    assert again["metrics"]["RR@10"] == [1, 1, 1]
    assert again["n"] == 40
