"""An interview's clock, file and state: what happens is on disk before it takes effect."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from exercises.interviews.model import Phase
from workbook.interview.log import Log
from workbook.interview.state import State, apply
from workbook.interview.timing import Stopwatch, lengths

# The clock is on disk at least so often: a crash costs no more of it.
BEAT_S = 15.0


class Record:
    """`log` None keeps nothing; clock gives seconds from any origin; state: of an interview that goes on."""

    def __init__(
        self,
        minutes: int,
        *,
        log: Log | None = None,
        clock: Callable[[], float] = time.monotonic,
        state: State | None = None,
    ) -> None:
        self.log = log
        self.minutes = state.minutes if state else minutes
        self.lengths = lengths(self.minutes)
        self.state = state or State()
        running = state is not None and not state.paused and not state.ended
        self.watch = Stopwatch(clock, self.state.at, running)
        self._last_kept = self.state.at

    @property
    def elapsed(self) -> float:
        return self.watch.elapsed if not self.state.ended else self.state.ended_at

    @property
    def total_s(self) -> float:
        return sum(self.lengths.values())

    @property
    def phase(self) -> Phase:
        assert self.state.phase is not None
        return self.state.phase

    @property
    def in_phase(self) -> float:
        """Seconds in this phase so far."""
        return self.elapsed - self.state.entered[self.phase]

    @property
    def is_over(self) -> bool:
        """All minutes are used; what is being written may still be finished."""
        return self.elapsed >= self.total_s

    def beat(self) -> None:
        """Keep the clock, if it was not kept lately."""
        if self.watch.running and self.watch.elapsed - self._last_kept >= BEAT_S:
            self.keep("beat")

    def close(self) -> None:
        """Lets go of the file; the clock is kept."""
        if self.log is not None:
            if not self.state.ended:
                self.keep("beat")
            self.log.close()
        self.watch.stop()

    def keep(self, kind: str, **fields: Any) -> None:
        """The one way in which anything happens: into the file with the time on the clock, then into the state."""
        elapsed = round(self.watch.elapsed, 3)
        event = {
            "kind": kind,
            "at": elapsed,
            "time": datetime.now().astimezone().isoformat(timespec="seconds"),
            **fields,
        }
        if self.log is not None:
            self.log.append(event)
        self._last_kept = elapsed
        apply(self.state, event)
