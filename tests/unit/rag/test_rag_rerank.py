"""Late interaction: the score itself, the order it gives, and what can be wrong."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rag_query_fakes import MemoryDense, MemoryLexical, WordEmbedder, chunk

from reference.rag.embedding.quantisation import quantise
from reference.rag.query import Searcher, SearchSettings
from reference.rag.rerank import LateInteractionReranker, QueryEmbedder, RerankError, projection_card
from reference.rag.rerank.blend import blended, blended_order
from reference.rag.rerank.maxsim import maxsim
from reference.rag.rerank.training import batch_scores, heading_pairs, padded, split_of, train
from reference.rag.types import PUBLIC, Document, Hit, Section


def unit(rng, tokens, dimension=16):
    rows = rng.normal(size=(tokens, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def slow_maxsim(query, passage):
    if not len(query) or not len(passage):
        return 0.0
    return sum(max(float(q @ p) for p in passage) for q in query) / len(query)


sizes = st.lists(st.integers(0, 9), min_size=1, max_size=6)


@given(st.integers(0, 6), sizes, st.integers(0, 2**32 - 1))
def test_maxsim_is_its_definition(query_tokens, passage_tokens, seed):
    rng = np.random.default_rng(seed)
    query, passages = unit(rng, query_tokens), [unit(rng, n) for n in passage_tokens]
    expected = [slow_maxsim(query, passage) for passage in passages]
    assert maxsim(query, passages) == pytest.approx(expected, abs=1e-5)


@given(st.integers(1, 6), sizes, st.integers(0, 2**32 - 1))
def test_int8_codes_change_the_score_by_their_rounding_only(query_tokens, passage_tokens, seed):
    rng = np.random.default_rng(seed)
    query, passages = unit(rng, query_tokens), [unit(rng, n) for n in passage_tokens]
    coded = [quantise(passage) for passage in passages]
    scores = maxsim(query, [codes for codes, _ in coded], [scales for _, scales in coded])
    assert scores == pytest.approx(maxsim(query, passages), abs=0.02)


@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_a_passage_that_holds_the_query_s_tokens_scores_one(query_tokens, others, seed):
    rng = np.random.default_rng(seed)
    query = unit(rng, query_tokens)
    passage = np.concatenate([unit(rng, others), query])[rng.permutation(query_tokens + others)]
    assert maxsim(query, [passage])[0] == pytest.approx(1.0, abs=1e-5)


class Store:
    """Token codes of chunks, as a knowledge base gives them."""

    def __init__(self, chunks, embedder):
        rows = embedder.embed_with_tokens([one.embedded_text for one in chunks])[1]
        self.codes = {one.id: quantise(row) for one, row in zip(chunks, rows, strict=True)}
        self.calls = []

    def token_codes(self, chunk_ids):
        wanted = list(chunk_ids)
        self.calls.append(wanted)
        return {key: self.codes[key] for key in wanted if key in self.codes}


CHUNKS = [chunk(f"{text}", f"d{n}") for n, text in enumerate(["red green blue", "red stone wall", "quiet water"])]


def hits(scores, chunks=CHUNKS):
    return [Hit(one, score) for one, score in zip(chunks, scores, strict=True)]


def texts(found):
    return [hit.chunk.text for hit in found]


def test_the_weight_moves_the_order_from_the_fused_to_the_reranker_s():
    embedder = WordEmbedder()
    store = Store(CHUNKS, embedder)
    candidates = [hits([0.1, 0.2, 0.3])]

    def order(weight):
        return texts(LateInteractionReranker(store, embedder, weight).rerank(["green blue"], candidates, 3)[0])

    assert order(0.0) == ["quiet water", "red stone wall", "red green blue"]
    assert order(100.0)[0] == "red green blue"
    assert len(store.calls) == 2


def test_several_queries_are_one_embedding_batch_and_one_read():
    embedder = WordEmbedder()
    store = Store(CHUNKS, embedder)
    embedder.calls.clear()
    reranker = LateInteractionReranker(store, embedder, 1e6)
    found = reranker.rerank(["green blue", "quiet water"], [hits([3, 2, 1]), hits([3, 2, 1])], 2)
    assert [texts(row)[0] for row in found] == ["red green blue", "quiet water"]
    assert [len(row) for row in found] == [2, 2]
    assert len(embedder.calls) == len(store.calls) == 1
    assert reranker.rerank([], [], 5) == []


def test_a_candidate_without_token_vectors_is_kept_by_its_fused_score():
    embedder = WordEmbedder()
    store = Store(CHUNKS[:2], embedder)
    found = LateInteractionReranker(store, embedder, 1.0).rerank(["green blue"], [hits([0.1, 0.2, 0.9])], 3)[0]
    assert len(found) == 3
    assert texts(found)[-1] == "red stone wall"
    nothing = LateInteractionReranker(Store(CHUNKS[:1], embedder), embedder, 1.0)
    assert texts(nothing.rerank(["x"], [hits([1.0, 2.0], CHUNKS[1:])], 3)[0]) == ["red stone wall", "quiet water"]


def test_vectors_of_another_dimension_are_refused_with_both():
    embedder = WordEmbedder()
    store = Store(CHUNKS, embedder)
    store.codes = {key: (codes[:, :7], scales) for key, (codes, scales) in store.codes.items()}
    with pytest.raises(RerankError, match=r"have 7 dimensions.* makes 48"):
        LateInteractionReranker(store, embedder, 1.0).rerank(["x"], [hits([1, 2, 3])], 3)


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_that_makes_no_sense_is_refused(weight):
    with pytest.raises(RerankError, match="weight"):
        LateInteractionReranker(Store(CHUNKS, WordEmbedder()), WordEmbedder(), weight)


def test_the_query_s_tokens_come_from_the_run_that_embedded_it():
    model = WordEmbedder()
    store = Store(CHUNKS, model)
    model.calls.clear()
    embedder = QueryEmbedder(model)
    searcher = Searcher(
        MemoryDense(CHUNKS),
        MemoryLexical(CHUNKS),
        embedder,
        LateInteractionReranker(store, embedder, 1.0),
        settings=SearchSettings(skip_rerank_above=2.0),
    )
    result = searcher.search("green blue", [PUBLIC])
    assert result.hits[0].ranks["rerank"] == 1
    assert model.calls == [["green blue"]]


def test_remembered_token_vectors_are_bounded():
    embedder = QueryEmbedder(WordEmbedder())
    embedder.embed([f"text {n}" for n in range(1500)])
    assert len(embedder._kept) == 1024
    assert [len(rows) for rows in embedder.tokens(["text 1499", "text 0", "text 0"])] == [2, 2, 2]


def test_a_candidate_without_token_vectors_gains_nothing_from_the_reranker():
    embedder = WordEmbedder()
    reranker = LateInteractionReranker(Store(CHUNKS[:2], embedder), embedder, 1.0)
    unknown_first = [CHUNKS[2], CHUNKS[0], CHUNKS[1]]
    found = reranker.rerank(["green blue"], [hits([0.5, 0.5, 0.5], unknown_first)], 3)[0]
    assert texts(found)[0] == "red green blue"
    assert found[0].score == pytest.approx(0.5)  # all of one opinion, none of the other, weighted alike


# Hundredths: scores that differ by a rounding error may tie after blending.
positions = st.lists(st.integers(0, 100).map(lambda n: n / 100), min_size=1, max_size=8)


@given(positions, st.floats(0, 10), st.integers(0, 2**32 - 1))
def test_a_blend_lies_between_its_parts_and_agrees_where_they_do(fused, weight, seed):
    reranked = np.random.default_rng(seed).random(len(fused))
    scores = blended(fused, reranked, weight)
    assert ((scores >= 0) & (scores <= 1 + 1e-9)).all()
    order = sorted(range(len(fused)), key=lambda n: (-fused[n], n))
    if len(set(fused)) > 1:
        assert blended_order(fused, fused, weight) == order
    assert blended_order(fused, [0.5] * len(fused), weight) == order  # no opinion: the fused order


# --- training ---------------------------------------------------------------------------------------------------------


def document(name, sections):
    return Document(name, name, "html", name, tuple(Section(path, text) for path, text in sections), "0" * 64)


LONG = "word " * 40


def test_pairs_hide_the_heading_and_drop_what_has_no_one_answer():
    pages = [
        document("a", [(("Manual", "13.3. Row Locks"), LONG + "a"), (("Manual", "Notes on use"), LONG + "b")]),
        document("b", [(("Other", "Notes on use"), LONG + "c"), (("Other", "Short one"), "few words")]),
        document("c", [(("Other", "Why"), LONG + "d"), (("Other", "What is this¶"), LONG + "e")]),
    ]
    pairs = heading_pairs(pages)
    assert [pair.query for pair in pairs] == ["Row Locks"]
    assert pairs[0].passage.startswith("Manual\nword")
    assert "Row Locks" not in pairs[0].passage


def test_splits_are_by_document_and_about_as_large_as_said():
    names = [f"doc{n}" for n in range(2000)]
    parts = [split_of(name) for name in names]
    assert [parts.count(part) / 2000 for part in ("train", "tune", "held-out")] == pytest.approx(
        [0.7, 0.1, 0.2], abs=0.04
    )
    assert parts != [split_of(name, seed=1) for name in names]
    pages = [
        document(name, [(("T", f"Subject {name} {n}"), LONG + name + str(n)) for n in range(3)]) for name in names[:40]
    ]
    by_document = {}
    for pair in heading_pairs(pages):
        by_document.setdefault(pair.document_id, set()).add(pair.split)
    assert len(by_document) == 40
    assert all(len(splits) == 1 for splits in by_document.values())


def test_the_score_that_is_trained_is_the_score_that_is_served():
    import torch

    rng = np.random.default_rng(3)
    queries, passages = [unit(rng, n) for n in (2, 5)], [unit(rng, n) for n in (4, 1, 7)]
    matrix = rng.normal(size=(16, 6)).astype(np.float32)

    def put(rows):
        values = rows @ matrix
        return values / np.linalg.norm(values, axis=1, keepdims=True)

    trained = batch_scores(*padded(queries), *padded(passages), torch.from_numpy(matrix)).numpy()
    served = np.stack([maxsim(put(query), [put(passage) for passage in passages]) for query in queries])
    assert trained == pytest.approx(served, abs=1e-5)


@pytest.mark.slow
def test_training_learns_to_look_at_the_dimensions_that_matter_and_is_repeatable():
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(40, 4))

    def tokens(row, noise):
        rows = np.concatenate([np.tile(signal[row], (3, 1)), noise * rng.normal(size=(3, 12))], axis=1)
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)

    queries, passages = [tokens(n, 3.0) for n in range(40)], [tokens(n, 3.0) for n in range(40)]
    start = np.random.default_rng(1).normal(size=(16, 8)) / 4

    def found(matrix):
        def put(rows):
            values = rows.astype(np.float32) @ matrix
            return values / np.linalg.norm(values, axis=1, keepdims=True)

        stored = [put(rows) for rows in passages]
        return float(np.mean([np.argmax(maxsim(put(query), stored)) == n for n, query in enumerate(queries)]))

    runs = [
        train(queries, passages, list(range(40)), [[]] * 40, start, found, epochs=15, batch=20, learning_rate=0.02,
              say=lambda line: None)
        for _ in range(2)
    ]  # fmt: skip
    (best, history), (again, _) = runs
    assert max(history) > history[0] + 0.2
    assert found(best) == max(history)
    assert (best == again).all()


def test_the_shipped_projection_says_what_it_was_trained_on_and_how_it_did():
    card = projection_card()
    assert set(json.loads(card["data"])) == {"python3.11-doc", "postgresql-doc-15"}
    assert all(len(entry["sha256"]) == 64 for entry in json.loads(card["data"]).values())
    held_out = json.loads(card["held_out"])
    assert {"pca-128, alone", "learned-128, alone", "none-384, alone", "fused, no rerank"} <= set(held_out)
    better = json.loads(card["learned_minus_pca_ndcg10"])["alone"]["interval"][0] > 0
    assert card["kind"] == ("learned-128" if better else "pca-128")
    assert float(card["blend_weight"]) >= 0


def test_a_missing_projection_is_named(tmp_path):
    with pytest.raises(RerankError, match=r"none\.safetensors cannot be read"):
        projection_card(tmp_path / "none.safetensors")
