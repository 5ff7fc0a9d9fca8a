"""One search on its way: what was asked, and what the stages have found so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from reference.rag.deadline import Budget
from reference.rag.search_result import SearchResult
from reference.rag.types import Hit, RagError

from .text import PreparedQuery


class SearchError(RagError):
    """A search cannot be made as asked; the message names the argument."""


class NoIndexAnswers(RagError):
    """Neither the vector store nor the lexical index answers."""


@dataclass(frozen=True)
class SearchRequest:
    """One query of a batch.

    Attributes:
        tenants: whose chunks may be found; comes from the caller's key, never from text.
        k: hits wanted.
        budget_s: seconds for the whole search; None for no limit.
        expand: search variants of the query too, if the searcher has an expander.
        rerank: order the candidates anew, if the searcher has a reranker.
    """

    query: str
    tenants: tuple[str, ...]
    k: int = 5
    budget_s: float | None = None
    expand: bool = False
    rerank: bool = True


def checked_tenants(tenants: Sequence[str]) -> tuple[str, ...]:
    """Tenant names, sorted, each once.

    Raises:
        SearchError: none given, a bare text instead of a list, or an empty name.
    """
    if isinstance(tenants, str):
        raise SearchError(f"tenants: must be a list of names, got the text {tenants!r}")
    names = sorted(set(tenants))
    if not names:
        raise SearchError("tenants: at least one is needed; without a tenant nothing may be found")
    if not all(isinstance(name, str) and name for name in names):
        raise SearchError("tenants: every name must be a text that is not empty")
    return tuple(names)


@dataclass(eq=False)
class Work:
    """State of one request within a batch. Compared by identity."""

    request: SearchRequest
    prepared: PreparedQuery
    budget: Budget
    tenants: tuple[str, ...]
    wants: set[str] = field(default_factory=set)  # stages still planned
    variants: list[str] = field(default_factory=list)
    dense: list[list[Hit]] | None = None  # per variant; None: not searched
    lexical: list[list[Hit]] | None = None
    fused: list[Hit] = field(default_factory=list)
    vector: Any = None  # of the user's own query, float32 [dimension]
    mark: int = 0  # the cache's state when the search began
    result: SearchResult = field(default_factory=lambda: SearchResult([]))
    done: bool = False

    def degraded(self, why: str) -> None:
        """Records what was left out, once."""
        if why not in self.result.degraded:
            self.result.degraded.append(why)
