"""Which cell of a notebook is which: by metadata, by nbgrader's id, by the first line, by what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from exercises.catalogue import exercise
from exercises.handout import marked
from exercises.model import Kind
from workbook.grading import handout, sources
from workbook.grading.raw import RawCell, RawNotebook
from workbook.grading.stamps import fits, owner, plain
from workbook.grading.types import Assignment, Role, Student

# Tracing a stamp tries every student: a notebook of thousands of invented stamps must not keep a grader busy.
TRACED = 200


@dataclass(frozen=True)
class Found:
    """A cell, or a part of a merged one. role: None for a cell that nobody handed out. lost: known without metadata.

    as_handed: the source is what this student was given. other: the student to whom its stamp was given, if another.
    line: lines of the cell above this part.
    """

    raw: RawCell
    source: str
    role: Role | None
    exercise: str
    line: int = 0
    lost: bool = False
    as_handed: bool = False
    other: str = ""

    @property
    def key(self) -> str:
        """As a person finds it: "cell 7, answer of q1-kv-per-token"."""
        what = "added" if self.role is None else f"{self.role} of {self.exercise}" if self.exercise else str(self.role)
        return f"cell {self.raw.number}{f' from line {self.line + 1}' if self.line else ''}, {what}"

    @property
    def free(self) -> bool:
        return self.role is None

    @cached_property
    def names(self) -> frozenset[str]:
        return sources.assigned(self.source) if self.raw.code else frozenset()


@dataclass(frozen=True)
class Expected:
    """What one student was handed for one question."""

    assignment: Assignment
    student: Student
    question: str

    @cached_property
    def cells(self) -> tuple[handout.Handed, ...]:
        return handout.cells(self.assignment, self.student, self.question)

    @cached_property
    def ids(self) -> frozenset[str]:
        return frozenset(one.exercise for one in self.cells if one.exercise)

    @cached_property
    def by_name(self) -> Mapping[str, handout.Handed]:
        return {one.name: one for one in self.cells}

    @cached_property
    def by_place(self) -> Mapping[tuple[str, Role], tuple[handout.Handed, ...]]:
        places: dict[tuple[str, Role], tuple[handout.Handed, ...]] = {}
        for one in self.cells:
            places[one.exercise, one.role] = (*places.get((one.exercise, one.role), ()), one)
        return places

    @cached_property
    def by_source(self) -> Mapping[str, handout.Handed]:
        return {plain(one.source): one for one in self.cells}


def asked(exercise_id: str) -> frozenset[str]:
    """The names that an answer of the exercise binds; none for open text."""
    one = exercise(exercise_id)
    return frozenset([one.build.name] if one.build else [ask.name for ask in one.asks])


def recognise(notebook: RawNotebook, expected: Expected) -> list[Found]:
    """Every cell of the notebook in its order, merged ones in parts."""
    return [found for raw in notebook.cells for found in _of_cell(raw, expected)]


def _of_cell(raw: RawCell, expected: Expected) -> Iterator[Found]:
    for line, text in sources.pieces(raw.source, expected.ids):
        # Metadata belongs to the cell's first part: the others were merged into it.
        place = _told(raw, expected) if line == 0 else None
        yield _stamped(_placed(raw, line, text, place, expected), expected)


def _told(raw: RawCell, expected: Expected) -> tuple[str, Role] | None:
    """What the metadata, nbgrader's id or the cell's id say."""
    name, role = raw.marks.get("exercise"), raw.marks.get("role")
    known = {str(one): one for one in Role}
    if isinstance(name, str) and isinstance(role, str) and (name, known.get(role)) in expected.by_place:
        return name, known[role]
    handed = expected.by_name.get(raw.grade_id) or expected.by_name.get(raw.id)
    return (handed.exercise, handed.role) if handed else None


def _placed(raw: RawCell, line: int, text: str, place: tuple[str, Role] | None, expected: Expected) -> Found:
    said = marked(text)
    if said in expected.ids:
        told = place is not None and place[1] is Role.ANSWER
        if told and place is not None and place[0] != said:
            # Two exercises claim it: what it assigns decides, then the line that its author sees.
            names = sources.assigned(text)
            if names & asked(place[0]) and not names & asked(said):
                said = place[0]
        return Found(raw, text, Role.ANSWER, said, line, lost=not told)
    if place is not None:
        return Found(raw, text, place[1], place[0], line)
    handed = expected.by_source.get(plain(text))
    if handed is not None:
        return Found(raw, text, handed.role, handed.exercise, line, lost=True)
    if raw.code and sources.calls(text, "open_handout"):
        return Found(raw, text, Role.SETUP, "", line, lost=True)
    return Found(raw, text, None, "", line)


def _stamped(found: Found, expected: Expected) -> Found:
    if found.role is None:
        return found
    handed = expected.by_place.get((found.exercise, found.role), ())
    texts = [one.source for one in handed]
    stamp, secret = found.raw.marks.get("stamp"), expected.assignment.secret
    mine = expected.student.id
    same = plain(found.source) in map(plain, texts) or fits(
        stamp, secret, mine, found.exercise, found.role, found.source
    )
    other = ""
    if isinstance(stamp, str) and found.line == 0 and found.raw.number <= TRACED:
        # Whoever was handed it: with what it says now, or with what it said then.
        tried = [found.source, *texts]
        if not any(fits(stamp, secret, mine, found.exercise, found.role, one) for one in tried):
            everybody = [one.id for one in expected.assignment.students]
            other = owner(stamp, secret, everybody, found.exercise, found.role, tried)
    return replace(found, as_handed=same, other=other)


def open_text(exercise_id: str) -> bool:
    """Whether the answer is a text that a person marks."""
    return exercise(exercise_id).kind is Kind.DESIGN
