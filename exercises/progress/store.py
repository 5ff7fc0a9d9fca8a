"""Attempts and interviews in one SQLite file of the user's data folder."""

from __future__ import annotations

from collections.abc import Sequence


def keep_attempt(exercise: str, share: float, slips: Sequence[str], hints: int, seconds: float, take: int) -> None:
    """Keep one attempt. Does nothing where WORKBOOK_PROGRESS is "off"; never fails an exercise for want of a disk."""
