"""Slips of question 6."""

from exercises.slips.kind import Slip

SLIPS: dict[str, Slip] = {}
