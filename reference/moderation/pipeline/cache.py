"""Decisions about exactly the same content, remembered: a viral post is judged once."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from reference.moderation.types import Decision, Post


def content_key(post: Post, policy: str, versions: Mapping[str, str]) -> bytes:
    """Equal only for the same content under the same policy and parts. Lengths go in, so that fields cannot blur."""
    digest = hashlib.blake2b(digest_size=20)

    def add(value: bytes) -> None:
        digest.update(len(value).to_bytes(8, "little"))
        digest.update(value)

    add(post.text.encode("utf-8", errors="surrogatepass"))
    add(post.country.encode())
    add(policy.encode())
    for name in sorted(versions):
        add(f"{name}={versions[name]}".encode())
    add(str(len(post.links)).encode())
    for link in post.links:
        add(link.encode("utf-8", errors="surrogatepass"))
    add(str(len(post.images)).encode())
    for image in post.images:
        add(image.data)
    add(b"" if post.video is None else b"video" + post.video.data)
    return digest.digest()


class DecisionCache:
    """The last `size` decisions by content, least recently used out first. Thread-safe; 0 keeps none."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[bytes, Decision] = OrderedDict()
        self._lock = threading.Lock()
        self.hits = 0
        self.lookups = 0

    def get(self, key: bytes, post_id: str, now: datetime) -> Decision | None:
        """The decision as one about `post_id`, made now."""
        with self._lock:
            self.lookups += 1
            known = self._kept.get(key)
            if known is None:
                return None
            self._kept.move_to_end(key)
            self.hits += 1
        return replace(known, post_id=post_id, decided_at=now)

    def put(self, key: bytes, decision: Decision) -> None:
        """Keeps it, unless a part was missing: the next time it may be there."""
        if decision.missing or not self._size:
            return
        with self._lock:
            self._kept[key] = decision
            self._kept.move_to_end(key)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
