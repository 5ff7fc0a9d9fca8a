"""What one search gives back: hits, and an account of how they came about."""

from __future__ import annotations

from dataclasses import dataclass, field

from .types import Hit


@dataclass
class SearchResult:
    """Hits of one query with the stages that ran.

    Attributes:
        stages: seconds per stage, in order (`expand`, `embed`, `dense`, `lexical`, `fuse`, `rerank`).
        degraded: what was left out and why, in words for the user (e.g. "vector store unreachable: lexical only").
        variants: the queries that were searched, the user's own first.
        confidence: 0 to 1, how clearly the first hit leads; what the cascade and the skipped rerank go by.
        notes: what a user should know about the query (cut, only common words); nothing was left out for it.
        cost: what the query used, by name: `queries` searched, `reranked` candidates, tokens of the expansion.
        cached: `exact` or `similar` if a cache answered, else empty.
    """

    hits: list[Hit]
    stages: dict[str, float] = field(default_factory=dict)
    degraded: list[str] = field(default_factory=list)
    variants: list[str] = field(default_factory=list)
    confidence: float = 0.0
    notes: list[str] = field(default_factory=list)
    cost: dict[str, float] = field(default_factory=dict)
    cached: str = ""
