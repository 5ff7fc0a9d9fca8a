"""Slips of question 5."""

from exercises.slips.kind import Slip

SLIPS: dict[str, Slip] = {}
