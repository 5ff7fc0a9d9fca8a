"""A bounded memory of violation patterns: the folded shape of a text, per category, policy and model version.

Only violations are kept. An approval from memory would be a gift: whoever finds one approved shape could fill it anew.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from reference.moderation.types import Post

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_PATH = re.compile(r"((?:https?://)?[\w-]+(?:\.[\w-]+)+)/\S*")


def shape(post: Post) -> str:
    """The folded text and links, with numbers as 0 and the paths of addresses left out; hosts stay."""
    from reference.moderation.text.views import folded_view

    whole = "\n".join([post.text, *post.links])
    # Paths and numbers go before folding, which reads digits as letters in disguise.
    return folded_view(_NUMBER.sub("0", _PATH.sub(r"\1/", whole)))


class PatternCache:
    """Shapes that were violations, least recently used out first. Safe for threads.

    Args:
        most: entries; each takes about 150 bytes.
        ttl_s: an entry is asked anew after so long.
    """

    def __init__(self, most: int = 50_000, ttl_s: float = 86_400, clock: Callable[[], float] = time.monotonic) -> None:
        if most < 0 or ttl_s <= 0:
            raise ValueError(f"most must be 0 or more and ttl_s positive, got {most} and {ttl_s}")
        self.most, self.ttl_s, self._clock = most, ttl_s, clock
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()
        self.hits = self.misses = 0

    def __len__(self) -> int:
        return len(self._until)

    @staticmethod
    def _key(post: Post, category: str, version: str) -> bytes:
        parts = "\x00".join((category, version, shape(post))).encode("utf-8", "replace")
        return hashlib.blake2b(parts, digest_size=16).digest()

    def violates(self, post: Post, category: str, version: str) -> bool:
        key = self._key(post, category, version)
        with self._lock:
            until = self._until.get(key)
            if until is not None and until <= self._clock():
                del self._until[key]
                until = None
            if until is None:
                self.misses += 1
                return False
            self._until.move_to_end(key)
            self.hits += 1
            return True

    def remember(self, post: Post, category: str, version: str) -> None:
        key = self._key(post, category, version)
        with self._lock:
            self._until[key] = self._clock() + self.ttl_s
            self._until.move_to_end(key)
            while len(self._until) > self.most:
                self._until.popitem(last=False)
