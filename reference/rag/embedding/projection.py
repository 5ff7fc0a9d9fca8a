"""Token vectors made smaller: a linear map from the model's 384 dimensions to fewer, then length one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference.rag.types import RagError

TENSOR = "projection"
TRAINED = Path(__file__).parent.parent / "rerank" / "projection.safetensors"


@dataclass(frozen=True)
class Projection:
    """`matrix` float32 [384, d]; `name` identifies it in an index's manifest."""

    name: str
    matrix: Any

    @property
    def token_dimension(self) -> int:
        return int(self.matrix.shape[1])

    def apply(self, states: Any) -> Any:
        """float [n, 384] -> unit float32 [n, d]."""
        import numpy as np

        projected = np.asarray(states, dtype=np.float32) @ self.matrix
        lengths = np.linalg.norm(projected, axis=1, keepdims=True)
        return projected / np.maximum(lengths, np.float32(1e-12))


def read_projection(path: Path) -> Projection:
    """From a safetensors file with one matrix [384, d], called `projection` or alone in the file."""
    import numpy as np
    from safetensors.numpy import load

    try:
        content = Path(path).read_bytes()
        tensors = load(content)
    except Exception as error:  # safetensors raises its own type for a damaged file
        raise RagError(f"the projection {path} cannot be read: {error}") from error
    matrix = tensors.get(TENSOR, next(iter(tensors.values())) if len(tensors) == 1 else None)
    if matrix is None or matrix.ndim != 2 or matrix.shape[0] != 384:
        shapes = {name: list(value.shape) for name, value in tensors.items()}
        raise RagError(f"the projection {path} holds {shapes}; one matrix [384, d] called {TENSOR!r} is wanted")
    if not np.isfinite(matrix).all():
        raise RagError(f"the projection {path} has NaN or infinity")
    digest = hashlib.sha256(content).hexdigest()[:12]
    return Projection(f"{Path(path).stem}-{matrix.shape[1]}@{digest}", matrix.astype(np.float32))


def default_projection() -> Projection:
    """The projection that comes with the reranker."""
    return read_projection(TRAINED)


def fit_pca(states: Any, dimension: int = 128) -> Any:
    """float16 [384, dimension]: the directions along which token vectors [n, 384] are longest (uncentred PCA).

    Uncentred, because late interaction compares directions from the origin; orthonormal columns.
    """
    import numpy as np

    values = np.asarray(states, dtype=np.float64)
    if values.ndim != 2 or not 0 < dimension <= values.shape[1] or len(values) < dimension:
        raise RagError(f"fit_pca: {dimension} dimensions from vectors of shape {list(values.shape)}")
    values = values / np.linalg.norm(values, axis=1, keepdims=True)
    _, directions = np.linalg.eigh(values.T @ values)
    return np.ascontiguousarray(directions[:, ::-1][:, :dimension]).astype(np.float16)
