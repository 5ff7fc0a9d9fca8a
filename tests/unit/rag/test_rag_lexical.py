"""BM25: the fast index against the readable one, weights, analysis, and the adapter for Elasticsearch."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.rag.index.payload import IndexFailure, IndexMismatch, IndexUnavailable
from reference.rag.lexical.analysis import LONGEST_WORD, MAX_QUERY_TERMS, query_terms, terms
from reference.rag.lexical.edge_bm25 import EdgeBM25
from reference.rag.lexical.elasticsearch import ElasticsearchLexical
from reference.rag.lexical.reference_bm25 import ReferenceBM25
from reference.rag.lexical.weights import K1, inverse_document_frequency, term_weight, weights
from reference.rag.types import PUBLIC, Chunk, RagError

WORDS = [f"{stem}{ending}" for stem in ("pack", "kern", "serv", "quer", "tabl", "thread") for ending in "abcdefgh"]


def chunk(number: int, text: str, tenant: str = PUBLIC) -> Chunk:
    return Chunk(f"d{number}", 0, text, (), len(text.split()), tenant=tenant)


def corpus(count: int, seed: int = 0) -> list[Chunk]:
    draw = random.Random(seed)
    common = [1 / (rank + 1) for rank in range(len(WORDS))]
    return [
        chunk(n, " ".join(draw.choices(WORDS, common, k=draw.randrange(3, 60))), draw.choice(["a", "b", PUBLIC]))
        for n in range(count)
    ]


def mean_length(chunks: list[Chunk]) -> float:
    return sum(len(terms(one.embedded_text)) for one in chunks) / len(chunks)


@pytest.fixture(scope="module")
def chunks() -> list[Chunk]:
    return corpus(600)


@pytest.fixture(scope="module")
def pair(chunks: list[Chunk], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EdgeBM25, ReferenceBM25]]:
    fast = EdgeBM25(tmp_path_factory.mktemp("bm25") / "lexical", mean_length(chunks))
    readable = ReferenceBM25()
    for index in (fast, readable):
        index.upsert(chunks)
    fast.optimize()
    yield fast, readable
    fast.close()


def assert_same(fast: list[Any], readable: list[Any]) -> None:
    """The same scores in the same order; among equal scores any order."""
    assert len(fast) == len(readable)
    for mine, theirs in zip(fast, readable, strict=True):
        assert math.isclose(mine.score, theirs.score, rel_tol=1e-4)
    by_id = {hit.chunk.id: hit.score for hit in readable}
    last = readable[-1].score if readable else 0.0
    for hit in fast:
        assert hit.chunk.id in by_id or math.isclose(hit.score, last, rel_tol=1e-4)
        assert math.isclose(by_id.get(hit.chunk.id, last), hit.score, rel_tol=1e-4)


def test_the_fast_index_finds_what_the_readable_one_finds(pair: tuple[EdgeBM25, ReferenceBM25]) -> None:
    draw = random.Random(5)
    queries = [" ".join(draw.choices(WORDS, k=draw.randrange(1, 9))) for _ in range(60)]
    for tenants in (["a"], ["a", "b", PUBLIC]):
        for fast, readable in zip(*(index.search(queries, 10, tenants) for index in pair), strict=True):
            assert len(fast) > 0
            assert_same(fast, readable)


@pytest.mark.slow
def test_they_stay_equal_after_deletions_and_changes(chunks: list[Chunk], tmp_path: Path) -> None:
    """Document frequencies must forget what was deleted."""
    average = mean_length(chunks)
    fast, readable = EdgeBM25(tmp_path / "lexical", average), ReferenceBM25(average)
    for index in (fast, readable):
        index.upsert(chunks[:300])
        index.delete([one.id for one in chunks[:150]])
        index.upsert(chunks[290:400])
    fast.optimize()
    assert fast.count() == readable.count() == 250
    queries = [" ".join(random.Random(n).choices(WORDS, k=5)) for n in range(30)]
    for mine, theirs in zip(
        fast.search(queries, 10, ["a", "b", PUBLIC]), readable.search(queries, 10, ["a", "b", PUBLIC]), strict=True
    ):
        assert_same(mine, theirs)
    fast.close()


def test_repeated_words_of_a_query_count_once(pair: tuple[EdgeBM25, ReferenceBM25]) -> None:
    once, thrice = pair[0].search([f"{WORDS[3]} {WORDS[9]}", f"{WORDS[3]} " * 3 + WORDS[9]], 5, ["a"])
    assert once == thrice


@pytest.mark.parametrize("query", ["", "   ", "the and of", "xyzzyunknown", "?!", "漢字", "\x00"])
def test_a_query_without_a_known_term_finds_nothing(pair: tuple[EdgeBM25, ReferenceBM25], query: str) -> None:
    for index in pair:
        assert index.search([query, WORDS[0]], 5, ["a"])[0] == []
        assert len(index.search([query, WORDS[0]], 5, ["a"])[1]) == 5


def test_a_query_of_ten_thousand_words_is_answered(pair: tuple[EdgeBM25, ReferenceBM25]) -> None:
    query = " ".join(f"filler{n}" for n in range(200)) + " " + WORDS[0] + " " + "more " * 9800
    assert len(query_terms(query)) <= MAX_QUERY_TERMS
    assert pair[0].search([query], 3, ["a"]) == pair[0].search([WORDS[0]], 3, ["a"])


def test_only_the_tenants_that_were_named_are_searched(pair: tuple[EdgeBM25, ReferenceBM25]) -> None:
    for index in pair:
        for hostile in (WORDS[0], f"{WORDS[0]} tenant:b", f'{WORDS[0]}"}}]}}'):
            (hits,) = index.search([hostile], 400, ["a"])
            assert {hit.chunk.tenant for hit in hits} == {"a"}
        assert index.search([WORDS[0]], 5, []) == [[]]
        with pytest.raises(IndexFailure, match="list of tenants"):
            index.search([WORDS[0]], 5, "a")


def test_an_index_with_another_average_length_is_refused(tmp_path: Path) -> None:
    EdgeBM25(tmp_path / "lexical", 10.0).close()
    with pytest.raises(IndexMismatch, match=r"10\.0, not 12\.0"):
        EdgeBM25(tmp_path / "lexical", 12.0)
    with pytest.raises(RagError, match="average_length=0"):
        EdgeBM25(tmp_path / "other", 0)


# Weights


@given(st.integers(1, 1000), st.integers(1, 5000), st.floats(1, 1000), st.floats(0, 3), st.floats(0, 1))
def test_weights_grow_with_frequency_and_are_bounded(
    frequency: int, length: int, average: float, k1: float, b: float
) -> None:
    weight = term_weight(frequency, length, average, k1, b)
    assert weight <= term_weight(frequency + 1, length, average, k1, b) + 1e-12
    assert 0 < weight <= k1 + 1 + 1e-9
    assert weight + 1e-12 >= term_weight(frequency, length + 1, average, k1, b)


def test_a_term_once_in_a_passage_of_average_length_weighs_one() -> None:
    assert math.isclose(term_weight(1, 80, 80.0), 1.0)
    assert math.isclose(term_weight(2, 80, 80.0), 2 * (K1 + 1) / (2 + K1))


@given(st.integers(1, 10**6), st.data())
def test_rarer_terms_weigh_more_and_never_below_zero(passages: int, data: st.DataObject) -> None:
    n = data.draw(st.integers(0, passages - 1))
    assert inverse_document_frequency(passages, n) > inverse_document_frequency(passages, n + 1) > 0


def test_weights_are_those_of_the_engine_s_own_bm25() -> None:
    """An independent implementation: qdrant-edge's Bm25, with the same parameters."""
    from qdrant_edge import Bm25, Bm25Config

    text = "Running the package manager: packages are managed by package managers, run malloc(3) in LD_LIBRARY_PATH."
    theirs = Bm25(Bm25Config(k=1.2, b=0.75, avg_len=20.0)).embed_document(text)
    mine = weights(terms(text), 20.0)
    assert mine.keys() == set(theirs.indices)
    for index, value in zip(theirs.indices, theirs.values, strict=True):
        assert math.isclose(mine[index], value, rel_tol=1e-6)


