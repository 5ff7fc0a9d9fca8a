"""Vector search and lexical search of a batch, side by side; either may fail or be late without the other.

The vector store may be a server: it gets a thread, a time limit per request, and a circuit breaker. The lexical index
is local and runs on the caller's thread meanwhile.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence

from reference.rag.interfaces import DenseIndex, Embedder, LexicalIndex
from reference.rag.types import Hit
from reference.serving.gateway.breaker import CircuitBreaker, State

from .accounts import Accounts
from .background import Background
from .requests import NoIndexAnswers, Work
from .settings import SearchSettings

Found = list[list[list[Hit]]]  # per request, per variant, hits


class BothSides:
    """The two indexes of a searcher."""

    def __init__(
        self,
        dense: DenseIndex | None,
        lexical: LexicalIndex | None,
        embedder: Embedder | None,
        settings: SearchSettings,
        accounts: Accounts,
        clock: Callable[[], float],
    ) -> None:
        self._dense, self._lexical, self._embedder = dense, lexical, embedder
        self._settings, self._accounts, self._clock = settings, accounts, clock
        self._breaker = CircuitBreaker(settings.breaker_failures, settings.breaker_cooldown_s, clock=clock)

    @property
    def dense_up(self) -> bool:
        """False while the vector store is left alone after failures, or if there is none."""
        return self._dense is not None and self._breaker.state is not State.OPEN

    def embed(self, works: Sequence[Work]) -> None:
        """Fills `vector` of the requests that want a vector search: one batch of all queries and variants."""
        wanting = [work for work in works if "embed" in work.wants]
        if not wanting or self._embedder is None:
            return
        began = time.perf_counter()
        texts = [text for work in wanting for text in work.variants]
        try:
            vectors = self._embedder.embed(texts)
        except Exception as error:
            self._lose_dense(wanting, f"the embedder failed ({type(error).__name__})")
            return
        start = 0
        for work in wanting:
            work.vector = vectors[start : start + len(work.variants)]
            start += len(work.variants)
        self._accounts.timed("embed", wanting, time.perf_counter() - began)

    def search(self, works: Sequence[Work], out_of_time: Callable[[Work], None]) -> None:
        """Fills `dense` and `lexical`.

        Args:
            out_of_time: called for a request whose time is over while others still wait for the vector store; it has
                lexical hits only.

        Raises:
            NoIndexAnswers: a request has hits of neither side because both failed.
        """
        wanting = [work for work in works if "dense" in work.wants and work.vector is not None]
        call: Background[Found] | None = None
        if wanting and not self._breaker.allow():
            self._lose_dense(wanting, "vector store unreachable (left alone after failures)")
        elif wanting:
            call = Background(lambda: self._search_dense(wanting), "dense-search")
        failure = self._search_lexical([work for work in works if "lexical" in work.wants])
        if call is not None:
            self._await_dense(call, wanting, out_of_time, lexical_failed=failure is not None)
        # A query that vectors alone should have served still gets what words can find.
        bare = [work for work in works if work.dense is None and work.lexical is None]
        if bare and failure is None:
            failure = self._search_lexical(bare)
        if any(work.dense is None and work.lexical is None for work in works):
            raise NoIndexAnswers(
                f"neither the vector store nor the lexical index answers{f' ({failure})' if failure else ''}; "
                "check QDRANT_URL and the index folder"
            ) from failure

    def _lose_dense(self, works: Sequence[Work], why: str) -> None:
        self._accounts.count("dense_failed", len(works))
        for work in works:
            work.wants -= {"embed", "dense"}
            work.degraded(f"{why}: lexical only")

    def _search_dense(self, works: Sequence[Work]) -> Found:
        """Per request and variant the hits; one index call per set of tenants."""
        import numpy as np

        assert self._dense is not None
        found: Found = [[] for _ in works]
        for tenants, positions in by_tenants(works).items():
            rows = np.concatenate([works[position].vector for position in positions])
            hits = iter(self._dense.search(rows, self._settings.dense_k, tenants))
            for position in positions:
                found[position] = [self._own(next(hits), tenants) for _ in works[position].variants]
        return found

    def _await_dense(
        self,
        call: Background[Found],
        works: Sequence[Work],
        out_of_time: Callable[[Work], None],
        lexical_failed: bool,
    ) -> None:
        began, most = self._clock(), self._settings.dense_timeout_s
        limits: dict[Work, float] = {}
        for work in works:
            own = None if lexical_failed or self._lexical is None else self._accounts.time_for(work, 1)
            limits[work] = min(most, math.inf if own is None else own)
        silent = False
        for work in sorted(works, key=lambda work: limits[work]):
            if call.wait(limits[work] - (self._clock() - began)):
                break
            self._lose_dense([work], "vector store did not answer in time")
            silent = limits[work] >= most  # else it was the request's haste
            if not silent and work.lexical is not None:
                out_of_time(work)
        if silent:
            self._breaker.failure()
        still = [work for work in works if "dense" in work.wants]
        if not still:
            return
        if call.error is not None:
            self._breaker.failure()
            self._lose_dense(still, f"vector store unreachable ({type(call.error).__name__})")
            return
        self._breaker.success()
        for work, lists in zip(works, call.value(), strict=True):
            if "dense" in work.wants:
                work.dense = lists
        self._accounts.timed("dense", still, call.seconds)

    def _search_lexical(self, works: Sequence[Work]) -> Exception | None:
        """Fills `lexical`; returns what the index raised, if it did."""
        if not works or self._lexical is None:
            return None
        began = time.perf_counter()
        try:
            for tenants, positions in by_tenants(works).items():
                queries = [text for position in positions for text in works[position].variants]
                hits = iter(self._lexical.search(queries, self._settings.lexical_k, tenants))
                for position in positions:
                    work = works[position]
                    work.lexical = [self._own(next(hits), tenants) for _ in work.variants]
        except Exception as error:
            self._accounts.count("lexical_failed", len(works))
            for work in works:
                work.lexical = None
                work.degraded(f"lexical index unreachable ({type(error).__name__}): vectors only")
            return error
        self._accounts.timed("lexical", works, time.perf_counter() - began)
        return None

    def _own(self, hits: Sequence[Hit], tenants: tuple[str, ...]) -> list[Hit]:
        """Hits of the tenants only. The index filters already; a fault in it must not become a leak."""
        own = [hit for hit in hits if hit.chunk.tenant in tenants]
        self._accounts.count("foreign_hits_blocked", len(hits) - len(own))
        return own


def by_tenants(works: Sequence[Work]) -> dict[tuple[str, ...], list[int]]:
    """Positions of the requests of each set of tenants."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for position, work in enumerate(works):
        groups[work.tenants].append(position)
    return groups
