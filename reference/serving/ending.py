"""Ends background tasks for sure."""

from __future__ import annotations

import asyncio
from typing import Any

_AGAIN_S = 0.25


async def end_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancels tasks until they have ended; what they raise is dropped.

    Once is not enough: a Redis client that is cancelled while it gives up a call may raise its own time-out instead,
    and a loop that outlives outages takes that for one and goes on.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)
