"""The cache of searches: what it saves, what it must not mix, and what takes an entry away."""

import pytest
from rag_query_fakes import MemoryDense, MemoryLexical, WordEmbedder, chunk

from reference.rag.query import Searcher, SearchSettings, source_key
from reference.rag.types import PUBLIC
from reference.serving.semantic_cache import SemanticCache

CHUNKS = [chunk("rename a file", "a"), chunk("sort a list", "b"), chunk("acme renames its files", "c", tenant="acme")]


@pytest.fixture
def searcher():
    return Searcher(MemoryDense(CHUNKS), MemoryLexical(CHUNKS), WordEmbedder(), cache=SemanticCache())


def test_the_same_query_is_not_searched_twice(searcher):
    first = searcher.search("rename a file", [PUBLIC])
    before = len(searcher.dense.calls)
    second = searcher.search("  rename a   file ", [PUBLIC])
    assert len(searcher.dense.calls) == before
    assert (first.cached, second.cached) == ("", "exact")
    assert second.hits == first.hits
    assert second.stages == {}
    second.hits.clear()  # a caller's own copy
    assert searcher.search("rename a file", [PUBLIC]).hits


def test_tenants_k_and_stages_do_not_share_entries(searcher):
    searcher.search("rename a file", [PUBLIC], k=2)
    for options in ({"tenants": ["acme"]}, {"k": 1}, {"rerank": False}, {"expand": True}):
        result = searcher.search("rename a file", **{"tenants": [PUBLIC], "k": 2, **options})
        assert result.cached == ""
    assert searcher.search("rename a file", ["acme"]).hits[0].chunk.tenant == "acme"


def test_a_changed_document_takes_its_searches_along(searcher):
    searcher.search("rename a file", [PUBLIC], k=1)
    searcher.search("sort a list", [PUBLIC], k=1)
    searcher.cache.invalidate(source_key("acme", "a"))  # another tenant's document of that name
    assert searcher.search("rename a file", [PUBLIC], k=1).cached == "exact"
    searcher.cache.invalidate(source_key(PUBLIC, "a"))
    assert searcher.search("rename a file", [PUBLIC], k=1).cached == ""
    assert searcher.search("sort a list", [PUBLIC], k=1).cached == "exact"


def test_a_document_that_changes_during_a_search_keeps_its_result_out(searcher):
    search = searcher.dense.search

    def changing(*args, **options):
        searcher.cache.invalidate(source_key(PUBLIC, "a"))
        return search(*args, **options)

    searcher.dense.search = changing
    searcher.search("rename a file", [PUBLIC])
    assert searcher.search("rename a file", [PUBLIC]).cached == ""


def test_a_degraded_result_is_not_kept(searcher):
    searcher.dense.error = ConnectionError("gone")
    assert searcher.search("rename a file", [PUBLIC]).degraded
    searcher.dense.error = None
    result = searcher.search("rename a file", [PUBLIC])
    assert (result.cached, result.degraded) == ("", [])


def test_a_similar_query_is_served_only_if_that_is_switched_on():
    for wanted in (False, True):
        searcher = Searcher(
            MemoryDense(CHUNKS),
            MemoryLexical(CHUNKS),
            WordEmbedder(),
            cache=SemanticCache(threshold=0.6),
            settings=SearchSettings(similar_hits=wanted),
        )
        searcher.search("rename a file", [PUBLIC])
        assert (searcher.search("rename the file", [PUBLIC]).cached == "similar") is wanted
