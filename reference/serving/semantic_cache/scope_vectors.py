"""Vectors of one scope in one growing matrix: nearest by one matrix-vector product."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Key = tuple[str, str]


class ScopeVectors:
    """Unit vectors with keys; removal moves the last row into the gap."""

    def __init__(self, dimension: int) -> None:
        import numpy as np

        self._matrix = np.empty((16, dimension), dtype=np.float32)
        self._keys: list[Key] = []
        self._rows: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: Key, vector: Any) -> None:
        """Stores a vector, scaled to length one, in place of an earlier one of the same key."""
        import numpy as np

        values = np.asarray(vector, dtype=np.float32)
        if values.shape != (self._matrix.shape[1],):
            raise ValueError(f"vector: has shape {values.shape}, this scope holds {self._matrix.shape[1]} dimensions")
        self.remove(key)
        if len(self._keys) == len(self._matrix):
            self._matrix = np.concatenate([self._matrix, np.empty_like(self._matrix)])
        row = len(self._keys)
        self._matrix[row] = values / max(float(np.linalg.norm(values)), 1e-12)
        self._keys.append(key)
        self._rows[key] = row

    def remove(self, key: Key) -> None:
        """Forgets a key; nothing if it is not there."""
        row = self._rows.pop(key, None)
        if row is None:
            return
        last = self._keys.pop()
        if last != key:
            self._matrix[row] = self._matrix[len(self._keys)]
            self._keys[row] = last
            self._rows[last] = row

    def nearest(self, vector: Any, count: int) -> Iterator[tuple[Key, float]]:
        """(key, cosine) of the nearest, best first; equal ones by key."""
        import numpy as np

        values = np.asarray(vector, dtype=np.float32)
        values = values / max(float(np.linalg.norm(values)), 1e-12)
        cosines = self._matrix[: len(self._keys)] @ values
        rows = range(len(cosines)) if len(cosines) <= count else np.argpartition(-cosines, count - 1)[:count].tolist()
        found = [(self._keys[row], float(cosines[row])) for row in rows]
        yield from sorted(found, key=lambda item: (-item[1], item[0]))
