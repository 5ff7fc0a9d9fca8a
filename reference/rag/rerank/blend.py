"""Two opinions about the same candidates, blended: the fused score and the reranker's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def scaled(scores: Any) -> Any:
    """Min-max scaling to 0..1, float64 [n]; where all are equal, all are 0 and the other opinion decides."""
    import numpy as np

    values = np.asarray(scores, dtype=np.float64)
    if not len(values):
        return values
    span = values.max() - values.min()
    return (values - values.min()) / span if span > 0 else np.zeros_like(values)


def blended(fused: Sequence[float], reranked: Any, weight: float) -> Any:
    """(fused + weight * reranked) / (1 + weight), both scaled over the candidates: float64 [n], 0..1."""
    return (scaled(fused) + weight * scaled(reranked)) / (1 + weight)


def blended_order(fused: Sequence[float], reranked: Any, weight: float) -> list[int]:
    """Positions of the candidates, best first; equal scores keep the fused order (the order they came in)."""
    import numpy as np

    return [int(position) for position in np.argsort(-blended(fused, reranked, weight), kind="stable")]
