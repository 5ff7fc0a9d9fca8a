"""How the exercises did: difficulty, discrimination, slips. Formulas of classical test theory, with their sources."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from exercises.catalogue import exercise
from exercises.model import Mark, Verdict
from exercises.slips import SLIPS
from workbook.grading.results import Graded
from workbook.grading.types import Assignment

FEWEST = 10  # students below which a correlation says nothing worth printing


@dataclass(frozen=True)
class Discrimination:
    """r: correlation of the item with the rest of the total, with its 95 % interval; None with the reason in `why`.
    n: students in it."""

    r: float | None
    low: float | None
    high: float | None
    n: int
    why: str = ""


@dataclass(frozen=True)
class Item:
    """An exercise, or one ask or group of cases of it (part is then its name).

    n: students whose mark of it is known; those who handed nothing in and those who wait for a person are left out.
    difficulty: mean share earned, 0 to 1, None for n = 0. open: share that did not attempt it.
    slips: (what the reader was told, how many students), most common first.
    """

    exercise: str
    part: str
    points: float
    n: int
    difficulty: float | None
    open: float | None
    discrimination: Discrimination
    slips: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Analysis:
    """students: graded and handed in. totals: their points, ascending. left_out: exercises that no rest counts."""

    students: int
    of: float
    totals: tuple[float, ...]
    items: tuple[Item, ...]
    left_out: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        items = []
        for one in self.items:
            row = asdict(one)
            row["slips"] = [{"slip": slip, "students": times} for slip, times in one.slips]
            items.append(row)
        return {
            "students": self.students,
            "of": self.of,
            "totals": [round(one, 4) for one in self.totals],
            "items": items,
            "left_out": list(self.left_out),
        }


def analyse(assignment: Assignment, results: Sequence[Graded]) -> Analysis:
    """Items in the order of the assignment, each exercise followed by its parts if it has several."""
    took = [one for one in results if one.submitted and not one.failure]
    marks = [{mark.exercise: mark for mark in one.marked.marks} for one in took]
    # An exercise that still waits for a person somewhere would make the rest of the total mean two things.
    waits = tuple(n for n in assignment.exercises if any(n in row and row[n].waits_for_person for row in marks))
    counted = [name for name in assignment.exercises if name not in waits]
    items = []
    for name in assignment.exercises:
        items.append(_item(name, "", marks, counted))
        parts = _parts(marks, name)
        if len(parts) > 1:
            items += [_item(name, part, marks, counted) for part in parts]
    totals = tuple(sorted(sum(row[name].earned for name in counted if name in row) for row in marks))
    return Analysis(len(took), sum(exercise(name).points for name in counted), totals, tuple(items), waits)


def discrimination(item: Sequence[float], rest: Sequence[float]) -> Discrimination:
    """Corrected item-total correlation: Pearson's r between an item and the total without it, for an item correlates
    with a total that it is part of (S. Henrysson, "Correction of item-total correlations in item analysis",
    Psychometrika 28, 1963, 211-218). The interval is Fisher's: r through artanh, whose standard error is 1/sqrt(n - 3)
    (R. A. Fisher, "On the 'probable error' of a coefficient of correlation", Metron 1, 1921); for few steps of points
    it is an approximation.
    """
    n = len(item)
    if n < FEWEST:
        return Discrimination(None, None, None, n, f"too few students: {n} of at least {FEWEST}")
    if _constant(item):
        return Discrimination(None, None, None, n, "everybody earned the same")
    if _constant(rest):
        return Discrimination(None, None, None, n, "the rest of the total is the same for everybody")
    from scipy.stats import pearsonr

    found = pearsonr(item, rest)
    interval = found.confidence_interval(0.95)
    low, high = (float(one) if math.isfinite(one) else float(found.statistic) for one in interval)
    return Discrimination(float(found.statistic), low, high, n)


def _constant(values: Sequence[float]) -> bool:
    return max(values) - min(values) < 1e-9


def difficulty(shares: Sequence[float]) -> float | None:
    """Mean share of the points earned, 0 to 1; the higher, the easier: the p value of an item, for items with partial
    credit (L. Crocker and J. Algina, "Introduction to Classical and Modern Test Theory", 1986, chapter 14)."""
    return sum(shares) / len(shares) if shares else None


def _item(name: str, part: str, marks: Sequence[dict[str, Mark]], counted: Sequence[str]) -> Item:
    shares, rests, unattempted = [], [], 0
    slips: Counter[str] = Counter()
    points = exercise(name).points
    for row in marks:
        mark = row.get(name)
        if mark is None or mark.waits_for_person:
            continue
        found = [one for one in mark.parts if not part or one.name == part]
        if found:
            weight = sum(one.weight for one in mark.parts)
            points = mark.points * sum(one.weight for one in found) / weight
            earned = mark.points * sum(one.earned * one.weight for one in found) / weight
        elif all(one.verdict is Verdict.OPEN for one in mark.parts):
            earned = 0.0  # not attempted as a whole: its mark has one part, whatever there would have been
        else:
            continue
        shares.append(earned / points)
        rests.append(sum(row[other].earned for other in counted if other in row) - (earned if name in counted else 0))
        unattempted += all(one.verdict is Verdict.OPEN for one in found or mark.parts)
        slips.update({SLIPS[one.slip].say for one in found if one.slip in SLIPS})
    n = len(shares)
    return Item(
        name, part, points, n, difficulty(shares), unattempted / n if n else None, discrimination(shares, rests),
        tuple(sorted(slips.items(), key=lambda slip: (-slip[1], slip[0]))),
    )  # fmt: skip


def _parts(marks: Sequence[dict[str, Mark]], name: str) -> list[str]:
    """Names of the parts as most students' marks have them, in their order."""
    seen = Counter(tuple(part.name for part in row[name].parts) for row in marks if name in row)
    most = max(seen, key=lambda parts: (seen[parts], len(parts)), default=())
    return list(dict.fromkeys(most))
