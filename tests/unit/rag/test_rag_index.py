"""Dense indexes: the same promises from the index in this process and from a Qdrant collection."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reference.rag.index.factory import collection_name, open_dense_index
from reference.rag.index.payload import IndexFailure, IndexMismatch, IndexUnavailable, from_payload, to_payload
from reference.rag.index.qdrant_edge_index import Hnsw, QdrantEdgeIndex
from reference.rag.index.qdrant_server_index import QdrantServerIndex
from reference.rag.types import PUBLIC, Chunk, chunk_ids

D = 16


def chunk(number: int, tenant: str = PUBLIC, text: str = "") -> Chunk:
    return Chunk(f"d{number}", 0, text or f"text {number}", ("A", "B"), 2, "T", "file:x", "set", tenant, ((1, 2),))


def vectors(count: int, seed: int = 0) -> np.ndarray:
    found = np.random.default_rng(seed).standard_normal((count, D)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture(params=["edge", "edge int8", "server"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    warnings.filterwarnings("ignore", message="Local mode performs exact")
    if request.param == "server":
        made: Any = QdrantServerIndex(":memory:", "c", D, "e@1")
    else:
        made = QdrantEdgeIndex(tmp_path / "dense", D, "e@1", Hnsw(quantised=request.param != "edge"))
    yield made
    made.close()


@pytest.mark.slow
def test_neighbours_are_those_of_exact_search(index: Any) -> None:
    stored, asked = vectors(300), vectors(20, seed=1)
    chunks = [chunk(n) for n in range(300)]
    index.upsert(chunks, stored)
    index.optimize()
    best = np.argsort(-(asked @ stored.T), axis=1)[:, :10]
    for row, hits, exact in zip(
        best, index.search(asked, 10, [PUBLIC]), index.search(asked, 10, [PUBLIC], exact=True), strict=True
    ):
        assert chunk_ids(exact) == [chunks[n].id for n in row]
        assert len({hit.chunk.id for hit in hits} & {chunks[n].id for n in row}) >= 9
        assert [hit.score for hit in exact] == sorted((hit.score for hit in exact), reverse=True)
    assert np.isclose(index.search(stored[:1], 1, [PUBLIC])[0][0].score, 1, atol=1e-2)


def test_chunks_come_back_whole(index: Any) -> None:
    one = chunk(1, text="ünïcode | \x00 text " * 50)
    index.upsert([one], vectors(1))
    assert index.search(vectors(1), 1, [PUBLIC])[0][0].chunk == one


def test_writing_a_chunk_twice_changes_nothing(index: Any) -> None:
    chunks = [chunk(n) for n in range(5)]
    index.upsert(chunks, vectors(5))
    index.upsert(chunks[:3], vectors(5)[:3])
    assert index.count() == 5
    assert index.ids() == {one.id for one in chunks}


def test_deleted_chunks_are_not_found(index: Any) -> None:
    chunks = [chunk(n) for n in range(5)]
    index.upsert(chunks, vectors(5))
    index.delete([chunks[0].id, chunk(99).id])
    assert index.count() == 4
    assert chunks[0].id not in chunk_ids(index.search(vectors(5)[:1], 5, [PUBLIC])[0])


def test_only_the_tenants_that_were_named_are_searched(index: Any) -> None:
    tenants = ["a", "b", PUBLIC, "c' OR 1=1"]
    index.upsert([chunk(n, tenants[n % 4]) for n in range(80)], vectors(80))
    for allowed in (["a"], ["a", PUBLIC], ["c' OR 1=1"], ["nobody"], []):
        (hits,) = index.search(vectors(1), 80, allowed)
        assert len(hits) == 20 * len(set(allowed) & set(tenants))
        assert {hit.chunk.tenant for hit in hits} <= set(allowed)


def test_a_filter_does_not_cost_hits_however_rare_the_tenant(index: Any) -> None:
    index.upsert([chunk(n, "rare" if n % 100 == 0 else PUBLIC) for n in range(500)], vectors(500))
    index.optimize()
    assert len(index.search(vectors(1, seed=3), 5, ["rare"])[0]) == 5


def test_an_empty_index_and_no_queries_find_nothing(index: Any) -> None:
    assert index.search(vectors(2), 3, [PUBLIC]) == [[], []]
    assert index.search(np.zeros((0, D)), 3, [PUBLIC]) == []
    assert index.count() == 0


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda i: i.search(np.ones((1, 8)), 3, [PUBLIC]), IndexMismatch, r"8 dimensions, the index has 16"),
        (lambda i: i.upsert([chunk(1)], np.ones((1, 8))), IndexMismatch, r"8 dimensions, the index has 16"),
        (lambda i: i.upsert([chunk(1)], np.ones((2, D))), IndexFailure, r"\[2, 16\] given, \[1, 16\] wanted"),
        (lambda i: i.upsert([chunk(1)], np.full((1, D), np.nan)), IndexFailure, "NaN"),
        (lambda i: i.search(np.ones(D), 3, [PUBLIC]), IndexFailure, r"\[16\]"),
        (lambda i: i.search(np.ones((1, D)), 0, [PUBLIC]), IndexFailure, "k=0"),
        (lambda i: i.search(np.ones((1, D)), 3, "public"), IndexFailure, "list of tenants"),
    ],
)
def test_bad_input_is_named(index: Any, call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call(index)
    assert index.count() == 0


def test_a_folder_of_another_model_is_refused_with_both_values(tmp_path: Path) -> None:
    QdrantEdgeIndex(tmp_path / "dense", D, "e@1").close()
    with pytest.raises(IndexMismatch, match=r"embedder 'e@1', not 'f@2'"):
        QdrantEdgeIndex(tmp_path / "dense", D, "f@2")
    with pytest.raises(IndexMismatch, match=r"dimension 16, not 32"):
        QdrantEdgeIndex(tmp_path / "dense", 32, "e@1")


def test_a_collection_of_another_model_is_refused_with_both_values() -> None:
    index = QdrantServerIndex(":memory:", "c", D, "e@1")
    with pytest.raises(IndexMismatch, match=r"embedder 'e@1', not 'f@2'"):
        QdrantServerIndex("same", "c", D, "f@2", client=index._client)
    with pytest.raises(IndexMismatch, match=r"dimension 16, not 32"):
        QdrantServerIndex("same", "c", 32, "e@1", client=index._client)
    assert QdrantServerIndex("same", "c", D, "e@1", client=index._client).count() == 0


@pytest.mark.slow
def test_what_was_flushed_is_there_when_the_folder_is_opened_again(tmp_path: Path) -> None:
    first = QdrantEdgeIndex(tmp_path / "dense", D, "e@1")
    first.upsert([chunk(n) for n in range(5)], vectors(5))
    first.flush()
    first.close()
    reader, other = QdrantEdgeIndex(tmp_path / "dense", D, "e@1"), QdrantEdgeIndex(tmp_path / "dense", D, "e@1")
    assert reader.count() == other.count() == 5
    for one in (first, reader, other):
        one.close()
        one.close()  # twice is no error
    with pytest.raises(IndexUnavailable, match="closed"):
        reader.count()


def test_stored_vectors_can_be_read_back(tmp_path: Path) -> None:
    index = QdrantEdgeIndex(tmp_path / "dense", D, "e@1")
    chunks = [chunk(n) for n in range(4)]
    index.upsert(chunks, vectors(4))
    assert np.allclose(index.vectors([chunks[2].id, chunks[0].id]), vectors(4)[[2, 0]], atol=1e-6)
    assert index.vectors([]).shape == (0, D)
    with pytest.raises(IndexFailure, match=chunk(9).id):
        index.vectors([chunks[0].id, chunk(9).id])
    index.close()


def test_a_damaged_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "dense"
    QdrantEdgeIndex(folder, D, "e@1").close()
    (folder / "shard" / "edge_config.json").write_text("{")
    with pytest.raises(IndexUnavailable, match="delete it"):
        QdrantEdgeIndex(folder, D, "e@1")
    (folder / "identity.json").write_text("{")
    with pytest.raises(IndexUnavailable, match=r"identity\.json"):
        QdrantEdgeIndex(folder, D, "e@1")
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "thesis.tex").write_text("x")
    with pytest.raises(IndexUnavailable, match="name another folder"):
        QdrantEdgeIndex(tmp_path / "else", D, "e@1")


def test_a_server_that_is_away_is_named_at_once_or_at_the_first_call() -> None:
    with pytest.raises(IndexUnavailable, match=r"127\.0\.0\.1:9.*QDRANT_URL"):
        QdrantServerIndex("http://127.0.0.1:9", "c", D, "e@1")
    index = QdrantServerIndex("http://127.0.0.1:9", "c", D, "e@1", required=False)
    for call in (
        lambda: index.search(vectors(1), 1, [PUBLIC]),
        lambda: index.upsert([chunk(1)], vectors(1)),
        index.count,
    ):
        with pytest.raises(IndexUnavailable):
            call()
    index.close()


@pytest.mark.slow
def test_the_factory_follows_qdrant_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QDRANT_URL", raising=False)
    local = open_dense_index(tmp_path / "my index", D, "e@1")
    assert isinstance(local, QdrantEdgeIndex)
    local.close()
    monkeypatch.setenv("QDRANT_URL", ":memory:")
    server = open_dense_index(tmp_path / "my index", D, "e@1")
    assert isinstance(server, QdrantServerIndex)
    assert server.collection == collection_name(tmp_path / "my index") == "workbook-my-index"
    server.close()
    forced = open_dense_index(tmp_path / "my index", D, "e@1", url="")
    assert isinstance(forced, QdrantEdgeIndex)
    forced.close()


def test_a_new_collection_is_asked_for_with_shards_replicas_and_a_tenant_index() -> None:
    """Against a stand-in for the client that only notes what it is asked: there is no server here."""

    class Notes:
        def __init__(self) -> None:
            self.asked: dict[str, Any] = {}

        def collection_exists(self, _: str) -> bool:
            return False

        def create_collection(self, _: str, **settings: Any) -> None:
            self.asked.update(settings)

        def create_payload_index(self, _: str, field: str, field_schema: Any) -> None:
            self.asked[field] = field_schema

        def get_collection(self, _: str) -> Any:
            from types import SimpleNamespace as Space

            params = Space(vectors=self.asked["vectors_config"])
            return Space(config=Space(params=params, metadata=self.asked["metadata"]))

    client = Notes()
    hnsw = Hnsw(m=24, ef_construct=200, quantised=True)
    QdrantServerIndex("http://q", "c", D, "e@1", hnsw=hnsw, shards=6, replicas=2, write_consistency=2, client=client)
    asked = client.asked
    assert (asked["shard_number"], asked["replication_factor"], asked["write_consistency_factor"]) == (6, 2, 2)
    assert (asked["hnsw_config"].m, asked["hnsw_config"].ef_construct) == (24, 200)
    assert asked["quantization_config"].scalar.type == "int8"
    assert asked["tenant"].is_tenant is True


def test_payloads_survive_json() -> None:
    import json

    one = chunk(3)
    assert from_payload(json.loads(json.dumps(to_payload(one)))) == one
