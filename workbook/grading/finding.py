"""Whose notebook is which file: folders by id, and what Canvas and Moodle make of names on a bulk download."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbook.grading.handout import NUMBERS_FILE
from workbook.grading.raw import RawNotebook, leads_out, read_raw
from workbook.grading.stamps import owner
from workbook.grading.types import Assignment, Student

# Columns of a roster whose values turn up in the names of downloaded files.
KEYS = ("id", "sis user id", "sis login id", "id number", "username", "login", "email address", "email")
MOST_FILES = 50_000
_MOODLE = re.compile(r"^(?P<name>.+?)_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)_?(?P<rest>.*)$", re.DOTALL)
_CANVAS = re.compile(r"^(?P<name>[^_]+)_(?:late_)?(?P<user>\d+)_(?P<number>\d+)_(?P<rest>.+)$", re.IGNORECASE)
_QUESTION = re.compile(r"(?<![a-z0-9])(q\d+)(?![a-z0-9])", re.IGNORECASE)
_VERSION = re.compile(r"[-_ (](?:copy)?(\d{1,3})\)?$", re.IGNORECASE)


@dataclass(frozen=True)
class Placed:
    """notebooks: (student id, question) -> file. unplaced: files that belong to nobody, with the reason."""

    notebooks: Mapping[tuple[str, str], Path]
    unplaced: tuple[tuple[Path, str], ...]


def find_submissions(folder: str | Path, assignment: Assignment) -> Placed:
    """Every notebook below `folder`, with its student and question; the newest where one came more than once.

    A file's place is told by its folder's or its own name: the student's id, or Canvas's and Moodle's ways. Only where
    that names nobody, or several, the stamp inside decides. Raises OSError only if `folder` itself cannot be listed.
    """
    root = Path(folder)
    os.listdir(root)
    unplaced: list[tuple[Path, str]] = []
    candidates: dict[tuple[str, str], list[Path]] = {}
    people = _People(assignment)
    for path in _files(root):
        if path.suffix.lower() != ".ipynb":
            if path.name not in (NUMBERS_FILE, "README.md"):
                unplaced.append((path, _no_notebook(path)))
            continue
        reason = _no_file(path, root)
        if reason:
            unplaced.append((path, reason))
            continue
        inside = read_raw(path, root)
        student, reason = people.whose(path.relative_to(root), inside)
        question = _question(path.relative_to(root), inside, assignment)
        if not student:
            unplaced.append((path, reason))
        elif not question:
            unplaced.append((path, f"its name holds none of {', '.join(assignment.questions)}"))
        else:
            candidates.setdefault((student, question), []).append(path)
    notebooks = {}
    for place, paths in candidates.items():
        *older, notebooks[place] = sorted(paths, key=_age)
        unplaced += [(path, f"an older one than {notebooks[place].name} of the same student") for path in older]
    return Placed(notebooks, tuple(sorted(unplaced)))


def notebook_in(folder: Path, question: str) -> Path | None:
    """The newest file below `folder` that its name takes for the notebook of `question`; None if there is none."""
    named = [
        path
        for path in _files(folder)
        if path.suffix.lower() == ".ipynb" and question in _named(path.relative_to(folder), (question,))
    ]
    return max(named, key=_age, default=None)


class _People:
    """Who is meant by a name of a folder or a file."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.by_key: dict[str, set[str]] = {}
        self.by_name: dict[str, set[str]] = {}
        for student in assignment.students:
            for key in _keys(student):
                self.by_key.setdefault(key, set()).add(student.id)
            for name in _names(student):
                self.by_name.setdefault(name, set()).add(student.id)

    def whose(self, path: Path, inside: RawNotebook) -> tuple[str, str]:
        """(student id, "") or ("", reason)."""
        ids = {one.id.casefold(): one.id for one in self.assignment.students}
        for part in path.parts[:-1]:  # the layout of `workbook assign`, and of nbgrader
            if part.casefold() in ids:
                return ids[part.casefold()], ""
        meant: set[str] = set()
        for part in reversed(path.parts):
            meant = self._meant(part)
            if meant:
                break
        if len(meant) == 1:
            return meant.pop(), ""
        stamped = self._stamped(inside)
        if stamped and (not meant or stamped in meant):
            return stamped, ""
        if meant:
            return "", f"its name fits several students: {', '.join(sorted(meant))}"
        return "", "neither its name nor its folder's names a student of the roster, and no stamp inside does"

    def _meant(self, part: str) -> set[str]:
        moodle = _MOODLE.match(part)
        if moodle:
            return self.by_name.get(_letters(moodle["name"]), set())
        canvas = _CANVAS.match(part)
        if canvas:
            # The submission's own number may be another student's id: only the first number is a person's.
            return self.by_key.get(canvas["user"], set()) or self.by_name.get(_letters(canvas["name"]), set())
        stem = part[: -len(".ipynb")] if part.lower().endswith(".ipynb") else part
        words = [stem, *re.split(r"[\s_]+", stem), *re.split(r"[\s_-]+", stem)]
        found = [self.by_key[word.casefold()] for word in words if word.casefold() in self.by_key]
        return set().union(*found) if found else self.by_name.get(_letters(stem), set())

    def _stamped(self, inside: RawNotebook) -> str:
        stamp = inside.marks.get("stamp")
        ids = [one.id for one in self.assignment.students]
        wholes = [f"{self.assignment.name}/{question}" for question in self.assignment.questions]
        return owner(stamp, self.assignment.secret, ids, "", "notebook", wholes) if isinstance(stamp, str) else ""


