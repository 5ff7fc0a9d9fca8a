"""Which cell is the answer, where there are several or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from exercises.handout import marked
from workbook.grading.recognise import Expected, Found, asked, open_text
from workbook.grading.stamps import plain
from workbook.grading.types import Flag, Role

Flagged = tuple[Flag, str]


@dataclass(frozen=True)
class Chosen:
    """The answer of one exercise. at: its index in the notebook. skip: indices of copies that are not run."""

    exercise: str
    at: int
    skip: frozenset[int] = frozenset()
    flags: tuple[Flagged, ...] = ()


def choose(found: Sequence[Found], expected: Expected) -> tuple[dict[str, Chosen], list[Flagged]]:
    """exercise -> its answer, and what was odd about any of them. An exercise without an answer is not in it."""
    chosen: dict[str, Chosen] = {}
    flags: list[Flagged] = []
    missing = []
    for handed in expected.cells:
        if handed.role is not Role.ANSWER:
            continue
        at = [i for i, one in enumerate(found) if one.role is Role.ANSWER and one.exercise == handed.exercise]
        if at:
            chosen[handed.exercise] = _among(found, at, handed.exercise)
        else:
            missing.append(handed.exercise)
    for exercise_id in missing:
        adopted = _adopted(found, exercise_id, chosen)
        note = ""
        if adopted is not None:
            chosen[exercise_id] = Chosen(exercise_id, adopted)
            note = f": taken from cell {found[adopted].raw.number}"
        flags.append((Flag.MISSING_CELL, exercise_id + note))
    for one in chosen.values():
        flags += [*one.flags, *_told(found[one.at], one.exercise)]
    return chosen, flags


def _among(found: Sequence[Found], at: list[int], exercise_id: str) -> Chosen:
    """The last one that was changed. Parts without a first line were split off: they are run where they stand."""
    whole = [i for i in at if marked(found[i].source) == exercise_id] or at
    parts = [i for i in at if i not in whole]
    changed = [i for i in whole if not found[i].as_handed]
    taken = (changed or whole)[-1]
    flags: list[Flagged] = []
    different = {plain(found[i].source) for i in whole}
    if len(different) > 1:
        numbers = ", ".join(str(found[i].raw.number) for i in whole)
        flags.append((Flag.DUPLICATED_CELL, f"{exercise_id}: cells {numbers}; cell {found[taken].raw.number} counts"))
    if parts:
        numbers = ", ".join(str(found[i].raw.number) for i in [taken, *parts])
        flags.append((Flag.DUPLICATED_CELL, f"{exercise_id}: split into cells {numbers}; all of them count"))
    same = plain(found[taken].source)
    skip = {i for i in whole if i != taken and (found[i].as_handed or plain(found[i].source) == same)}
    return Chosen(exercise_id, taken, frozenset(skip), tuple(flags))


def _adopted(found: Sequence[Found], exercise_id: str, chosen: dict[str, Chosen]) -> int | None:
    """The student's own cell that stands for a deleted one: it assigns what nobody else asks for, or is the text at
    its place."""
    if open_text(exercise_id):
        before = [i for i, one in enumerate(found) if one.exercise == exercise_id and one.role is not Role.CHECK]
        after = before[-1] + 1 if before else len(found)
        there = after < len(found) and found[after].free and not found[after].raw.code
        return after if there else None
    names = asked(exercise_id).difference(*(asked(other) for other in chosen))
    fitting = [i for i, one in enumerate(found) if one.free and one.raw.code and one.names & names]
    return fitting[-1] if fitting else None


def _told(found: Found, exercise_id: str) -> Iterator[Flagged]:
    if found.role is not Role.ANSWER:
        return
    if found.lost:
        yield Flag.LOST_MARKS, f"{exercise_id}: cell {found.raw.number}"
    wanted = "markdown" if open_text(exercise_id) else "code"
    if found.raw.kind != wanted:
        yield Flag.RETYPED_CELL, f"{exercise_id}: cell {found.raw.number} is {found.raw.kind}, was {wanted}"


def moved(found: Sequence[Found], expected: Expected) -> list[str]:
    """The fewest cells without which the others stand in the order in which they were handed out."""
    rank = {(one.exercise, one.role, one.markdown): at for at, one in enumerate(expected.cells)}
    seen: dict[int, Found] = {}
    order = []
    for one in found:
        if one.role is None or (one.role is Role.SETUP and not one.raw.code):
            continue
        markdown = one.role is Role.TASK or (one.role is Role.ANSWER and open_text(one.exercise))
        place = rank.get((one.exercise, one.role, markdown))
        if place is not None and place not in seen:
            seen[place] = one
            order.append(place)
    kept = set(_longest_rising(order))
    return [seen[place].key for place in order if place not in kept]


def _longest_rising(numbers: Sequence[int]) -> list[int]:
    best: list[list[int]] = []
    for number in numbers:
        before = max((run for run in best if run[-1] < number), key=len, default=[])
        best.append([*before, number])
    return max(best, key=len, default=[])
