"""Several ranked lists of one query made into one: reciprocal rank fusion, and a weighted sum of scaled scores.

Both are pure functions of their input; equal scores are ordered by best rank, then by chunk id, so that two runs agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from .types import Hit, RagError

DEFAULT_K = 60.0  # Cormack, Clarke, Buettcher 2009; the ranking depends on it, so results state it


class FusionError(RagError):
    """Lists cannot be fused; the message names the argument."""


@dataclass(frozen=True)
class RankedList:
    """Hits of one searcher, best first, under the name that `Hit.ranks` will show.

    Attributes:
        name: `dense`, `lexical`, ...; several lists may share one (query variants): the best rank is then shown.
        weight: multiplies the list's contribution; 0 leaves it out.
    """

    name: str
    hits: Sequence[Hit]
    weight: float = 1.0


@dataclass
class _Entry:
    hit: Hit
    parts: list[float] = field(default_factory=list)
    ranks: dict[str, int] = field(default_factory=dict)


def _check(lists: Sequence[RankedList]) -> None:
    for ranked in lists:
        if not (math.isfinite(ranked.weight) and ranked.weight >= 0):
            raise FusionError(f"weight of list {ranked.name!r}: must be a finite number >= 0, got {ranked.weight}")


def _collect(entries: dict[str, _Entry], ranked: RankedList, parts: Sequence[float]) -> None:
    seen: set[str] = set()
    for rank, (hit, part) in enumerate(zip(ranked.hits, parts, strict=True), start=1):
        chunk_id = hit.chunk.id
        if chunk_id in seen:  # a list that names a chunk twice must not count it twice
            continue
        seen.add(chunk_id)
        entry = entries.setdefault(chunk_id, _Entry(hit, ranks=dict(hit.ranks)))
        entry.parts.append(part)
        entry.ranks[ranked.name] = min(rank, entry.ranks.get(ranked.name, rank))


def _ordered(entries: dict[str, _Entry], limit: int | None) -> list[Hit]:
    # fsum: the sum must not depend on the order of the lists.
    scored = [
        (-math.fsum(entry.parts), min(entry.ranks.values()), chunk_id, entry) for chunk_id, entry in entries.items()
    ]
    scored.sort(key=lambda item: item[:3])
    return [Hit(entry.hit.chunk, -negative, entry.ranks) for negative, _, _, entry in scored[:limit]]


def reciprocal_rank_fusion(lists: Sequence[RankedList], k: float = DEFAULT_K, limit: int | None = None) -> list[Hit]:
    """Sum over lists of weight / (k + rank), ranks from 1. Scores of the lists are not looked at.

    Small k trusts the first places; for k to infinity all ranks of a list count alike and the number of lists that
    hold a chunk decides.

    Args:
        limit: most hits returned; None for all.

    Raises:
        FusionError: k is not above 0, or a weight is negative or not finite.
    """
    if not k > 0:
        raise FusionError(f"k: must be above 0, got {k}")
    _check(lists)
    entries: dict[str, _Entry] = {}
    for ranked in lists:
        if ranked.weight:
            _collect(entries, ranked, [ranked.weight / (k + rank) for rank in range(1, len(ranked.hits) + 1)])
    return _ordered(entries, limit)


def scaled_scores(scores: Sequence[float]) -> list[float]:
    """Min-max scaling of one list's scores to 0..1; where all are equal, all are 1.

    Raises:
        FusionError: a score is not a finite number.
    """
    if not all(math.isfinite(score) for score in scores):
        raise FusionError("score: a hit's score is not a finite number")
    if not scores:
        return []
    low, high = min(scores), max(scores)
    if high == low:
        return [1.0] * len(scores)
    # Halves, so that the span of two huge scores of opposite sign does not overflow.
    span = high / 2 - low / 2
    return [(score / 2 - low / 2) / span if span else 1.0 for score in scores]


def weighted_score_fusion(lists: Sequence[RankedList], limit: int | None = None) -> list[Hit]:
    """Sum over lists of weight * min-max-scaled score. A chunk that a list does not hold gets 0 from it.

    Scaling is per query and list: BM25 has no upper bound and cosine has one, so raw scores cannot be added. The last
    hit of a list scales to 0, as if it had not been found; that is the known weakness of the method.

    Raises:
        FusionError: a weight is negative or not finite, or a score is not finite.
    """
    _check(lists)
    entries: dict[str, _Entry] = {}
    for ranked in lists:
        if ranked.weight:
            scaled = scaled_scores([hit.score for hit in ranked.hits])
            _collect(entries, ranked, [ranked.weight * value for value in scaled])
    return _ordered(entries, limit)
