"""What is known about one mistake."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Slip:
    """say: what the reader is told; it never holds the right answer. credit: the share of the points for a right method
    with this slip in it: a unit slip keeps half, a wrong idea nothing.
    factors: the answer is off by one of these, or by their inverse; empty for slips that exercises list themselves.
    """

    say: str
    credit: float = 0.0
    factors: tuple[float, ...] = ()
