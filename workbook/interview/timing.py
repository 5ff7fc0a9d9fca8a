"""How long each phase may take, and a clock that can stand still."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from exercises.interviews.model import MINUTES, Phase
from workbook.errors import UsageError

CHOICES = (30, 45)
PHASES = tuple(Phase)
# After the time is over, so long may a panel's last sentence be finished.
GRACE_S = 30.0


def lengths(minutes: int) -> dict[Phase, float]:
    """Seconds of each phase. Raises UsageError for a length that no interview has."""
    if minutes not in CHOICES:
        raise UsageError(f"--minutes {minutes}: an interview takes 30 or 45 minutes", "give --minutes 30 or 45")
    stretch = minutes / sum(MINUTES.values())
    return {phase: 60.0 * MINUTES[phase] * stretch for phase in PHASES}


def clock_text(seconds: float) -> str:
    """`12:05`; what is below zero is shown as zero."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


class Stopwatch:
    """Seconds that ran, without those in which it stood. `clock` gives seconds from any origin."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, elapsed: float = 0.0, running: bool = False
    ) -> None:
        self._clock, self._base = clock, elapsed
        self._since: float | None = clock() if running else None

    @property
    def running(self) -> bool:
        return self._since is not None

    @property
    def elapsed(self) -> float:
        return self._base + (self._clock() - self._since if self._since is not None else 0.0)

    def stop(self) -> None:
        self._base, self._since = self.elapsed, None

    def go(self) -> None:
        if self._since is None:
            self._since = self._clock()

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Stands inside the block: what the machine computes is not the candidate's time."""
        was = self.running
        self.stop()
        try:
            yield
        finally:
            if was:
                self.go()
