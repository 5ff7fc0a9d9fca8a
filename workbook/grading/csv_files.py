"""grades.csv, and the two files that Canvas and Moodle import.

Canvas (GradebookImporter in its source): the columns of a student end with Section; a row that begins with "Points
Possible" sets the assignment's points; a student is found by ID (Canvas' own number, read as a number: a school's id in
it would find somebody else), then by SIS User ID, then by SIS Login ID, then by name; points show two decimals.
Moodle ("Grade import" in its documentation): the importer asks which column identifies the user (email address, ID
number or username) and which hold grade and feedback; one unknown user stops the import, and a grade is lost if its
feedback is imported without it.

Both files hold final totals only: a row with part of the points would be published as a grade, and an empty one would
erase what is there. Whoever is left out is in grades.csv, with the reason.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from reference.sizing.files import write_all
from reference.sizing.spreadsheet import harmless
from workbook.grading.marking import total, total_points
from workbook.grading.results import Graded
from workbook.grading.text import clean
from workbook.grading.types import Assignment, Student

CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
_LONGEST = 2000  # characters of a cell


def write_grades(path: Path, assignment: Assignment, results: Sequence[Graded]) -> dict[str, Path]:
    """Write `path` and beside it NAME-canvas.csv and NAME-moodle.csv, all or none; returns "grades", "canvas" and
    "moodle" -> path. Raises OSError."""
    names = {"grades": path.name, **{lms: f"{path.stem}-{lms}{path.suffix}" for lms in ("canvas", "moodle")}}
    tables = {"grades": grades, "canvas": canvas, "moodle": moodle}
    texts = {names[key]: table(assignment, results) for key, table in tables.items()}
    written = write_all(path.parent, texts, mode=0o600)  # grades, wherever --out puts them
    return {key: written[name] for key, name in names.items()}


def as_csv(rows: Iterable[Sequence[str]], whole: bool = False) -> str:
    """Comma-separated, quoted where needed (RFC 4180); no cell of it is run by a spreadsheet. whole: cells may be of
    any length, and are written as they are but for that."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([harmless(cell if whole else clean(cell, _LONGEST)) for cell in row] for row in rows)
    return text.getvalue()


def points(value: float) -> str:
    """At most two decimals, none that say nothing: what gradebooks show."""
    return f"{round(value, 2):.2f}".rstrip("0").rstrip(".")


def grades(assignment: Assignment, results: Sequence[Graded]) -> str:
    """One row per student: points of every exercise, total, and what a reader must know. An exercise that waits for a
    person has what it earned so far; a student who could not be graded has empty cells, for nothing is not zero."""
    of = points(total_points(assignment))
    head = ["id", "name", *assignment.exercises, "total", "of", "waiting for a person", "flags", "remark"]
    rows = [head]
    for one in results:
        marks = one.marked.marks
        earned = {mark.exercise: "" if one.failure else points(mark.earned) for mark in marks}
        waiting = [mark.exercise for mark in marks if mark.waits_for_person]
        rows.append(
            [
                one.student.id,
                one.student.name,
                *(earned.get(name, "") for name in assignment.exercises),
                "" if one.failure else points(total(one.marked)),
                of,
                " ".join(waiting),
                "; ".join(
                    dict.fromkeys(f"{flag.value}: {what}" if what else flag.value for flag, what in one.marked.flags)
                ),
                one.remark,
            ]
        )
    return as_csv(rows)


def canvas(assignment: Assignment, results: Sequence[Graded]) -> str:
    """The columns of a Canvas gradebook. Canvas' own columns of the roster are handed back as they came."""
    rows = [
        [*CANVAS, assignment.name],
        ["    Points Possible", "", "", "", "", points(total_points(assignment))],
    ]
    for one in results:
        if one.final:
            column = _columns(one.student)
            rows.append(
                [
                    column("student") or one.student.name or one.student.id,
                    column("id") if _is_canvas(one.student) and column("id").isdecimal() else "",
                    column("sis user id") or ("" if _is_canvas(one.student) else one.student.id),
                    column("sis login id") or column("login") or column("username"),
                    column("section"),
                    points(total(one.marked)),
                ]
            )
    return as_csv(rows)


def moodle(assignment: Assignment, results: Sequence[Graded]) -> str:
    """What identifies a user in Moodle, the total and feedback of a line: map the columns of these names."""
    final = [one for one in results if one.final]
    names = {
        "Email address": lambda s: _columns(s)("email address") or s.email,
        "ID number": lambda s: _columns(s)("id number") or _columns(s)("idnumber"),
        "Username": lambda s: _columns(s)("username"),
    }
    usable: dict[str, Callable[[Student], str]] = {
        name: of for name, of in names.items() if final and all(of(one.student) for one in final)
    }
    if not usable:  # nothing else is known of them: the id that the roster has
        usable = {"ID number": lambda s: s.id}
    rows = [[*usable, assignment.name, f"{assignment.name} (feedback)"]]
    for one in final:
        rows.append([*(of(one.student) for of in usable.values()), points(total(one.marked)), _line(one)])
    return as_csv(rows)


def _columns(student: Student) -> Callable[[str], str]:
    folded = {name.strip().casefold(): value.strip() for name, value in student.columns.items()}
    return lambda name: folded.get(name, "")


def _is_canvas(student: Student) -> bool:
    """Whether the roster is an export of Canvas: only there is ID Canvas' own number."""
    return "sis login id" in {name.strip().casefold() for name in student.columns}


def _line(one: Graded) -> str:
    if not one.submitted:
        return "Nothing was handed in."
    marks: Mapping[str, str] = {
        mark.exercise: f"{points(mark.earned)} of {points(mark.points)}" for mark in one.marked.marks
    }
    return "; ".join(f"{name}: {said}" for name, said in marks.items())