# Analysis


def test_words_of_one_stem_are_one_term() -> None:
    assert terms("running") == terms("Runs") == terms("RUN")
    assert terms("install_packages") == terms("install packages")
    assert terms("malloc(3)") == [*terms("malloc"), *terms("3")]
    assert terms("the of and") == []
    assert terms("naïve") != terms("naive") or terms("naïve") == terms("NAÏVE")


def test_runs_longer_than_any_word_are_left_out() -> None:
    assert terms("a" * LONGEST_WORD) != []
    assert terms("a" * (LONGEST_WORD + 1) + " tail") == terms("tail")


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_any_text_has_terms_that_add_up(text: str) -> None:
    found = terms(text)
    assert all(0 <= term < 2**32 for term in found)
    assert terms(text + " " + text) == found + found
    assert set(query_terms(text)) <= set(found)


# Elasticsearch


@pytest.fixture
def fake() -> Iterator[Any]:
    """A server that keeps documents and matches words, in the shape of Elasticsearch's answers."""
    app = FastAPI()
    app.state.indexes, app.state.bodies, app.state.failing = {}, [], ""

    @app.api_route("/{index}", methods=["HEAD", "PUT"])
    async def make(index: str, request: Request) -> Response:
        if request.method == "HEAD":
            return Response(status_code=200 if index in app.state.indexes else 404)
        app.state.indexes[index] = {}
        app.state.bodies.append(await request.json())
        return Response('{"acknowledged": true}')

    @app.post("/{index}/_bulk")
    async def bulk(index: str, request: Request) -> dict[str, Any]:
        assert request.headers["content-type"] == "application/x-ndjson"
        lines = iter((await request.body()).decode().splitlines())
        items = []
        for line in lines:
            ((action, meta),) = json.loads(line).items()
            if action == "delete":
                app.state.indexes[index].pop(meta["_id"], None)
                items.append({"delete": {"_id": meta["_id"], "status": 200}})
                continue
            app.state.indexes[index][meta["_id"]] = json.loads(next(lines))
            error = {"type": "mapper_parsing_exception"} if app.state.failing == "item" else None
            items.append({"index": {"_id": meta["_id"], **({"error": error} if error else {})}})
        return {"errors": bool(app.state.failing), "items": items}

    @app.post("/{index}/_msearch")
    async def search(index: str, request: Request) -> Any:
        if app.state.failing == "server":
            return Response("overloaded", status_code=503)
        lines = (await request.body()).decode().splitlines()
        answers = []
        for line in lines[1::2]:
            body = json.loads(line)
            app.state.bodies.append(body)
            words = set(body["query"]["bool"]["must"][0]["match"]["embedded_text"]["query"].lower().split())
            allowed = body["query"]["bool"]["filter"][0]["terms"]["tenant"]
            hits = [
                {
                    "_id": key,
                    "_score": float(len(words & set(source["embedded_text"].lower().split()))),
                    "_source": source,
                }
                for key, source in app.state.indexes[index].items()
                if source["tenant"] in allowed
            ]
            hits.sort(key=lambda hit: -hit["_score"])
            answers.append({"hits": {"hits": hits[: body["size"]]}})
        return {"responses": answers}

    @app.get("/{index}/_count")
    async def count(index: str) -> dict[str, int]:
        return {"count": len(app.state.indexes[index])}

    with TestClient(app) as client:
        yield client


