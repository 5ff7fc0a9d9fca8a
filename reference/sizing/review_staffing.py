"""People who review: how many on duty (Erlang C), what is never seen with too few (Erlang A), how many on the payroll.

Plain floats in SI units: cases per second, seconds, hours per week. A case is one post that a person has to judge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .queueing import erlang_c

HOURS_PER_WEEK = 168


@dataclass(frozen=True)
class Shifts:
    """How much of a reviewer's week is review.

    contract_hours: paid hours a week. present: share of these not lost to leave, illness and training. reviewing: share
    of the hours present that is spent on cases and not on breaks, meetings and rest. exposure_hours: most hours a day
    that one person may look at harmful content; the rest of the day goes to harmless cases. shift_hours: of one shift.
    """

    contract_hours: float = 40.0
    present: float = 0.85
    reviewing: float = 0.8
    shift_hours: float = 8.0
    exposure_hours: float = 4.0

    def __post_init__(self) -> None:
        for name in ("contract_hours", "shift_hours", "exposure_hours"):
            if not 0 < getattr(self, name) <= HOURS_PER_WEEK:
                raise ValueError(f"{name} must be positive hours, got {getattr(self, name)!r}")
        for name in ("present", "reviewing"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie above 0 and at most 1, got {getattr(self, name)!r}")

    @property
    def review_share(self) -> float:
        """Share of a shift that one person can spend on harmful cases: time at the desk, or the limit if it is less."""
        return min(self.reviewing, self.exposure_hours / self.shift_hours)

    @property
    def people_per_seat(self) -> float:
        """People on the payroll for one seat that is filled all the time with somebody who reviews harmful content."""
        return HOURS_PER_WEEK / (self.contract_hours * self.present * self.review_share)


@dataclass(frozen=True)
class Staffing:
    """Reviewers for a flow of cases. seats: judging at any moment; on_shift: present at any moment (breaks and rest
    taken in turns); payroll: employed for day and night, weekends and leave. mean_wait: seconds in line."""

    rate: float
    seconds_per_case: float
    seats: int
    on_shift: int
    payroll: int
    occupancy: float
    mean_wait: float


def seats_for(rate: float, seconds_per_case: float, ceiling: float = 0.85, wait_s: float | None = None) -> int:
    """Fewest seats at an occupancy of at most `ceiling`, and with a mean wait of at most `wait_s` if one is given.

    Cases come at random (Poisson) and take exponential times, M/M/c. Raises ValueError for senseless input.
    """
    if rate < 0 or not seconds_per_case > 0:
        raise ValueError(f"rate must not be negative and seconds_per_case positive, got {rate!r}, {seconds_per_case!r}")
    if not 0 < ceiling < 1:
        raise ValueError(f"ceiling must lie between 0 and 1, got {ceiling!r}")
    if wait_s is not None and wait_s <= 0:
        raise ValueError(f"wait_s must be positive, got {wait_s!r}")
    load = rate * seconds_per_case
    seats = max(1, math.ceil(load / ceiling - 1e-9))
    while wait_s is not None and _wait(load, seats, seconds_per_case) > wait_s:
        seats += 1
    return seats


def _wait(load: float, seats: int, seconds: float) -> float:
    return erlang_c(load, seats) * seconds / (seats - load)


def staffing(
    rate: float, seconds_per_case: float, shifts: Shifts | None = None, ceiling: float = 0.85,
    wait_s: float | None = None,
) -> Staffing:  # fmt: skip
    """Seats, people on shift and on the payroll for `rate` cases/s, the same day and night."""
    shifts = shifts or Shifts()
    seats = seats_for(rate, seconds_per_case, ceiling, wait_s)
    load = rate * seconds_per_case
    return Staffing(
        rate, seconds_per_case, seats,
        math.ceil(seats / shifts.review_share - 1e-9),
        math.ceil(seats * shifts.people_per_seat - 1e-9),
        load / seats, _wait(load, seats, seconds_per_case),
    )  # fmt: skip


def split_by_language(shares: Sequence[float], rate: float, seconds_per_case: float, ceiling: float = 0.85,
                      wait_s: float | None = None, least: int = 1) -> list[int]:  # fmt: skip
    """Seats of each language when nobody judges another's: small queues need relatively more room than one large one.

    shares: of the cases, one per language, adding up to 1. least: seats that even the smallest language has.
    """
    if not shares or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise ValueError("shares must not be negative and must add up to 1")
    return [max(least, seats_for(rate * share, seconds_per_case, ceiling, wait_s)) for share in shares]


def zipf_shares(n: int, exponent: float = 1.0) -> list[float]:
    """Shares of `n` languages that fall as rank^-exponent; an assumption about a platform, not a census."""
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n!r}")
    weights = [rank**-exponent for rank in range(1, n + 1)]
    return [weight / sum(weights) for weight in weights]


@dataclass(frozen=True)
class Impatient:
    """Steady state of M/M/c+M. unseen: share of the cases that nobody judged in time. mean_wait: s, of all cases."""

    wait_probability: float
    unseen: float
    mean_wait: float
    occupancy: float


def erlang_a(rate: float, seconds_per_case: float, seats: int, patience_s: float) -> Impatient:
    """Erlang A (Palm): as Erlang C, but a case leaves unseen after an exponential patience of mean `patience_s`.

    It has a steady state at any load, so it says what too few reviewers leave unseen. Birth-death chain: up at `rate`,
    down at min(n, c) / service + max(0, n - c) / patience. Raises ValueError for senseless input.
    """
    if rate <= 0 or seconds_per_case <= 0 or patience_s <= 0:
        raise ValueError("rate, seconds_per_case and patience_s must be positive")
    if isinstance(seats, bool) or not isinstance(seats, int) or seats < 1:
        raise ValueError(f"seats must be a whole number of at least 1, got {seats!r}")
    # Beyond the point where arrivals and departures balance the terms fall like those of a Poisson distribution.
    balance = max(0.0, rate - seats / seconds_per_case) * patience_s
    spread = math.sqrt(rate * patience_s) + math.sqrt(rate * seconds_per_case)
    longest = int(balance + 12 * spread) + 200
    if seats + longest > 50_000_000:
        raise ValueError("the line would hold more than 50 million cases: use a shorter patience")
    n = np.arange(1, seats + longest + 1, dtype=float)
    down = np.minimum(n, seats) / seconds_per_case + np.maximum(n - seats, 0) / patience_s
    logs = np.concatenate([[0.0], np.cumsum(math.log(rate) - np.log(down))])
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    states = np.arange(weights.size)
    line = float((weights * np.maximum(states - seats, 0)).sum())
    unseen = line / patience_s / rate
    return Impatient(
        float(weights[states >= seats].sum()), unseen, line / rate, rate * (1 - unseen) * seconds_per_case / seats
    )
