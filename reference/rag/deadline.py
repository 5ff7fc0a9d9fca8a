"""A time budget for one query, and what to leave out when it does not suffice.

The cost of a stage is estimated from its past calls as TCP estimates round trips (RFC 6298: smoothed mean plus four
smoothed deviations), per batch size. A stage that is skipped gets cheaper in the estimate each time, so that one stall
does not banish it for ever.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from .types import RagError

_GAIN, _DEVIATION_GAIN, _DEVIATIONS = 1 / 8, 1 / 4, 4.0  # RFC 6298, section 2
_FORGET = 0.9  # per skip


class Budget:
    """Seconds left for a query. `None` means no limit.

    Raises:
        RagError: the budget is not a number above 0.
    """

    def __init__(self, seconds: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        if seconds is not None and not (seconds > 0 and math.isfinite(seconds)):
            raise RagError(f"budget_s: must be a finite number of seconds above 0, got {seconds}")
        self._clock = clock
        self._ends = math.inf if seconds is None else clock() + seconds
        self.seconds = seconds

    def remaining(self) -> float:
        """Seconds left; infinite without a limit, negative once it is over."""
        return self._ends - self._clock()


class StageCosts:
    """Estimated seconds per stage and batch size.

    Args:
        first: seconds per stage assumed until a stage has run once, for a batch of one.
    """

    def __init__(self, first: Mapping[str, float]) -> None:
        self._first = dict(first)
        self._seen: dict[tuple[str, int], tuple[float, float]] = {}
        self._lock = threading.Lock()

    def observe(self, stage: str, seconds: float, batch: int = 1) -> None:
        """Takes in one call of `stage` that served `batch` queries."""
        key = (stage, _bucket(batch))
        with self._lock:
            known = self._seen.get(key)
            if known is None:
                self._seen[key] = (seconds, seconds / 2)
                return
            mean, deviation = known
            deviation += _DEVIATION_GAIN * (abs(seconds - mean) - deviation)
            self._seen[key] = (mean + _GAIN * (seconds - mean), deviation)

    def estimate(self, stage: str, batch: int = 1) -> float:
        """Seconds that a call of `stage` for `batch` queries should not exceed.

        Unknown batch sizes are scaled from the nearest known one, as if cost grew in proportion.
        """
        bucket = _bucket(batch)
        with self._lock:
            known = [size for name, size in self._seen if name == stage]
            if not known:
                return self._first.get(stage, 0.0) * batch
            nearest = min(known, key=lambda size: (abs(size - bucket), -size))
            mean, deviation = self._seen[stage, nearest]
        scale = 2.0 ** max(0, bucket - nearest)  # a smaller batch is assumed to cost as much as the known larger one
        return (mean + _DEVIATIONS * deviation) * scale

    def skipped(self, stage: str, batch: int = 1) -> None:
        """A stage was left out: its estimate falls a little, so that it is tried again."""
        with self._lock:
            for key, (mean, deviation) in self._seen.items():
                if key[0] == stage:
                    self._seen[key] = (mean * _FORGET, deviation * _FORGET)


def _bucket(batch: int) -> int:
    return max(1, batch).bit_length()


def affordable(
    remaining: float, costs: Mapping[str, float], drop_order: Sequence[Sequence[str]]
) -> tuple[set[str], list[str]]:
    """Which of the stages in `costs` (seconds each) fit into `remaining` seconds.

    Args:
        drop_order: groups of stages that go together, the first to be dropped first. A stage in no group always stays.

    Returns:
        (stages kept, first names of the dropped groups in order of dropping).
    """
    kept, dropped = set(costs), []
    for group in drop_order:
        if math.fsum(costs[stage] for stage in kept) <= remaining:
            break
        present = [stage for stage in group if stage in kept]
        if present:
            kept -= set(present)
            dropped.append(present[0])
    return kept, dropped
