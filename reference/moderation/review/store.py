"""The review queue's scripts on Redis: loading, calling, and one error for every way Redis can fail."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from .records import verdict_from
from .types import ReviewError, ReviewUnavailable, Verdict

_SCRIPTS = ("put", "claim", "submit", "undo", "release", "settle")


@lru_cache(maxsize=1)
def _sources() -> dict[str, str]:
    folder = files(__package__) / "lua"
    common = (folder / "common.lua").read_text(encoding="utf-8")
    return {name: common + (folder / f"{name}.lua").read_text(encoding="utf-8") for name in _SCRIPTS}


@contextlib.contextmanager
def redis_errors(what: str) -> Iterator[None]:
    """Turns redis-py's errors into `ReviewUnavailable`; `what` says what did not happen."""
    import redis

    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        mend = "check REDIS_URL and that the server is up, then try again; what was queued before is kept there"
        raise ReviewUnavailable(f"{what}: Redis does not answer ({error}); {mend}") from error
    except redis.RedisError as error:
        raise ReviewUnavailable(f"{what}: Redis refused ({error}); see its log") from error


def internal_id(post_id: str) -> str:
    """A post's id as part of a key: nothing in it can be taken for the queue's own separators.

    Raises:
        ReviewError: it is empty or over 512 characters.
    """
    if not post_id or len(post_id) > 512:
        raise ReviewError(f"post.id must have 1 to 512 characters, got {len(post_id)}")
    return quote(post_id, safe="", errors="surrogatepass")


class Store:
    """Calls the scripts under one prefix. Each call is one atomic step on the server."""

    def __init__(self, client: Any, prefix: str) -> None:
        self.client, self.prefix = client, prefix
        self._scripts = {name: client.register_script(source) for name, source in _sources().items()}

    def call(self, script: str, what: str, now: float, *args: Any) -> Any:
        with redis_errors(what):
            return self._scripts[script](args=[self.prefix, repr(now), *args])

    def verdicts(self, post_id: str) -> tuple[Verdict, ...]:
        """Counted verdicts about a post, in the order in which they counted."""
        inner = internal_id(post_id)
        with redis_errors("verdicts were not read"):
            order = self.client.lrange(f"{self.prefix}order:{inner}", 0, -1)
            texts = self.client.hmget(f"{self.prefix}verdicts:{inner}", order) if order else []
        return tuple(verdict_from(text) for text in texts if text is not None)
