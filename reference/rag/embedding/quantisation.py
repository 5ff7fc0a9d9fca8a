"""int8 codes for vectors, with one scale per vector: a quarter of float32's bytes."""

from __future__ import annotations

from typing import Any

from reference.rag.types import RagError

LARGEST_CODE = 127


def quantise(vectors: Any) -> tuple[Any, Any]:
    """float [n, d] -> int8 codes [n, d] and float16 scales [n]; a vector is about scale * codes.

    The scale is the largest magnitude of the vector divided by 127 (rounded to float16 first, so that codes fit the
    scale that is stored). The error of one component is at most half a scale, plus what a rounded-down scale clips:
    LARGEST_CODE * scale * 2**-11.
    """
    import numpy as np

    values = np.asarray(vectors, dtype=np.float32)
    if values.ndim != 2:
        raise RagError(f"quantise wants vectors as [n, d], got an array of shape {list(values.shape)}")
    if not np.isfinite(values).all():
        raise RagError("quantise got a vector with NaN or infinity; embed the text again")
    scales = (np.abs(values).max(axis=1, initial=0.0) / LARGEST_CODE).astype(np.float16)
    scales = np.maximum(scales, np.finfo(np.float16).tiny)  # a zero vector has codes 0, not a division by zero
    codes = np.rint(values / scales[:, None].astype(np.float32)).clip(-LARGEST_CODE, LARGEST_CODE)
    return codes.astype(np.int8), scales


def dequantise(codes: Any, scales: Any) -> Any:
    """int8 [n, d] and scales [n] -> float32 [n, d]."""
    import numpy as np

    return np.asarray(codes, dtype=np.float32) * np.asarray(scales, dtype=np.float32)[:, None]
