"""Slips of question 3."""

from exercises.slips.kind import Slip

SLIPS: dict[str, Slip] = {}
