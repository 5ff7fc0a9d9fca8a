"""From a query to its best chunks: expansion, both searches, fusion, rerank, within a time budget.

What fails or does not fit into the budget is left out in a fixed order (expansion, rerank, vectors) and named in
`SearchResult.degraded`; the lexical search always runs if there is one. Many queries in one call share one embedding
batch, one index call per set of tenants and one rerank batch.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reference.rag.deadline import Budget, StageCosts
from reference.rag.expansion import Expander, expand_all
from reference.rag.fusion import RankedList, reciprocal_rank_fusion, weighted_score_fusion
from reference.rag.interfaces import DenseIndex, Embedder, LexicalIndex, Reranker
from reference.rag.search_result import SearchResult
from reference.rag.types import Hit

from .accounts import Accounts, Observer
from .both_sides import BothSides
from .confidence import confidence
from .remembered import RememberedSearches
from .requests import SearchError, SearchRequest, Work, checked_tenants
from .settings import SearchSettings
from .text import PreparedQuery, prepare_query

if TYPE_CHECKING:
    from reference.serving.semantic_cache import SemanticCache

Done = Callable[[int, SearchResult], None]


class Searcher:
    """Hybrid search over one dense and one lexical index. Safe for use from several threads.

    Args:
        dense, lexical: either may be None, not both.
        embedder: needed with `dense`.
        cache: answers repeated queries; entries of a document are dropped through `cache.invalidate`.
        observer: called after each stage, for metrics.
    """

    def __init__(
        self,
        dense: DenseIndex | None,
        lexical: LexicalIndex | None,
        embedder: Embedder | None = None,
        reranker: Reranker | None = None,
        expander: Expander | None = None,
        cache: SemanticCache | None = None,
        settings: SearchSettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        observer: Observer | None = None,
    ) -> None:
        if dense is None and lexical is None:
            raise SearchError("dense, lexical: at least one index is needed")
        if dense is not None and embedder is None:
            raise SearchError("embedder: a dense index needs one")
        self.settings = settings or SearchSettings()
        self.dense, self.lexical, self.embedder = dense, lexical, embedder
        self.reranker, self.expander, self.cache = reranker, expander, cache
        self._clock = clock
        self._accounts = Accounts(self.settings.first_costs, lexical is not None, observer)
        self._remembered = RememberedSearches(cache, self.settings.similar_hits, self._accounts)
        self._sides = BothSides(dense, lexical, embedder, self.settings, self._accounts, clock)

    # --- calls --------------------------------------------------------------------------------------------------------

    def prepare(self, query: str) -> PreparedQuery:
        """The query as it will be searched. Raises BadQuery for one that cannot be."""
        return prepare_query(query, self.settings.max_words, self.settings.max_chars)

    def search(
        self,
        query: str,
        tenants: Sequence[str],
        k: int = 5,
        budget_s: float | None = None,
        *,
        expand: bool = False,
        rerank: bool = True,
    ) -> SearchResult:
        """The `k` best chunks of `tenants` for one query.

        Raises:
            BadQuery: nothing to search for.
            SearchError: tenants, k or budget out of range.
            NoIndexAnswers: both indexes failed.
        """
        return self.search_batch([SearchRequest(query, checked_tenants(tenants), k, budget_s, expand, rerank)])[0]

    def search_many(
        self, queries: Sequence[str], tenants: Sequence[str], k: int = 5, budget_s: float | None = None
    ) -> list[SearchResult]:
        """`search` for several queries of the same tenants as one batch; the budget is that of each."""
        names = checked_tenants(tenants)
        return self.search_batch([SearchRequest(query, names, k, budget_s) for query in queries])

    def search_batch(self, requests: Sequence[SearchRequest], on_done: Done | None = None) -> list[SearchResult]:
        """Several requests, of different tenants too, as one batch. Seconds in `stages` are those of the batch.

        Args:
            on_done: called with (position, result) as soon as a request is ready; one that has no time for the rerank
                does not wait for those that have.

        Raises:
            as `search`; one bad request fails the batch, so `prepare` them before.
        """
        works = [self._work(request) for request in requests]
        self._accounts.count("queries", len(works))

        def deliver(some: Sequence[Work]) -> None:
            for position, work in enumerate(works):
                if work in some and not work.done:
                    work.done = True
                    if on_done is not None:
                        on_done(position, work.result)

        def open_works() -> list[Work]:
            return [work for work in works if not work.done]

        def out_of_time(work: Work) -> None:
            self._fuse([work])
            self._finish(work, work.fused)
            deliver([work])

        deliver(self._remembered.same(works))
        self._accounts.plan(open_works())
        self._expand(open_works())
        self._accounts.plan(open_works())
        self._sides.embed(open_works())
        deliver(self._remembered.similar(open_works()))
        self._accounts.plan(open_works())
        self._sides.search(open_works(), out_of_time)
        self._fuse(open_works())
        waiting = [work for work in open_works() if self._will_rerank(work)]
        finished = [work for work in open_works() if work not in waiting]
        for work in finished:
            self._finish(work, work.fused)
        deliver(finished)
        self._rerank(waiting)
        deliver(waiting)
        return [work.result for work in works]

    @property
    def dense_up(self) -> bool:
        """False while the vector store is left alone after failures, or if there is none."""
        return self._sides.dense_up

    @property
    def counts(self) -> Counter[str]:
        """How often what happened: `queries`, `reranked`, `rerank_skipped_confident`, `dropped_expand`, ..."""
        return self._accounts.counts

    @property
    def costs(self) -> StageCosts:
        """Estimated seconds per stage."""
        return self._accounts.costs

    # --- stages -------------------------------------------------------------------------------------------------------

    def _work(self, request: SearchRequest) -> Work:
        if not 1 <= request.k <= self.settings.max_k:
            raise SearchError(f"k: must be 1 to {self.settings.max_k}, got {request.k}")
        prepared = self.prepare(request.query)
        work = Work(request, prepared, Budget(request.budget_s, self._clock), checked_tenants(request.tenants))
        work.variants = [prepared.text]
        work.result.notes.extend(prepared.notes)
        work.mark = self._remembered.mark()
        if self.expander is not None and request.expand:
            work.wants.add("expand")
        if self.dense is not None:
            work.wants |= {"embed", "dense"}
        if self.lexical is not None and (prepared.lexical or self.dense is None):
            work.wants.add("lexical")
        if self.reranker is not None and request.rerank:
            work.wants.add("rerank")
        return work

    def _expand(self, works: Sequence[Work]) -> None:
        wanting = [work for work in works if "expand" in work.wants]
        if not wanting or self.expander is None:
            return
        began = time.perf_counter()
        jobs = [(work.prepared.text, work.tenants, self._accounts.time_for(work, len(works))) for work in wanting]
        for work, found in zip(wanting, expand_all(self.expander, jobs), strict=True):
            if isinstance(found, Exception):
                self._accounts.count("expand_failed")
                work.degraded(f"expansion failed ({type(found).__name__}): only the query itself was searched")
                continue
            known = {work.prepared.text.casefold()}
            for text in found.variants:
                if text.casefold() not in known:
                    known.add(text.casefold())
                    work.variants.append(text)
            work.result.cost["expansion_prompt_tokens"] = found.prompt_tokens
            work.result.cost["expansion_completion_tokens"] = found.completion_tokens
            if found.note:
                work.degraded(found.note)
        self._accounts.timed("expand", wanting, time.perf_counter() - began)

    def _fuse(self, works: Sequence[Work]) -> None:
        began = time.perf_counter()
        settings = self.settings
        for work in works:
            lists: list[RankedList] = []
            for name, found, weight in (
                ("dense", work.dense, settings.dense_weight),
                ("lexical", work.lexical, settings.lexical_weight),
            ):
                for number, hits in enumerate(found or ()):
                    lists.append(RankedList(name, hits, weight * (settings.variant_weight if number else 1.0)))
            limit = max(settings.candidates, work.request.k)
            if settings.fusion == "rrf":
                fused = reciprocal_rank_fusion(lists, settings.rrf_k, limit)
            else:
                fused = weighted_score_fusion(lists, limit)
            work.fused = [replace(hit, ranks={**hit.ranks, "fused": rank}) for rank, hit in enumerate(fused, start=1)]
            work.result.confidence = confidence(next(iter(fused), None), self._lists(work))
        if works:
            self._accounts.timed("fuse", works, time.perf_counter() - began)

    @staticmethod
    def _lists(work: Work) -> dict[str, Sequence[Hit]]:
        """The lists of the user's own query."""
        both = {"dense": work.dense, "lexical": work.lexical}
        return {name: found[0] for name, found in both.items() if found}

    def _will_rerank(self, work: Work) -> bool:
        if "rerank" not in work.wants or len(work.fused) < 2:
            return False
        if work.result.confidence >= self.settings.skip_rerank_above:
            self._accounts.count("rerank_skipped_confident")
            work.wants.discard("rerank")
            return False
        self._accounts.plan([work])
        return "rerank" in work.wants

    def _rerank(self, works: Sequence[Work]) -> None:
        if not works or self.reranker is None:
            return
        began = time.perf_counter()
        queries, candidates = [work.prepared.text for work in works], [work.fused for work in works]
        try:
            ranked = self.reranker.rerank(queries, candidates, max(work.request.k for work in works))
        except Exception as error:
            self._accounts.count("rerank_failed", len(works))
            for work in works:
                work.degraded(f"the reranker failed ({type(error).__name__}): fused order kept")
                self._finish(work, work.fused)
            return
        self._accounts.count("reranked", len(works))
        self._accounts.timed("rerank", works, time.perf_counter() - began)
        for work, hits in zip(works, ranked, strict=True):
            known = {hit.chunk.id: hit.ranks for hit in work.fused}
            placed = [hit for hit in hits if hit.chunk.id in known]
            named = [
                replace(hit, ranks={**known[hit.chunk.id], "rerank": rank}) for rank, hit in enumerate(placed, start=1)
            ]
            work.result.cost["reranked"] = len(work.fused)
            work.result.confidence = confidence(next(iter(named), None), {**self._lists(work), "rerank": named})
            self._finish(work, named)

    def _finish(self, work: Work, hits: Sequence[Hit]) -> None:
        result = work.result
        result.hits = list(hits[: work.request.k])
        result.variants = list(work.variants)
        result.cost["queries"] = len(work.variants)
        self._remembered.keep(work)
