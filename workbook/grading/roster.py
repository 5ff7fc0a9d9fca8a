"""Rosters: CSV files as Canvas and Moodle export them, or with the columns id, name, email."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from workbook.grading.names import ALLOWED, unsafe
from workbook.grading.types import GradingError, Student

# Names of columns, compared without case and spaces at the edges; the first one that is not empty as a whole is taken.
ID_COLUMNS = (
    "id", "student id", "student_id", "id number", "sis user id", "sis login id", "username", "login", "email address",
    "email",
)  # fmt: skip
NAME_COLUMNS = ("name", "student", "full name", "student name")
FIRST_COLUMNS, LAST_COLUMNS = ("first name", "firstname"), ("last name", "surname", "lastname")
EMAIL_COLUMNS = ("email", "email address", "e-mail", "mail")
LARGEST_BYTES = 5_000_000


def read_roster(path: str | Path, id_column: str | None = None) -> tuple[tuple[Student, ...], tuple[str, ...]]:
    """The students in their order, and what should be known about how the file was read.

    id_column: where several columns could be the id, or none has a usual name. Raises GradingError that names the file,
    the row and the column.
    """
    file = Path(path)
    text, notes = _text(file)
    rows = _rows(file, text)
    header, body = [cell.strip() for cell in rows[0][1]], rows[1:]
    doubled = next((name for name in header if name and header.count(name) > 1), "")
    if doubled:
        raise GradingError(f"{file.name}: the column {doubled!r} is there twice", "rename one of them")
    column = _id_column(file, header, body, id_column)
    students = []
    for number, row in body:
        if len(row) > len(header) and any(cell.strip() for cell in row[len(header) :]):
            raise GradingError(
                f"{file.name}, row {number}: {len(row)} cells, but the header has {len(header)} columns",
                "put a cell that holds the separator into quotation marks",
            )
        cells = {name: row[at].strip() if at < len(row) else "" for at, name in enumerate(header) if name}
        students.append((number, _student(file, number, cells, column)))
    _distinct(file, column, students)
    return tuple(student for _, student in students), notes


def _text(file: Path) -> tuple[str, tuple[str, ...]]:
    try:
        if not file.is_file():
            raise GradingError(f"there is no roster {file}", "name a CSV file")
        if file.stat().st_size > LARGEST_BYTES:
            raise GradingError(f"{file.name} is larger than {LARGEST_BYTES:,} bytes", "name a roster in CSV")
        data = file.read_bytes()
    except OSError as error:
        raise GradingError(f"{file} cannot be read: {error.strerror}", "name a CSV file that you may read") from None
    if data[:2] == b"PK":
        raise GradingError(f"{file.name} is a spreadsheet or an archive", "save it as CSV")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace"), ()
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        note = f"{file.name} is not UTF-8 (row {row}) and was read as Latin-1; look at the names, or save it as UTF-8"
        return data.decode("cp1252", "replace"), (note,)


def _rows(file: Path, text: str) -> list[tuple[int, list[str]]]:
    """Header and rows with their numbers in the file (1 is the first line); blank ones are left out."""
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    # Excel writes the separator into a line of its own.
    told = first[4:5] if first.lower().startswith("sep=") else ""
    head = next((line for line in lines if line.strip() and line is not first), "") if told else first
    separator = told or max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=False)
    rows: list[tuple[int, list[str]]] = []
    try:
        start = 1
        for row in reader:
            if any(cell.strip() for cell in row) and not (
                told and not rows and "".join(row).lower().startswith("sep=")
            ):
                rows.append((start, row))
            start = reader.line_num + 1
    except csv.Error as error:
        raise GradingError(f"{file.name}, row {reader.line_num}: {error}", "save it as plain CSV") from None
    if not rows:
        raise GradingError(f"{file.name} is empty", "a header and a row per student are needed: id,name,email")
    # Canvas writes what each column can earn below the header.
    rows = [rows[0], *(row for row in rows[1:] if "points possible" not in row[1][0].strip().lower())]
    if len(rows) == 1:
        raise GradingError(f"{file.name} has a header, and no student below it", "add a row per student")
    return rows


def _id_column(file: Path, header: Sequence[str], body: Sequence[tuple[int, list[str]]], wanted: str | None) -> str:
    lower = [name.lower() for name in header]
    if wanted is not None:
        if wanted.strip().lower() not in lower:
            raise GradingError(f"{file.name} has no column {wanted!r}; it has {', '.join(header)}", "name one of them")
        return header[lower.index(wanted.strip().lower())]
    there = [lower.index(name) for name in ID_COLUMNS if name in lower]
    if not there:
        raise GradingError(
            f"{file.name}, row 1: no column of ids among {', '.join(name for name in header if name)}",
            "add a column `id`, or name one with --id-column",
        )
    # Moodle has a column "ID number" that most sites leave empty: only a wholly empty column is passed over.
    for at in there:
        if any(at < len(row) and row[at].strip() for _, row in body):
            return header[at]
    raise GradingError(f"{file.name}, row {body[0][0]}, column {header[there[0]]!r}: no id", "fill it in for every row")


def _student(file: Path, number: int, cells: dict[str, str], column: str) -> Student:
    reason = unsafe(cells[column])
    if reason:
        shown = repr(cells[column]) if cells[column] else "the id"
        raise GradingError(
            f"{file.name}, row {number}, column {column!r}: {shown} {reason}",
            f"ids become folder names: use {ALLOWED}, or name another column with --id-column",
        )
    lower = {name.lower(): value for name, value in cells.items()}

    def first_of(names: Sequence[str]) -> str:
        return next((lower[name] for name in names if lower.get(name)), "")

    both = f"{first_of(FIRST_COLUMNS)} {first_of(LAST_COLUMNS)}".strip()
    name = first_of(NAME_COLUMNS) or both
    if "student" in lower and name.count(",") == 1:  # Canvas: Doe, Jane
        last, first = name.split(",")
        name = f"{first.strip()} {last.strip()}"
    return Student(cells[column], " ".join(name.split()), first_of(EMAIL_COLUMNS), cells)


def _distinct(file: Path, column: str, students: Sequence[tuple[int, Student]]) -> None:
    """Folder names that differ only in case are one folder on Windows and macOS."""
    seen: dict[str, tuple[int, str]] = {}
    for number, student in students:
        other = seen.get(student.id.casefold())
        if other:
            how = "is also in" if other[1] == student.id else f"differs only in case from {other[1]!r} in"
            raise GradingError(
                f"{file.name}, row {number}, column {column!r}: {student.id!r} {how} row {other[0]}",
                "give every student an id of their own, or name another column with --id-column",
            )
        seen[student.id.casefold()] = (number, student.id)