def _keys(student: Student) -> Iterator[str]:
    yield student.id.casefold()
    if student.email:
        yield student.email.casefold()
    for name, value in student.columns.items():
        if name.strip().lower() in KEYS and value.strip():
            yield value.strip().casefold()


def _names(student: Student) -> Iterator[str]:
    """Both orders: Canvas writes "doejane", Moodle "Jane Doe"."""
    words = student.name.split()
    yield _letters(student.name)
    if len(words) > 1:
        yield _letters("".join([words[-1], *words[:-1]]))
        yield _letters("".join([*words[1:], words[0]]))


def _letters(name: str) -> str:
    apart = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in apart if letter.isalnum())


def _files(root: Path) -> Iterator[Path]:
    """Files in order, without those that systems leave behind; links to folders are not followed."""
    count = 0
    for folder, below, names in os.walk(root, followlinks=False):
        below[:] = sorted(one for one in below if not one.startswith(".") and one != "__MACOSX")
        for name in sorted(names):
            count += 1
            if count > MOST_FILES:
                return
            if not name.startswith("."):
                yield Path(folder) / name


def _no_file(path: Path, root: Path) -> str:
    """Why this is nothing to be opened; "" if it is a file."""
    try:
        if leads_out(path, root):
            return "a link that leads out of the folder"
        return "" if path.is_file() else "no file, or a link that leads nowhere"
    except OSError:
        return "a link that leads nowhere"


def _no_notebook(path: Path) -> str:
    if path.suffix.lower() in (".zip", ".tar", ".gz", ".7z", ".rar"):
        return "an archive: unpack it here"
    return "no notebook (.ipynb)"


def _question(path: Path, inside: RawNotebook, assignment: Assignment) -> str:
    """What it says inside, else what its name says, else the only one there is."""
    said = inside.marks.get("question")
    if isinstance(said, str) and said in assignment.questions:
        return said
    named = _named(path, assignment.questions)
    if named:
        return named[-1]
    return assignment.questions[0] if len(assignment.questions) == 1 else ""


def _named(path: Path, questions: Sequence[str]) -> list[str]:
    return [found.lower() for found in _QUESTION.findall(path.stem) if found.lower() in questions]


def _age(path: Path) -> tuple[int, float, str]:
    """Later is newer. Canvas and browsers number what comes again: q1-2.ipynb, q1 (2).ipynb."""
    found = _VERSION.search(path.stem)
    try:
        changed = path.stat().st_mtime
    except OSError:
        changed = 0.0
    return (int(found[1]) if found else 0, changed, path.name)
