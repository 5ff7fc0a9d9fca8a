"""What can be set about a search."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Literal

from reference.rag.types import RagError

# Seconds per stage for one query that are assumed until the first call: orders of magnitude of a laptop core.
FIRST_COSTS: Mapping[str, float] = MappingProxyType(
    {"expand": 1.0, "embed": 0.01, "dense": 0.01, "lexical": 0.01, "fuse": 0.001, "rerank": 0.02}
)


class SearchSettingsError(RagError):
    """A setting is out of range; the message names it."""


@dataclass(frozen=True)
class SearchSettings:
    """Settings of a `Searcher`. Counts are hits per query.

    Attributes:
        dense_k, lexical_k: candidates from each side.
        candidates: fused hits that go on to the reranker.
        fusion: `rrf`, or `weighted` (min-max scaled scores).
        rrf_k: constant of reciprocal rank fusion.
        dense_weight, lexical_weight, variant_weight: of the lists; a variant's lists are multiplied by the last.
        skip_rerank_above: confidence from which the rerank is left out; above 1 it never is. Chosen on the tuning half
            of the ci sample's FAQ questions (n = 260): from 0.6 on, 30 % of the queries skip it and nDCG@10 does not
            fall (+0.004, 95 % interval -0.001 to 0.011).
        max_k: most hits a caller may ask for.
        max_words, max_chars: longer queries are cut.
        dense_timeout_s: a vector store that is silent for so long is gone for this query.
        breaker_failures, breaker_cooldown_s: failures in a row after which the vector store is left alone, and for how
            long.
        similar_hits: whether the cache may answer with the hits of a similar query, not only of the same one.
    """

    dense_k: int = 20
    lexical_k: int = 20
    candidates: int = 20
    fusion: Literal["rrf", "weighted"] = "rrf"
    rrf_k: float = 60.0
    dense_weight: float = 1.0
    lexical_weight: float = 1.0
    variant_weight: float = 0.5
    skip_rerank_above: float = 0.6
    max_k: int = 50
    max_words: int = 256
    max_chars: int = 4000
    dense_timeout_s: float = 2.0
    breaker_failures: int = 3
    breaker_cooldown_s: float = 5.0
    similar_hits: bool = False
    first_costs: Mapping[str, float] = field(default_factory=lambda: FIRST_COSTS)

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, int) and not isinstance(value, bool) and value < 1:
                raise SearchSettingsError(f"{item.name}: must be 1 or more, got {value}")
            if isinstance(value, float) and not (math.isfinite(value) and value >= 0):
                raise SearchSettingsError(f"{item.name}: must be a finite number >= 0, got {value}")
        if self.fusion not in ("rrf", "weighted"):
            raise SearchSettingsError(f"fusion: must be 'rrf' or 'weighted', got {self.fusion!r}")
        if self.rrf_k == 0 or self.dense_timeout_s == 0:
            raise SearchSettingsError("rrf_k and dense_timeout_s: must be above 0")
