"""Vectors of sentences that were embedded before: the passages of one question return with the next."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from reference.rag.types import RagError

MOST = 8192  # texts; about 16 MB with 384 dimensions


class RememberedVectors:
    """`embed` with the vectors of the last `most` texts kept (least recently used goes first).

    The key is the text itself, so a changed document needs no invalidation: its sentences are other texts. Safe for use
    from several threads; two that ask for the same new text at the same time both embed it.
    """

    def __init__(self, embed: Callable[[Sequence[str]], Any], most: int = MOST) -> None:
        if most < 1:
            raise RagError(f"most={most}: at least one text")
        self._embed, self._most = embed, most
        self._kept: OrderedDict[str, Any] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, texts: Sequence[str]) -> Any:
        """float32 [len(texts), d], unit rows, in the order of `texts`."""
        import numpy as np

        found: dict[str, Any] = {}
        with self._lock:
            for text in texts:
                if text in self._kept:
                    self._kept.move_to_end(text)
                    found[text] = self._kept[text]
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing or not texts:
            vectors = np.asarray(self._embed(missing))
            if not texts:
                return vectors
            # Copies: a view of one row would keep its whole batch in memory.
            found.update({text: vector.copy() for text, vector in zip(missing, vectors, strict=True)})
            with self._lock:
                for text in missing:
                    self._kept[text] = found[text]
                    self._kept.move_to_end(text)
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
        return np.stack([found[text] for text in texts])

    def __len__(self) -> int:
        return len(self._kept)