def test_elasticsearch_keeps_the_contract(fake: Any) -> None:
    index = ElasticsearchLexical("http://es", "books", client=fake)
    chunks = [chunk(1, "red apples"), chunk(2, "green apples", "a"), chunk(3, "blue plums", "a")]
    index.upsert(chunks)
    index.upsert(chunks[:1])
    assert index.count() == 3
    apples, plums, nothing = index.search(["apples", "plums", "pears"], 5, ["a"])
    assert [hit.chunk for hit in apples] == [chunks[1]]
    assert [hit.chunk for hit in plums] == [chunks[2]]
    assert nothing == []
    assert index.search(["apples"], 5, []) == [[]]
    index.delete([chunks[1].id])
    assert index.search(["apples"], 5, ["a"]) == [[]]
    assert ElasticsearchLexical("http://es", "books", client=fake).count() == 2  # an index that exists is kept


def test_elasticsearch_is_asked_for_bm25_and_filtered_beside_the_query(fake: Any) -> None:
    index = ElasticsearchLexical("http://es", "books", k1=0.9, b=0.4, shards=3, replicas=2, client=fake)
    index.search(['apples" OR tenant:b'], 7, ["a"])
    made, asked = fake.app.state.bodies
    assert made["settings"]["index"]["similarity"]["bm25"] == {"type": "BM25", "k1": 0.9, "b": 0.4}
    assert (made["settings"]["number_of_shards"], made["settings"]["number_of_replicas"]) == (3, 2)
    assert made["mappings"]["properties"]["tenant"] == {"type": "keyword"}
    assert asked["size"] == 7
    assert asked["query"]["bool"]["filter"] == [{"terms": {"tenant": ["a"]}}]
    assert asked["query"]["bool"]["must"] == [{"match": {"embedded_text": {"query": 'apples" OR tenant:b'}}}]


def test_elasticsearch_s_failures_are_named(fake: Any) -> None:
    index = ElasticsearchLexical("http://es", "books", client=fake)
    fake.app.state.failing = "item"
    with pytest.raises(IndexFailure, match="mapper_parsing_exception"):
        index.upsert([chunk(1, "text")])
    fake.app.state.failing = "server"
    with pytest.raises(IndexUnavailable, match="503"):
        index.search(["text"], 1, ["a"])
    with pytest.raises(IndexUnavailable, match=r"127\.0\.0\.1:9"):
        ElasticsearchLexical("http://127.0.0.1:9")
