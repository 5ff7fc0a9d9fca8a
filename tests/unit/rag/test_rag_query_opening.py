"""A searcher gets the parts that fit its index folder, and no others."""

from types import SimpleNamespace

import pytest
from rag_query_fakes import MemoryDense, MemoryLexical, ReversingReranker, WordEmbedder, chunk

from reference.rag.embedding.quantisation import quantise
from reference.rag.query import SearchError, open_searcher
from reference.rag.rerank import LateInteractionReranker
from reference.rag.types import PUBLIC

CHUNKS = [chunk("red green blue", "a"), chunk("red stone wall", "b"), chunk("quiet water", "c")]


class Base:
    """The part of a knowledge base that is used."""

    def __init__(self, projection="words-48@abc", dimension=48, embedder="words"):
        model = WordEmbedder()
        self.dense, self.lexical = MemoryDense(CHUNKS, model), MemoryLexical(CHUNKS)
        self.manifest = SimpleNamespace(embedder=embedder, token_projection=projection, token_dimension=dimension)
        rows = model.embed_with_tokens([one.embedded_text for one in CHUNKS])[1]
        self.codes = {one.id: quantise(row) for one, row in zip(CHUNKS, rows, strict=True)}

    def token_codes(self, chunk_ids):
        return {key: self.codes[key] for key in chunk_ids}


@pytest.fixture(autouse=True)
def no_other_reranker(monkeypatch):
    monkeypatch.delenv("WORKBOOK_RERANKER", raising=False)


def embedder(projection="words-48@abc"):
    model = WordEmbedder()
    model.projection = SimpleNamespace(name=projection)
    return model


def test_token_vectors_of_the_embedder_s_own_projection_are_reranked():
    searcher = open_searcher(Base(), embedder())
    assert isinstance(searcher.reranker, LateInteractionReranker)
    assert searcher.search("green blue", [PUBLIC]).hits[0].chunk.text == "red green blue"


@pytest.mark.parametrize(
    "base", [Base(projection="other-48@def"), Base(projection="", dimension=0)], ids=["other projection", "none stored"]
)
def test_token_vectors_of_another_projection_are_not(base):
    assert open_searcher(base, embedder()).reranker is None


def test_another_embedder_is_refused_with_both_names():
    with pytest.raises(SearchError, match=r"built with the embedder mpnet@1, queries would use words"):
        open_searcher(Base(embedder="mpnet@1"), embedder())


def test_a_reranker_can_be_given_or_left_out():
    given = ReversingReranker()
    assert open_searcher(Base(), embedder(), reranker=given).reranker is given
    assert open_searcher(Base(), embedder(), rerank=False).reranker is None


def test_a_cross_encoder_of_the_environment_goes_first(monkeypatch):
    monkeypatch.setenv("WORKBOOK_RERANKER", "http://127.0.0.1:9/rerank")
    assert open_searcher(Base(), embedder()).reranker.name == "cross-encoder:rerank"
