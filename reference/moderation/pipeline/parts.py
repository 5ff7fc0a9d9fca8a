"""Running the parts of a tier side by side under one deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any


class Parts:
    """Runs named calls, each in a thread of its own, and says which gave no answer in time or failed.

    A call that outlives its deadline goes on in its thread, whose result nobody reads. Until it ends, later calls of
    the same name count as failed at once: a part that hangs must not gather threads.
    """

    def __init__(self) -> None:
        self._busy: dict[str, threading.Thread] = {}

    def run(
        self, calls: Mapping[str, Callable[[], Any]], deadline: float | None
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Results by name, and reasons by name for those without one.

        Args:
            deadline: on `time.monotonic()`; None: no limit, everything runs in this thread.
        """
        results: dict[str, Any] = {}
        failed: dict[str, str] = {}
        if deadline is None:
            for name, call in calls.items():
                _into(name, call, results, failed)
            return results, failed
        started: dict[str, tuple[threading.Thread, dict[str, Any], dict[str, str]]] = {}
        for name, call in calls.items():
            running = self._busy.get(name)
            if running is not None and running.is_alive():
                failed[name] = "still busy with an earlier batch"
                continue
            mine: tuple[dict[str, Any], dict[str, str]] = ({}, {})
            thread = threading.Thread(target=_into, args=(name, call, *mine), daemon=True, name=f"moderation-{name}")
            self._busy[name] = thread
            thread.start()
            started[name] = (thread, *mine)
        for name, (thread, result, reason) in started.items():
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                failed[name] = "over the deadline"
            else:
                results.update(result)
                failed.update(reason)
        return results, failed


def _into(name: str, call: Callable[[], Any], results: dict[str, Any], failed: dict[str, str]) -> None:
    try:
        results[name] = call()
    except Exception as error:
        # Whatever a part dies of, its posts go to a person; the type is enough for the record.
        failed[name] = f"failed with {type(error).__name__}"
