"""Slips of question 4."""

from exercises.slips.kind import Slip

SLIPS: dict[str, Slip] = {}
