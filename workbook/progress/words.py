"""What a summary says, in words and cells: the same in a terminal and a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exercises.progress import Row, Summary

COLUMNS = ["question", "tried", "right at first try", "best", "due", "interview"]


def rows(found: Summary) -> list[list[str]]:
    """One row of cells per question, as COLUMNS has them."""
    return [_row(one) for one in found.rows]


def _row(one: Row) -> list[str]:
    return [
        one.question,
        f"{one.tried} of {one.exercises}",
        f"{one.right_first} of {one.marked}" if one.marked else "",
        "" if one.best is None else f"{one.best:.0%}",
        str(one.due) if one.due else "",
        "" if one.interview is None else f"{one.interview:.0%}",
    ]


def slips(found: Summary) -> list[str]:
    """The most frequent own slips, one a line."""
    return [f"{times} time{'' if times == 1 else 's'}: {say}" for _, say, times in found.slips]


def next_steps(found: Summary) -> list[str]:
    """What to do next and why, one a line."""
    return [f"{name}: {reason}" for name, reason in found.next]


def described(found: Summary) -> str:
    """What the figure shows, for those who do not see it."""
    tried = sum(one.tried for one in found.rows)
    return (
        f"Share of points over time: {len(found.attempts)} attempts at {tried} exercises; "
        f"totals of {len(found.interviews)} mock interviews."
    )
