"""Retrieval for the gateway of question 1: passages of the asking key's tenant and of the public."""

from __future__ import annotations

import asyncio

from reference.rag.answer.passages import numbered_passages
from reference.rag.query import BadQuery, SearchRequest
from reference.rag.service.access import readable
from reference.rag.service.batching import BatchSearcher, MicroBatcher
from reference.serving.gateway.rag import Passage

_PASSAGE_TOKENS = 4096  # of all passages; the gateway cuts them to its own budget


class GatewayRetriever:
    """The gateway's `Retriever`. Chats that ask at the same time share a batch. Close it when the gateway has stopped.

    Passages come without sentences that give orders and without links; one that has nothing else is left out.

    Args:
        searcher: a `Searcher`, or a `MicroBatcher` that somebody else closes.
        k: passages per prompt, best first.
        budget_s: of one search; what does not fit in is left out (see `Searcher`).
        least_confidence: below it no passage is given: a prompt is better without than with chance finds.
    """

    def __init__(
        self,
        searcher: BatchSearcher | MicroBatcher,
        k: int = 5,
        budget_s: float | None = 1.0,
        *,
        expand: bool = False,
        rerank: bool = True,
        least_confidence: float = 0.0,
    ) -> None:
        self._own = None if isinstance(searcher, MicroBatcher) else MicroBatcher(searcher)
        self._batcher = searcher if isinstance(searcher, MicroBatcher) else self._own
        self._k, self._budget_s, self._expand, self._rerank = k, budget_s, expand, rerank
        self._least_confidence = least_confidence

    async def retrieve(self, query: str, tenant: str) -> list[Passage]:
        """At most `k` passages; none for a query that cannot be searched. Other failures are raised."""
        assert self._batcher is not None
        wanted = SearchRequest(query, readable(tenant), self._k, self._budget_s, self._expand, self._rerank)
        try:
            future = self._batcher.submit(wanted)
        except BadQuery:
            return []
        result = (await asyncio.wrap_future(future)).result
        if result.confidence < self._least_confidence:
            return []
        passages = zip(numbered_passages(result.hits, _PASSAGE_TOKENS), result.hits, strict=False)
        return [Passage(one.text, hit.chunk.source, float(hit.score)) for one, hit in passages if one.sentences]

    def close(self) -> None:
        """Ends the threads that this retriever started."""
        if self._own is not None:
            self._own.close()
