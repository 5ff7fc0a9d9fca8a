"""Late interaction: a query token's best match among a passage's tokens, averaged over the query (ColBERT's MaxSim)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def maxsim(query: Any, codes: Sequence[Any], scales: Sequence[Any] | None = None) -> Any:
    """Mean over query tokens of the largest dot product with a passage's tokens.

    All passages go through one matrix product; there is no loop over tokens.

    Args:
        query: unit token vectors float32 [q, d].
        codes: per passage its token vectors [tokens, d]: float, or int8 codes with `scales`.
        scales: per passage float [tokens]; a vector is scale * codes. None: the codes are the vectors.

    Returns:
        float32 [passages]: -1 to 1 (for int8 up to their rounding); 0 for a query or passage without tokens.
    """
    import numpy as np

    result = np.zeros(len(codes), dtype=np.float32)
    filled = [position for position, rows in enumerate(codes) if len(rows)]
    if not len(query) or not filled:
        return result
    tokens = np.concatenate([codes[position] for position in filled]).astype(np.float32)
    similarity = np.asarray(query, dtype=np.float32) @ tokens.T
    if scales is not None:
        similarity *= np.concatenate([scales[position] for position in filled]).astype(np.float32)
    ends = np.cumsum([len(codes[position]) for position in filled])
    best = np.maximum.reduceat(similarity, np.concatenate([[0], ends[:-1]]), axis=1)
    result[filled] = best.mean(axis=0)
    return result
