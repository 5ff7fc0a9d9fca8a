"""The gateway's one door to Redis: it notices when Redis is gone and lets requests pass it by without waiting."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

from redis.exceptions import NoScriptError, RedisError, ResponseError

from reference.serving.gateway.logs import log_event

if TYPE_CHECKING:
    import redis.asyncio

T = TypeVar("T")


class RedisGone(Exception):
    """Redis does not answer. Callers go on without it, or refuse what needs it."""


@dataclass(frozen=True)
class Script:
    """A Lua script and the SHA-1 that Redis knows it by."""

    source: str
    sha: str


def load_script(name: str) -> Script:
    """The script in file `name` of this package."""
    source = files("reference.serving.gateway").joinpath(name).read_text("utf-8")
    return Script(source, hashlib.sha1(source.encode()).hexdigest())


class RedisGate:
    """Calls Redis; after a failure it refuses calls at once for `retry_s`: an outage costs one time-out, not one each.

    Args:
        client: asyncio client with a short socket time-out.
        retry_s: pause after a failure before the next try.
    """

    def __init__(self, client: redis.asyncio.Redis, retry_s: float) -> None:
        self._client = client
        self._retry_s = retry_s
        self._down_until = 0.0
        self._up = True

    @property
    def up(self) -> bool:
        """True if the last call succeeded (or none was made)."""
        return self._up

    async def call(self, operation: Callable[[redis.asyncio.Redis], Awaitable[T]]) -> T:
        """Runs `operation(client)`. Raises `RedisGone` if Redis is, or has just been, out of reach."""
        if time.monotonic() < self._down_until:
            raise RedisGone
        try:
            result = await operation(self._client)
        except ResponseError as error:  # it answers, but not this: out of memory, read-only replica, wrong type
            log_event("redis_refused", logging.ERROR, error_class=type(error).__name__)
            raise RedisGone from error
        except (RedisError, OSError, TimeoutError) as error:
            self._fell(error)
            raise RedisGone from error
        if not self._up:
            self._up = True
            log_event("redis_back")
        return result

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Runs a Lua script by its SHA, loading it where Redis does not know it (after a restart)."""

        async def run(client: redis.asyncio.Redis) -> Any:
            try:
                return await client.evalsha(script.sha, len(keys), *keys, *args)
            except NoScriptError:
                return await client.eval(script.source, len(keys), *keys, *args)

        return await self.call(run)

    async def script_and_get(
        self, script: Script, keys: Sequence[str], args: Sequence[Any], key: str
    ) -> tuple[Any, Any]:
        """A script and a GET in one round trip: the whole Redis cost of a cache hit."""

        async def run(client: redis.asyncio.Redis) -> tuple[Any, Any]:
            pipeline = client.pipeline(transaction=False)
            pipeline.evalsha(script.sha, len(keys), *keys, *args)
            pipeline.get(key)
            first, second = await pipeline.execute(raise_on_error=False)
            if isinstance(first, NoScriptError):
                first = await client.eval(script.source, len(keys), *keys, *args)
            for reply in (first, second):
                if isinstance(reply, Exception):
                    raise reply
            return first, second

        return await self.call(run)

    async def probe(self) -> bool:
        """PING, also within the pause; True if Redis answers. The monitor calls it, so recovery needs no traffic."""
        try:
            await self._client.ping()
        except (RedisError, OSError, TimeoutError) as error:
            self._fell(error)
            return False
        self._down_until = 0.0
        if not self._up:
            self._up = True
            log_event("redis_back")
        return True

    def _fell(self, error: BaseException) -> None:
        self._down_until = time.monotonic() + self._retry_s
        if self._up:
            self._up = False
            log_event("redis_gone", logging.ERROR, error_class=type(error).__name__)

    async def close(self) -> None:
        """Closes the connections."""
        async with asyncio.timeout(2):
            await self._client.aclose()
