"""Answers kept under the text that asked for them, found again by the same text or by one that means the same.

Two tiers: the exact text (a dictionary, microseconds, no embedding), then the nearest stored text by cosine, if it is
near enough and no guard objects. Entries live in a scope (tenant, model, document version: whatever must agree exactly)
and name the sources they rest on; a source that changes takes its entries along, also those that are just being made.
"""

from __future__ import annotations

import threading
import time
import unicodedata
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .guards import Fingerprint, fingerprint, refusal
from .scope_vectors import ScopeVectors

_SOURCES_REMEMBERED = 100_000
_NEAREST = 8  # stored texts that the guards may look at, best first


class CacheError(ValueError):
    """A wrong argument; the message names it."""


@dataclass(frozen=True)
class CacheHit:
    """What was found.

    Attributes:
        kind: `exact` or `similar`.
        text: the stored text; `similarity` its cosine with the asked one (1 for exact).
        age_s: seconds since it was stored.
    """

    value: Any
    kind: str
    text: str
    similarity: float
    age_s: float


@dataclass(frozen=True)
class _Entry:
    text: str
    scope: str
    value: Any
    sources: frozenset[str]
    stored: float
    prints: Fingerprint


class SemanticCache:
    """A bounded cache in this process. Safe for use from several threads.

    Args:
        embed: texts -> float [n, d], unit rows. None: vectors are given with each call, or the exact tier only.
        threshold: least cosine of a similar text, 0 to 1. It belongs to the embedding model: calibrate it.
        ttl_s: seconds an entry lives.
        max_entries: of all scopes together; the least recently used goes first.

    `counts`: exact, similar, miss, stored, expired, evicted, invalidated, outdated, and `refused_GUARD` per guard.
    """

    def __init__(
        self,
        embed: Callable[[Sequence[str]], Any] | None = None,
        threshold: float = 0.92,
        ttl_s: float = 3600.0,
        max_entries: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 < threshold <= 1:
            raise CacheError(f"threshold: must be above 0 and at most 1, got {threshold}")
        if not ttl_s > 0:
            raise CacheError(f"ttl_s: must be above 0, got {ttl_s}")
        if max_entries < 1:
            raise CacheError(f"max_entries: must be 1 or more, got {max_entries}")
        self._embed, self._threshold, self._ttl_s, self._max = embed, threshold, ttl_s, max_entries
        self._clock = clock
        self._lock = threading.RLock()
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._vectors: dict[str, ScopeVectors] = {}
        self._by_source: dict[str, set[tuple[str, str]]] = {}
        self._changed: OrderedDict[str, int] = OrderedDict()  # source -> mark of its last change
        self._mark = self._forgotten = 0
        self.counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, text: str, scope: str, vector: Any = None) -> CacheHit | None:
        """The exact tier, then the similar one (embedding `text` if no `vector` is given)."""
        return self.get_exact(text, scope) or self.get_similar(text, scope, vector)

    def get_exact(self, text: str, scope: str) -> CacheHit | None:
        """What the same text (but for white space) was answered in this scope."""
        key = (scope, normalised(text))
        with self._lock:
            entry = self._alive(key)
            if entry is None:
                self.counts["miss_exact"] += 1
                return None
            self._entries.move_to_end(key)
            self.counts["exact"] += 1
            return CacheHit(entry.value, "exact", entry.text, 1.0, self._clock() - entry.stored)

    def get_similar(self, text: str, scope: str, vector: Any = None) -> CacheHit | None:
        """What a text that means the same was answered in this scope.

        Args:
            vector: float [d] of `text`; None: embedded here, if the scope holds anything.
        """
        with self._lock:
            if scope not in self._vectors or (vector is None and self._embed is None):
                self.counts["miss_similar"] += 1
                return None
        if vector is None and self._embed is not None:
            vector = self._embed([text])[0]  # outside the lock: it may take milliseconds
        prints = fingerprint(text)
        with self._lock:
            stored = self._vectors.get(scope)
            for key, similarity in stored.nearest(vector, _NEAREST) if stored else ():
                if similarity < self._threshold:
                    break
                entry = self._alive(key)
                if entry is None:
                    continue
                objection = refusal(prints, entry.prints)
                if objection:
                    self.counts[f"refused_{objection.replace(' ', '_')}"] += 1
                    continue
                self._entries.move_to_end(key)
                self.counts["similar"] += 1
                return CacheHit(entry.value, "similar", entry.text, similarity, self._clock() - entry.stored)
            self.counts["miss_similar"] += 1
            return None

    def mark(self) -> int:
        """The state of the sources now. Take it before making a value, give it to `put` as `since`."""
        with self._lock:
            return self._mark

    def put(
        self,
        text: str,
        scope: str,
        value: Any,
        sources: Iterable[str] = (),
        vector: Any = None,
        since: int | None = None,
    ) -> bool:
        """Stores a value. False if one of its sources changed since the mark `since`: it is outdated already.

        Args:
            sources: names whose change invalidates the value.
            vector: float [d] of `text`; None: embedded here if there is an `embed`, else found by exact text only.
        """
        key, named = (scope, normalised(text)), frozenset(sources)
        if vector is None and self._embed is not None:
            vector = self._embed([text])[0]
        with self._lock:
            if since is not None and (
                since < self._forgotten or any(self._changed.get(source, 0) > since for source in named)
            ):
                self.counts["outdated"] += 1
                return False
            self._drop(key)
            if vector is not None:  # first: a vector of a wrong dimension must leave no half-stored entry
                self._vectors.setdefault(scope, ScopeVectors(len(vector))).add(key, vector)
            self._entries[key] = _Entry(text, scope, value, named, self._clock(), fingerprint(text))
            for source in named:
                self._by_source.setdefault(source, set()).add(key)
            self.counts["stored"] += 1
            while len(self._entries) > self._max:
                self._drop(next(iter(self._entries)))
                self.counts["evicted"] += 1
            return True

    def invalidate(self, source: str) -> int:
        """Drops all entries that rest on `source`; how many. Values being made from it will not be stored either."""
        with self._lock:
            self._mark += 1
            self._changed[source] = self._mark
            self._changed.move_to_end(source)
            if len(self._changed) > _SOURCES_REMEMBERED:
                _, self._forgotten = self._changed.popitem(last=False)
            keys = list(self._by_source.get(source, ()))
            for key in keys:
                self._drop(key)
            self.counts["invalidated"] += len(keys)
            return len(keys)

    def clear(self) -> None:
        """Drops everything."""
        with self._lock:
            for key in list(self._entries):
                self._drop(key)

    def _alive(self, key: tuple[str, str]) -> _Entry | None:
        entry = self._entries.get(key)
        if entry is not None and self._clock() - entry.stored >= self._ttl_s:
            self._drop(key)
            self.counts["expired"] += 1
            return None
        return entry

    def _drop(self, key: tuple[str, str]) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        for source in entry.sources:
            keys = self._by_source[source]
            keys.discard(key)
            if not keys:
                del self._by_source[source]
        vectors = self._vectors.get(entry.scope)
        if vectors is not None:
            vectors.remove(key)
            if not len(vectors):
                del self._vectors[entry.scope]


def normalised(text: str) -> str:
    """The key of the exact tier: composed characters, single blanks. Case is kept: it may carry meaning."""
    return " ".join(unicodedata.normalize("NFC", text).split())
