"""Slips of question 7."""

from exercises.slips.kind import Slip

SLIPS: dict[str, Slip] = {}
