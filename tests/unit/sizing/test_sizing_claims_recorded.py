"""Recorded figures are those of the committed benchmarks, and the assumptions of the questions rest on them."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from reference.sizing import magnitude
from reference.sizing.claims.q2 import Q2Assumptions
from reference.sizing.claims.q4 import Q4Assumptions
from reference.sizing.claims.recorded import recorded, records

RESULTS = Path(__file__).resolve().parents[3] / "benchmarks" / "results"


def result(benchmark: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((RESULTS / f"{benchmark}.json").read_text("utf-8"))
    return document


@pytest.mark.parametrize("benchmark", sorted(records()))
def test_record_is_the_committed_result(benchmark: str) -> None:
    record, measured = records()[benchmark], result(benchmark)
    assert measured["date"].startswith(record["date"])
    machine = measured["machine"]
    gpu = machine["gpus"][0].split(",")[0] if machine["gpus"] else f"{machine['processor']}, {machine['cores']} cores"
    assert record["machine"] == gpu
    rows = {(row["target"], row["metric"]): (row["unit"], row["median"]) for row in measured["rows"]}
    assert record["rows"]
    for row in record["rows"]:
        assert rows[row["target"], row["metric"]] == (row["unit"], row["median"])


def test_conditions_name_the_sizes_that_were_measured() -> None:
    conditions = {name: record["conditions"] for name, record in records().items()}
    vectors = result("rag_vectors")["conditions"]
    assert vectors["vectors"].startswith("167000 ")
    assert "167,000" in conditions["rag_vectors"]
    assert vectors["graph"].startswith("m=16,")
    assert f"{recorded('rag_vectors', 'float32', 'recall@10, ef=64').value:g}" in conditions["rag_vectors"]
    assert result("rag_hybrid")["conditions"]["chunks"].startswith("20000 ")
    assert "20,000" in conditions["rag_hybrid"]
    peers = result("rag_peers")["conditions"]
    assert peers["questions"].startswith("228 held-out FAQ questions from 15 documents")
    assert peers["documents"].startswith("261 ")
    assert conditions["rag_peers"].startswith("228 held-out FAQ questions of 15 documents, 261 documents")


def test_assumptions_rest_on_the_records_and_name_them() -> None:
    a = Q2Assumptions()
    searches = recorded("rag_vectors", "float32", "queries, ef=64").value
    assert magnitude(a.search_time_384, "s") == pytest.approx(1 / searches)
    lexical = recorded("rag_hybrid", "lexical, 1 at a time", "queries").value
    assert a.lexical_rate_high == lexical
    assert a.lexical_rate_low == pytest.approx(lexical * 20_000 / 167_000)
    assert a.lexical_rate == pytest.approx(math.sqrt(a.lexical_rate_low * a.lexical_rate_high))
    assert a.hit_at_5 == recorded("rag_peers", "workbook, hybrid + rerank", "Success@5").value
    why = {row["name"]: row["why"] for row in a.describe()}
    for name, benchmark in (("search_time_384", "rag_vectors"), ("lexical_rate_low", "rag_hybrid"),
                            ("lexical_rate_high", "rag_hybrid"), ("hit_at_5", "rag_peers")):  # fmt: skip
        assert f"benchmark {benchmark} of {records()[benchmark]['date']}, AMD EPYC, 2 cores" in why[name]
    for name in ("lexical_rate", "candidate_recall"):
        assert why[name].startswith("assumed")


def test_assumptions_of_question_4_rest_on_the_records_and_name_them() -> None:
    a = Q4Assumptions()
    why = {row["name"]: row["why"] for row in a.describe()}
    for name, row in {
        "tier1_posts_per_core_second": ("moderation_rules", "whole stage, 10,000 patterns", "posts"),
        "linear_model_posts_per_core_second": ("moderation_models", "tfidf", "batches of 256"),
        "text_model_posts_per_core_second": ("moderation_models", "minilm", "batches of 256"),
        "escalated_for_both_targets": ("moderation_models", "tfidf", "escalated for FPR 0.1 %, FNR 1 %"),
        "jpeg_decodes_per_core_second": ("moderation_media", "720p", "decode"),
        "image_hashes_per_core_second": ("moderation_media", "720p", "PDQ, resized first"),
    }.items():
        assert getattr(a, name) == recorded(*row).value
        assert why[name].startswith(f"benchmark {row[0]} of {records()[row[0]]['date']}, AMD EPYC, 2 cores")


def test_unknown_record_lists_those_there_are() -> None:
    with pytest.raises(KeyError, match="rag_hybrid: lexical, 1 at a time, queries"):
        recorded("rag_hybrid", "dense", "queries")
    with pytest.raises(KeyError, match="no record of nothing"):
        recorded("nothing", "", "")
