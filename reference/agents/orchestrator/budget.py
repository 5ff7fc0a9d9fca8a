"""Dollars of one review: the worst case is set aside before a call, and the total is never passed."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from reference.agents.types import ReviewError


class BudgetError(ReviewError):
    """What was asked for does not fit into what is left, or an account was settled wrongly."""


@dataclass(frozen=True, slots=True)
class Reservation:
    number: int
    agent: str
    worst: float


class Ledger:
    """spent + reserved <= total, at any moment, from any thread or task.

    Args:
        total: dollars for the whole review, 0 or more.
    """

    def __init__(self, total: float) -> None:
        if not 0 <= total < float("inf"):
            raise BudgetError(f"budget: dollars from 0 on, got {total!r}")
        self.total = total
        self._lock = threading.Lock()
        self._spent = 0.0
        self._open: dict[int, Reservation] = {}
        self._next = 0

    @property
    def spent(self) -> float:
        return self._spent

    @property
    def reserved(self) -> float:
        with self._lock:
            return sum(one.worst for one in self._open.values())

    def reserve(self, agent: str, worst: float) -> Reservation:
        """Set `worst` dollars aside.

        Raises:
            BudgetError: they are more than what is left; nothing is set aside.
        """
        if not 0 <= worst < float("inf"):
            raise BudgetError(f"worst: dollars from 0 on, got {worst!r}")
        with self._lock:
            left = self.total - self._spent - sum(one.worst for one in self._open.values())
            if worst > left + 1e-12:
                raise BudgetError(f"{agent} may cost ${worst:.4f}, ${max(0.0, left):.4f} of ${self.total:.2f} are left")
            made = Reservation(self._next, agent, worst)
            self._next += 1
            self._open[made.number] = made
            return made

    def settle(self, reservation: Reservation, actual: float) -> None:
        """Replace what was set aside by what was spent.

        Raises:
            BudgetError: settled twice, or more was spent than set aside; the latter is counted all the same.
        """
        known = 0 <= actual < float("inf")
        with self._lock:
            if self._open.pop(reservation.number, None) is None:
                raise BudgetError(f"reservation {reservation.number} of {reservation.agent} was settled before")
            self._spent += actual if known else reservation.worst
        if not known:
            raise BudgetError(f"{reservation.agent} spent {actual!r}: no amount; what was set aside is counted")
        if actual > reservation.worst + 1e-12:
            raise BudgetError(f"{reservation.agent} spent ${actual:.4f}, only ${reservation.worst:.4f} were set aside")
