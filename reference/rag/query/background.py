"""One call on a thread of its own, for which a caller waits only so long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """Runs `work` on a daemon thread. A thread whose result nobody waits for any more ends by itself.

    Attributes:
        seconds: how long `work` took; valid once `wait` has returned True.
        error: what it raised, or None.
    """

    def __init__(self, work: Callable[[], T], name: str) -> None:
        self.seconds = 0.0
        self.error: Exception | None = None
        self._value: T | None = None
        self._work = work
        self._done = threading.Event()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        began = time.perf_counter()
        try:
            self._value = self._work()
        except Exception as error:
            self.error = error
        self.seconds = time.perf_counter() - began
        self._done.set()

    def wait(self, seconds: float) -> bool:
        """True once the work has ended; False if it has not within `seconds` (0 or less: looks only)."""
        return self._done.wait(max(0.0, seconds))

    def value(self) -> T:
        """The result. Raises what the work raised."""
        if self.error is not None:
            raise self.error
        return self._value  # type: ignore[return-value]
