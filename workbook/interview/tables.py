"""Figures before and after a follow-up, and which of them moved most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from exercises.interviews.model import Figure


@dataclass(frozen=True)
class Row:
    """One figure; before is None where the design did not have it, after where it has it no more."""

    name: str
    unit: str
    before: float | None
    after: float | None
    badge: str
    note: str

    @property
    def moved(self) -> float:
        """How far, as |log(after / before)|; infinite from or to nothing and across zero."""
        if self.before is None or self.after is None:
            return math.inf
        if self.before == self.after:
            return 0.0
        if self.before * self.after <= 0:
            return math.inf
        return abs(math.log(self.after / self.before))

    @property
    def change(self) -> str:
        """`×10`, `÷2`, `+12 %`, `same`; both values where no ratio says it."""
        if self.before is None or self.after is None:
            return "new" if self.before is None else "gone"
        if self.before == self.after:
            return "same"
        if self.before * self.after <= 0:
            return f"{self.after - self.before:+,.3g}"
        return ratio_text(self.after / self.before)


def ratio_text(ratio: float) -> str:
    """A change as people say it: times from a doubling, divided by from a halving, else per cent."""
    if ratio >= 1.995:
        return f"×{number_text(ratio)}"
    if ratio <= 0.505:
        return f"÷{number_text(1 / ratio)}"
    percent = 100 * (ratio - 1)
    return f"{percent:+.0f} %" if abs(percent) >= 1 else f"{percent:+.2g} %"


def number_text(value: float) -> str:
    """Three figures that count, thousands separated; whole numbers below 10^15 whole."""
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= 1e15 or 0 < abs(value) < 1e-4:
        return f"{value:.3g}"
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.4g}"


def with_unit(value: float | None, unit: str) -> str:
    """A value and its unit; a dash where there is none."""
    if value is None:
        return "-"
    return f"{number_text(value)} {unit}".strip()


def compare(before: Sequence[Figure], after: Sequence[Figure]) -> tuple[Row, ...]:
    """One row per figure, in the order of the later design; what it lost comes last."""
    old = {figure.name: figure for figure in before}
    rows = []
    for figure in after:
        was = old.pop(figure.name, None)
        rows.append(Row(figure.name, figure.unit, was.value if was else None, figure.value, figure.badge, figure.note))
    return (*rows, *(Row(one.name, one.unit, one.value, None, one.badge, one.note) for one in old.values()))


def moved_most(rows: Sequence[Row]) -> Row | None:
    """None if nothing moved; the first of several that moved alike."""
    best = max(rows, key=lambda row: row.moved, default=None)
    return best if best is not None and best.moved > 0 else None


def moved(rows: Sequence[Row]) -> list[Row]:
    """Without the figures that stayed as they were."""
    return [row for row in rows if row.moved]


def same_text(rows: Sequence[Row]) -> str:
    """The names of the figures that stayed; "" if all moved."""
    same = [row.name for row in rows if not row.moved]
    return f"Unchanged: {'; '.join(same)}." if same else ""


def moved_text(rows: Sequence[Row]) -> str:
    """One sentence: which figure moved most, from what to what."""
    best = moved_most(rows)
    if best is None:
        return "No figure moved."
    return (
        f"{best.name} moved most: {with_unit(best.before, best.unit)} → {with_unit(best.after, best.unit)} "
        f"({best.change})."
    )
