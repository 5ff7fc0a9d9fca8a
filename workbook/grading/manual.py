"""marks.csv: a person's points and comments for open answers, one row per student, exercise and criterion.

The file is the only place where they live. Whatever a person typed stays in it: rows keep their order, columns and rows
that are not ours are carried along, and the former file is kept whenever a new one is written.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from exercises.catalogue import exercise
from reference.sizing.files import write_whole
from reference.sizing.spreadsheet import as_typed
from workbook.grading.csv_files import as_csv, points
from workbook.grading.types import Assignment, GradingError

COLUMNS = ("student", "exercise", "criterion", "points", "of", "comment", "answer", "changed")
CHANGED = "answer changed since it was marked; empty this cell once the new one is marked"


@dataclass
class Row:
    """One line. answer: a hash of the text when the file was written. changed: ours, emptied by the person.
    extra: what else the line holds, by column. line: where it stands in the file."""

    student: str
    exercise: str
    criterion: str
    points: str = ""
    comment: str = ""
    answer: str = ""
    changed: str = ""
    extra: dict[str, str] = field(default_factory=dict)
    line: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        return self.student, self.exercise, self.criterion

    @property
    def typed(self) -> bool:
        return bool(self.points.strip() or self.comment.strip())


@dataclass
class Marks:
    """rows: in the order of the file. extra: names of columns that are not ours. raw: the file as it was read."""

    rows: list[Row] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    raw: bytes | None = None

    def of(self, student: str) -> tuple[dict[str, dict[str, float]], dict[str, str], list[str]]:
        """(exercise -> criterion -> points, "exercise/criterion" -> comment, exercises changed since marked)."""
        given: dict[str, dict[str, float]] = {}
        comments, changed = {}, []
        for row in self.rows:
            if row.student != student:
                continue
            if row.points.strip():
                given.setdefault(row.exercise, {})[row.criterion] = _number(row.points)
            if row.comment.strip():
                comments[f"{row.exercise}/{row.criterion}"] = row.comment
            if row.changed.strip() and row.exercise not in changed:
                changed.append(row.exercise)
        return given, comments, changed


def answer_hash(text: str) -> str:
    """Short, and never read as a number by a spreadsheet, which turns 12e45 into another text."""
    return f"a{hashlib.sha256(text.strip().encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"


def read_marks(path: Path, assignment: Assignment, alias: Mapping[str, str] | None = None) -> Marks:
    """What is in the file; nothing if there is none. alias: pseudonym -> student id.

    Takes what spreadsheets write: a byte order mark, semicolons or tabs, decimal commas, Windows' encoding.
    Raises GradingError that names the line: points out of range or no number, one criterion marked twice differently,
    a missing column. The file is never touched.
    """
    if not path.is_file():
        return Marks()
    raw = path.read_bytes()
    lines = list(_rows(_text(raw)))
    if not lines:
        return Marks(raw=raw)
    head = [cell.strip() for cell in lines[0][1]]
    folded = [name.casefold() for name in head]
    lacking = [name for name in ("student", "exercise", "criterion", "points") if name not in folded]
    if lacking:
        raise GradingError(
            f"{path} has no column {lacking[0]!r}", f"its first line must name the columns: {', '.join(COLUMNS)}"
        )
    names = [name.casefold() if name.casefold() in COLUMNS else name for name in head]
    marks = Marks(extra=[name for name in names if name and name not in COLUMNS], raw=raw)
    for number, cells in lines[1:]:
        found = {name: as_typed(cell) for name, cell in zip(names, cells, strict=False) if name}
        beyond = [cell for cell in cells[len(names) :] if cell.strip()]
        if not any(cell.strip() for cell in cells):
            continue
        if beyond:
            raise GradingError(f"{path}, line {number}: more cells than columns", "quote a comment that has a comma")
        own = {name: found.pop(name, "").strip() for name in ("student", "exercise", "criterion", "answer", "changed")}
        own["student"] = _student(own["student"], assignment, alias or {})
        found.pop("of", None)
        row = Row(**own, points=found.pop("points", ""), comment=found.pop("comment", ""), extra=found, line=number)
        _check(path, row)
        marks.rows.append(row)
    _check_twice(path, marks.rows)
    return marks


def updated(marks: Marks, texts: Mapping[str, Mapping[str, str]], assignment: Assignment) -> Marks:
    """The same with a row for every criterion of every open answer (student -> exercise -> text), new ones at the end.

    A row with points keeps them when its text has changed, and says so until a person empties the cell `changed`. Rows
    of students who are not in `texts` stay as they are: nothing is known of their answers.
    """
    for row in marks.rows:
        if row.student in texts:
            _follow(row, answer_hash(texts[row.student].get(row.exercise, "")))
    there = {row.key for row in marks.rows}
    new = [
        Row(student.id, name, criterion.name, answer=answer_hash(texts[student.id][name]))
        for name in assignment.exercises
        for student in assignment.students
        if texts.get(student.id, {}).get(name)
        for criterion in exercise(name).rubric
        if (student.id, name, criterion.name) not in there
    ]
    return Marks([*marks.rows, *new], marks.extra, marks.raw)


def _follow(row: Row, now: str) -> None:
    if row.answer and row.answer != now and row.typed:
        row.changed = CHANGED
    row.answer = now


def write_marks(path: Path, marks: Marks, alias: Mapping[str, str] | None = None) -> Path | None:
    """Write the file if it says anything new; returns where the former one was kept, None if there was none or nothing
    changed. alias: student id -> pseudonym. Raises OSError, and GradingError if the file is not
    the one that was read, both with the file as it is."""
    text = _as_text(marks, alias or {})
    before = path.read_bytes() if path.is_file() else None
    if before != marks.raw:
        raise GradingError(f"{path} was changed while it was being read", "run the command again; nothing was changed")
    if before == text.encode("utf-8") or (before is None and not marks.rows):
        return None
    kept = None
    if before is not None:
        kept = _free(path.parent / "backups", time.strftime("marks-%Y%m%d-%H%M%S"))
        kept.write_bytes(before)
    write_whole(path, text)
    return kept


def _free(folder: Path, stem: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while (path := folder / (f"{stem}.csv" if number == 1 else f"{stem}-{number}.csv")).exists():
        number += 1
    return path


def _as_text(marks: Marks, alias: Mapping[str, str]) -> str:
    rows: list[Sequence[str]] = [[*COLUMNS, *marks.extra]]
    for row in marks.rows:
        of = (
            next((c.points for c in exercise(row.exercise).rubric if c.name == row.criterion), None)
            if _known(row)
            else None
        )
        rows.append(
            [
                alias.get(row.student, row.student), row.exercise, row.criterion, row.points,
                "" if of is None else points(of), row.comment, row.answer, row.changed,
                *(row.extra.get(name, "") for name in marks.extra),
            ]
        )  # fmt: skip
    return as_csv(rows, whole=True)


def _text(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _rows(text: str) -> Iterable[tuple[int, list[str]]]:
    """(line where it ends, cells)."""
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    for cells in reader:
        yield reader.line_num, cells


def _student(word: str, assignment: Assignment, alias: Mapping[str, str]) -> str:
    """The id, from a pseudonym, or without the zeros in front that a spreadsheet took for a number's."""
    known = {student.id for student in assignment.students}
    if word in known:
        return word
    if word in alias:
        return alias[word]
    bare = [one for one in known if one.lstrip("0") == word]
    return bare[0] if len(bare) == 1 else word


