"""The event loop of one replica, compiled: arrivals by the clock, or a fixed number of requests in flight."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .core import new_try
from .core_state import NONE, SOURCES, Engine, State, cached
from .core_steps import arrive, end_step


def _made(sources: str) -> Callable[[Engine, State, Any, int], bool]:
    @cached
    def one_replica(engine: Engine, state: State, sent: Any, events: int) -> bool:
        """Go on for `events` events. sent: (next request, requests released). True: nothing is left to do.

        Returns False as well where a record of a try is missing: enlarge and call again.
        """
        _ = sources  # part of the key of the cache on disk
        rep = state.replica[0]
        n = state.request.size
        closed = sent[1] < n
        for _event in range(events):
            due = state.request[sent[0]].arrived if sent[0] < sent[1] else math.inf
            # At the same instant the step ends first: who comes then has missed the step that starts.
            if rep.ends <= due:
                if math.isinf(rep.ends):
                    return True
                now = rep.ends
                for _whole in range(end_step(engine, state, 0, now)):
                    if closed and sent[1] < n:
                        state.request[sent[1]].arrived = now
                        sent[1] += 1
            else:
                if state.free[0] == NONE and state.free[1] == state.tries.size:
                    return False
                state.request[sent[0]].attempts = 1
                arrive(engine, state, 0, new_try(state, sent[0], 1, 0, due), due)
                sent[0] += 1
        return False

    loop: Callable[[Engine, State, Any, int], bool] = one_replica
    return loop


one_replica = _made(SOURCES)
