"""Answers found by meaning in Qdrant: in this process without a server, on a server or cluster with QDRANT_URL.

This is the gateway's `SimilarAnswers`. A lookup embeds the question, takes the k nearest of its scope above the
threshold, and gives the first that the guard lets through.
"""

from __future__ import annotations

import base64
import os
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from reference.serving.gateway.seams import Similar

from .agreement import disagreement
from .cache import CacheError, normalised
from .qdrant_stores import EdgeStore, ServerStore, Store

_NEAREST = 8  # stored questions that the guard may look at, best first
_NAMES = uuid.UUID("6f0e1d3c-3f0c-5c0e-9f6b-1b5f0f8e7a10")
_FLUSH_EVERY = 64
_ROOM = 0.05  # share of the entries that an eviction frees at least, so that it is rare


class QdrantAnswers:
    """Stored answers, found by meaning. Safe for use from several threads.

    Args:
        embed: texts -> float [n, d], one unit row for each text.
        embedder: its name; a folder or collection that another one filled is refused.
        threshold: least cosine of a similar question, above 0 and at most 1. Belongs to the embedder: choose it on
            labelled pairs (`evaluation.choose_threshold`).
        folder: where a restart finds the entries again; None: nowhere. Not with a server.
        url: of a Qdrant server; None: $QDRANT_URL. Empty: in this process.
        collection: on the server.
        max_entries: the oldest go first. With a server each process counts what it adds, and looks at the whole
            collection when that reaches the limit.
        guard: two texts -> why the answer to one must not serve the other, or "".

    `counts`: hit, miss, kept, expired, evicted, and `refused_GUARD` for every objection.
    """

    def __init__(
        self,
        embed: Callable[[Sequence[str]], Any],
        embedder: str,
        threshold: float,
        folder: Path | None = None,
        url: str | None = None,
        collection: str = "workbook-similar-answers",
        max_entries: int = 10_000,
        guard: Callable[[str, str], str] = disagreement,
        clock: Callable[[], float] = time.time,
        client: Any = None,
    ) -> None:
        if not 0 < threshold <= 1:
            raise CacheError(f"threshold: must be above 0 and at most 1, got {threshold}")
        if max_entries < 1:
            raise CacheError(f"max_entries: must be 1 or more, got {max_entries}")
        if not embedder:
            raise CacheError("embedder: must be a name, so that vectors of another one are refused")
        url = os.environ.get("QDRANT_URL", "") if url is None else url
        if url and folder is not None:
            raise CacheError(f"folder: {folder} is not used with a server ({url}); give one of the two")
        self._embed, self._threshold, self._max, self._guard, self._clock = embed, threshold, max_entries, guard, clock
        self.version = f"{embedder} {threshold:g} {getattr(guard, '__name__', 'guard')}"
        dimension = int(self._vector("dimension").shape[0])
        self._store: Store = (
            ServerStore(url, collection, dimension, embedder, client=client)
            if url
            else EdgeStore(folder, dimension, embedder)
        )
        self._lock = threading.Lock()
        self._entries = len(self._store.ages())
        self._unflushed = 0
        self._closed = False
        self.counts: Counter[str] = Counter()

    def __len__(self) -> int:
        """Entries, expired ones that no eviction has met included."""
        with self._lock:
            return len(self._store.ages())

    def find(self, scope: str, question: str) -> Similar | None:
        """The answer to a stored question of `scope` that means the same, or None."""
        vector = self._vector(question)  # outside the lock: it takes milliseconds
        with self._lock:
            self._open()
            nearest = self._store.nearest(vector.tolist(), scope, self._clock(), _NEAREST)
        for similarity, payload in nearest:
            if similarity < self._threshold:
                break
            objection = self._guard(payload["question"], question)
            if objection:
                self._count(f"refused_{objection.replace(' ', '_')}")
                continue
            self._count("hit")
            return Similar(base64.b64decode(payload["answer"]), payload["question"], similarity)
        self._count("miss")
        return None

    def keep(self, scope: str, question: str, answer: bytes, ttl_s: float) -> None:
        """Keeps an answer, in place of an earlier one to the same text in this scope."""
        if not ttl_s > 0:
            raise CacheError(f"ttl_s: must be above 0, got {ttl_s}")
        vector = self._vector(question)
        point_id = str(uuid.uuid5(_NAMES, f"{scope}\0{normalised(question)}"))
        with self._lock:
            self._open()
            if self._entries >= self._max:
                self._evict()
            now = self._clock()
            self._store.put(
                point_id,
                vector.tolist(),
                {
                    "scope": scope,
                    "question": question,
                    "answer": base64.b64encode(answer).decode("ascii"),
                    "stored": now,
                    "expires": now + ttl_s,
                },
            )
            self._entries += 1
            self._unflushed += 1
            if self._unflushed >= _FLUSH_EVERY:
                self._store.flush()
                self._unflushed = 0
        self._count("kept")

    def flush(self) -> None:
        """Returns when everything kept so far survives a kill."""
        with self._lock:
            self._open()
            self._store.flush()
            self._unflushed = 0

    def close(self) -> None:
        """Frees the engine; entries in a folder or on a server stay."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._store.close()

    def _evict(self) -> None:
        """Drops what has expired, then the oldest until there is room."""
        now = self._clock()
        ages = self._store.ages()
        old = [point_id for point_id, _, expires in ages if expires <= now]
        alive = sorted((stored, point_id) for point_id, stored, expires in ages if expires > now)
        room = max(1, round(_ROOM * self._max))
        over = max(0, len(alive) - (self._max - room))
        evicted = [point_id for _, point_id in alive[:over]]
        if old or evicted:
            self._store.remove(old + evicted)
        self._entries = len(alive) - over
        self.counts["expired"] += len(old)
        self.counts["evicted"] += over

    def _open(self) -> None:
        if self._closed:
            raise CacheError("the semantic cache is closed")

    def _vector(self, text: str) -> Any:
        import numpy as np

        vector = np.asarray(self._embed([text])[0], dtype=np.float32)
        return vector / max(float(np.linalg.norm(vector)), 1e-12)

    def _count(self, name: str) -> None:
        with self._lock:
            self.counts[name] += 1
