"""Blue-green: two slots, one of them live; the switch is one assignment, and the old slot drains before it is
emptied.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from reference.serving.rollout.types import RolloutError

BLUE, GREEN = "blue", "green"


class BlueGreen:
    """Slots of one model. Requests hold their slot until they end; `deploy` replaces the idle slot only once it is
    empty.
    """

    def __init__(self, blue: str) -> None:
        self._versions: dict[str, str | None] = {BLUE: blue, GREEN: None}
        self._in_flight = {BLUE: 0, GREEN: 0}
        self._live = BLUE
        self._changed = threading.Condition()

    @property
    def live(self) -> str:
        return self._live

    @property
    def idle(self) -> str:
        return GREEN if self._live == BLUE else BLUE

    def version(self, slot: str) -> str | None:
        return self._versions[slot]

    def in_flight(self, slot: str) -> int:
        return self._in_flight[slot]

    @contextmanager
    def request(self) -> Iterator[str]:
        """The live version for the length of one request."""
        with self._changed:
            slot = self._live
            self._in_flight[slot] += 1
            version = self._versions[slot]
        assert version is not None
        try:
            yield version
        finally:
            with self._changed:
                self._in_flight[slot] -= 1
                self._changed.notify_all()

    def deploy(self, version: str, timeout_s: float = 30.0) -> str:
        """Put a version into the idle slot once its last request has ended. Raises RolloutError after `timeout_s`."""
        with self._changed:
            slot = self.idle
            if not self._changed.wait_for(lambda: self._in_flight[slot] == 0, timeout_s):
                raise RolloutError(f"{slot}: {self._in_flight[slot]} requests still run after {timeout_s:g} s")
            self._versions[slot] = version
            return slot

    def switch(self) -> str:
        """New requests go to the other slot from here on; running ones end where they are. Also the way back.

        Raises RolloutError if the other slot is empty.
        """
        with self._changed:
            if self._versions[self.idle] is None:
                raise RolloutError(f"{self.idle}: empty; deploy a version there first")
            self._live = self.idle
            return self._live
