"""Tables of the interview on a terminal of any width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from exercises.interviews.model import Figure
from workbook.interview.session import Session
from workbook.interview.tables import Row, moved, moved_text, same_text, with_unit
from workbook.interview.timing import clock_text

if TYPE_CHECKING:
    from rich.console import Console

NARROW = 72


def figures(console: Console, found: Sequence[Figure]) -> None:
    """The design as it stands."""
    if console.width < NARROW:
        for one in found:
            _line(console, f"  {one.name}: {with_unit(one.value, one.unit)} [{one.badge}]")
        return
    table = _table("figure", ">value", "", "why")
    for one in found:
        table.add_row(one.name, with_unit(one.value, one.unit), one.badge, one.note)
    console.print(table)


def before_after(console: Console, rows: Sequence[Row]) -> None:
    """What a follow-up moved, which figure most, and what stayed."""
    if not rows:
        return
    if console.width < NARROW:
        for row in moved(rows):
            values = f"{with_unit(row.before, '')} → {with_unit(row.after, row.unit)}"
            _line(console, f"  {row.name}: {values} ({row.change})")
    else:
        table = _table("figure", ">before", ">after", ">change", "", "why")
        for row in moved(rows):
            before, after = with_unit(row.before, row.unit), with_unit(row.after, row.unit)
            table.add_row(row.name, before, after, row.change, row.badge, row.note)
        console.print(table)
    _line(console, moved_text(rows))
    if same_text(rows):
        _line(console, same_text(rows))


def times(console: Console, session: Session) -> None:
    """What each phase took, and what it was given."""
    for phase, used in session.state.spent(session.elapsed).items():
        given = session.lengths[phase]
        late = f", {clock_text(used - given)} over" if used - given >= 1 else ""
        _line(console, f"  {clock_text(used):>6} of {clock_text(given):>5}  {phase}{late}")


def _table(*heads: str):  # type: ignore[no-untyped-def]
    """A head that begins with > is right-aligned."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        table.add_column(head.lstrip(">"), justify="right" if head.startswith(">") else "left")
    return table


def _line(console: Console, text: str) -> None:
    # Wrapped at words by rich, and never read as markup.
    console.print(text, markup=False, highlight=False)