def _number(points: str) -> float:
    return float(points.strip().replace(",", "."))


def _known(row: Row) -> bool:
    try:
        return bool(exercise(row.exercise).rubric)
    except Exception:
        return False


def _check(path: Path, row: Row) -> None:
    if not row.points.strip():
        return
    where = f"{path}, line {row.line} ({row.student}, {row.exercise}, {row.criterion})"
    try:
        value = _number(row.points)
    except ValueError:
        raise GradingError(
            f"{where}: points {row.points!r} are no number", "write a number, or leave the cell empty"
        ) from None
    of = (
        next((c.points for c in exercise(row.exercise).rubric if c.name == row.criterion), None)
        if _known(row)
        else None
    )
    if not math.isfinite(value) or value < 0 or (of is not None and value > of):
        most = f"0 to {of:g}" if of is not None else "0 or more"
        raise GradingError(f"{where}: points {row.points} are out of range", f"write {most}; nothing was changed")


def _check_twice(path: Path, rows: Sequence[Row]) -> None:
    seen: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        other = seen.setdefault(row.key, row)
        if other is not row and (other.points.strip(), other.comment) != (row.points.strip(), row.comment):
            raise GradingError(
                f"{path}, lines {other.line} and {row.line}: {' / '.join(row.key)} is there twice and differs",
                "keep the one that counts",
            )


def strangers(marks: Marks, assignment: Assignment) -> list[Row]:
    """Rows that belong to nothing of this assignment: kept in the file, and counted nowhere."""
    students = {one.id for one in assignment.students}
    criteria = {(name, c.name) for name in assignment.exercises for c in exercise(name).rubric}
    return [r for r in marks.rows if r.student not in students or (r.exercise, r.criterion) not in criteria]
