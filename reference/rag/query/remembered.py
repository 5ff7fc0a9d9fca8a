"""Results of earlier searches: of the same query and, where that is wanted, of a similar one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reference.rag.search_result import SearchResult

from .accounts import Accounts
from .requests import Work

if TYPE_CHECKING:
    from reference.serving.semantic_cache import SemanticCache


class RememberedSearches:
    """Takes results from a cache and keeps whole ones in it. Without a cache it finds and keeps nothing.

    Args:
        similar: whether the hits of a similar query may answer too.
    """

    def __init__(self, cache: SemanticCache | None, similar: bool, accounts: Accounts) -> None:
        self._cache, self._similar, self._accounts = cache, similar, accounts

    def mark(self) -> int:
        """The cache's state now; what changes later keeps a result out of the cache."""
        return self._cache.mark() if self._cache is not None else 0

    def same(self, works: Sequence[Work]) -> list[Work]:
        """Those of the requests whose query was asked before; they have their results."""
        if self._cache is None:
            return []
        return [work for work in works if self._take(work, self._cache.get_exact(work.prepared.text, _scope(work)))]

    def similar(self, works: Sequence[Work]) -> list[Work]:
        """Those of the requests to which a similar query's hits belong; they have their results."""
        if self._cache is None or not self._similar:
            return []
        return [
            work
            for work in works
            if work.vector is not None
            and self._take(work, self._cache.get_similar(work.prepared.text, _scope(work), work.vector[0]))
        ]

    def keep(self, work: Work) -> None:
        """Remembers a finished request's result, unless something was left out of it."""
        if self._cache is None or work.result.degraded:
            return
        sources = {source_key(hit.chunk.tenant, hit.chunk.document_id) for hit in work.result.hits}
        vector = work.vector[0] if work.vector is not None and self._similar else None
        self._cache.put(work.prepared.text, _scope(work), _copy(work.result), sources, vector=vector, since=work.mark)

    def _take(self, work: Work, found: Any) -> bool:
        if found is None:
            return False
        self._accounts.count(f"cached_{found.kind}")
        work.result = replace(_copy(found.value), stages={}, cached=found.kind, notes=work.result.notes, cost={})
        return True


def source_key(tenant: str, document_id: str) -> str:
    """Name under which the cache knows a document: ids are unique within a tenant only."""
    return f"{tenant}\0{document_id}"


def _scope(work: Work) -> str:
    request = work.request
    return "\0".join(["search", str(request.k), str(request.expand), str(request.rerank), *work.tenants])


def _copy(result: SearchResult) -> SearchResult:
    return replace(result, hits=list(result.hits), variants=list(result.variants), stages=dict(result.stages))
