"""The Lua scripts of this package, and how to run one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import redis.asyncio


@cache
def _source(name: str) -> tuple[str, str]:
    text = files("reference.serving.jobs").joinpath(f"{name}.lua").read_text("utf-8")
    if name == "finish":  # counts what the job used in the same step
        from reference.serving.gateway.usage.records import lua

        text = lua("add") + text
    return text, hashlib.sha1(text.encode()).hexdigest()


async def run(client: redis.asyncio.Redis, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
    """Runs script `name`.lua by its SHA, loading it where Redis does not know it (after a restart)."""
    from redis.exceptions import NoScriptError

    source, sha = _source(name)
    try:
        return await client.evalsha(sha, len(keys), *keys, *args)
    except NoScriptError:
        return await client.eval(source, len(keys), *keys, *args)
