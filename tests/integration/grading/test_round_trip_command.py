"""`workbook grade` from outside: what it prints, refuses, survives and keeps."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from round_trip_class import ANSWER, BUILD, EXERCISES, FIND, FULL, NUMBERS, TEXT, Work, deletes_a_cell
from typer.testing import CliRunner

from exercises.catalogue import exercise
from workbook.cli import app
from workbook.grading.assignment import make, record_of, write
from workbook.grading.types import Student

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "unit" / "workbook"))
from test_cli_json import compare, printed  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.usefixtures("kept_apart")]


class Course:
    def __init__(self, root: Path, *students: str) -> None:
        self.root = root
        people = [Student(name, name.capitalize()) for name in students]
        self.assignment = make("week-2", ["q1", "q2"], people, EXERCISES, seed="the command")
        write(self.assignment, root)
        self.submitted = root / "submitted"
        self.submitted.mkdir()

    def hand_in(self, student: str, change=lambda work: work.solve()) -> None:
        handed = self.root / "students" / student
        work = Work(self.assignment, student, {p.stem: json.loads(p.read_text()) for p in handed.glob("*.ipynb")})
        change(work)
        (self.submitted / student).mkdir(exist_ok=True)
        for question, notebook in work.notebooks.items():
            (self.submitted / student / f"{question}.ipynb").write_text(json.dumps(notebook))

    def grade(self, *options: str) -> Any:
        return CliRunner().invoke(app, ["grade", str(self.root), *options])

    def rows(self, name: str = "grades.csv") -> list[dict[str, str]]:
        with (self.root / "graded" / name).open(newline="") as file:
            return list(csv.DictReader(file))

    def totals(self) -> dict[str, str]:
        return {row["id"]: row["total"] for row in self.rows()}

    def spoil(self, student: str) -> None:
        """The instructor's record lacks this student's numbers: a fault of ours, as far as grading can tell."""
        record = json.loads(record_of(self.root).read_text())
        record["params"][student][NUMBERS] = {}
        record_of(self.root).write_text(json.dumps(record))


@pytest.fixture
def course(tmp_path):
    return Course(tmp_path / "course", "ada", "bob", "eve")


def without_empty_lists(value: Any) -> Any:
    """A list that is empty in one student and full in another is one name, not two."""
    if isinstance(value, dict):
        return {key: without_empty_lists(item) for key, item in value.items() if item != []}
    return [without_empty_lists(item) for item in value] if isinstance(value, list) else value


AUTOMATIC = f"{sum(FULL.values()):g}"


def test_one_student_that_cannot_be_graded_stops_nobody_and_the_exit_code_says_so(course):
    for student in ("ada", "bob", "eve"):
        course.hand_in(student)
    course.spoil("bob")
    result = course.grade()
    assert result.exit_code == 1, result.output
    assert course.totals() == {"ada": AUTOMATIC, "bob": "", "eve": AUTOMATIC}
    assert course.rows()[1]["remark"].startswith("could not be graded: KeyError")
    page = (course.root / "graded" / "feedback" / "bob.html").read_text()
    assert "could not be graded" in page
    assert "KeyError" not in page
    again = course.grade("--json")
    assert printed(again)["graded_now"] == ["bob"], "what failed is tried again, what is done is not"


def test_the_json_has_the_documented_names(course):
    course.hand_in("ada", lambda work: work.solve(NUMBERS))
    course.hand_in("bob", deletes_a_cell)
    course.hand_in("eve")
    notebook = json.loads((course.submitted / "eve" / "q1.ipynb").read_text())
    notebook["cells"] = notebook["cells"][:2]
    (course.submitted / "eve" / "q1.ipynb").write_text(json.dumps(notebook))
    (course.submitted / "holiday.ipynb").write_text("{}")
    assert course.grade().exit_code == 0
    path = course.root / "graded" / "marks.csv"
    rows = course.rows("marks.csv")
    path.write_text(path.read_text() + "mallory,q9-old,x,1,,,,\n")
    rows_before = len(rows)
    course.hand_in(
        "eve",
        lambda work: (
            work.solve(),
            work.assign(NUMBERS, kv_kib_per_token=work.right(NUMBERS)["kv_kib_per_token"] * 60),
        ),
    )
    result = course.grade("--json", "--anonymous")
    record = printed(result)
    record["problems"] = record["problems"] or ["a page"]
    assert record["unplaced"][0]["file"].endswith("holiday.ipynb")
    assert record["strange_marks"][0]["student"] == "mallory"
    assert record["backup"]
    assert len(course.rows("marks.csv")) > rows_before
    compare("grade", without_empty_lists(record))


def test_the_terminal_names_what_is_nobodys_what_waits_and_where_everything_is(course):
    course.hand_in("ada")
    (course.submitted / "holiday.ipynb").write_text("{}")
    result = course.grade("--out", str(course.root.parent / "points.csv"))
    assert result.exit_code == 0
    said = re.sub(r"\s+", " ", result.stdout)
    assert "holiday.ipynb" in said
    assert "1 with open answers to mark" in said
    assert "nothing was handed in" in said
    assert {path.name for path in course.root.parent.glob("points*")} == {
        "points.csv", "points-canvas.csv", "points-moodle.csv",
    }  # fmt: skip
    assert "1 of 1: ada" in result.stderr


def test_points_out_of_range_are_refused_before_anything_runs_and_the_file_stays(course):
    course.hand_in("ada")
    assert course.grade().exit_code == 0
    path = course.root / "graded" / "marks.csv"
    lines = path.read_text().splitlines()
    criterion = exercise(TEXT).rubric[0]
    lines[1] = lines[1].replace(f"{criterion.name},,", f"{criterion.name},{criterion.points + 1:g},")
    path.write_text("\n".join(lines) + "\n")
    before, table = path.read_bytes(), (course.root / "graded" / "grades.csv").read_bytes()
    course.hand_in("bob")
    result = course.grade()
    assert result.exit_code == 3
    assert f"line 2 (ada, {TEXT}, {criterion.name})" in result.stderr
    assert "out of range" in result.stderr
    assert path.read_bytes() == before
    assert (course.root / "graded" / "grades.csv").read_bytes() == table
    assert not (course.root / "graded" / "state" / "bob.json").exists()


def test_marks_of_who_cannot_be_graded_today_are_still_there_tomorrow(course):
    course.hand_in("bob")
    course.grade()
    path = course.root / "graded" / "marks.csv"
    rows = course.rows("marks.csv")
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "points": row["of"]} for row in rows)
    record = record_of(course.root).read_text()
    course.spoil("bob")
    assert course.grade().exit_code == 1
    assert course.totals()["bob"] == ""
    record_of(course.root).write_text(record)
    assert course.grade().exit_code == 0
    assert course.totals()["bob"] == "20"
    assert {row["changed"] for row in course.rows("marks.csv")} == {""}


def test_other_limits_grade_anew_and_again_grades_everything(course):
    course.hand_in("ada")
    course.hand_in("bob")
    assert printed(course.grade("--json"))["graded_now"] == ["ada", "bob"]
    assert printed(course.grade("--json"))["graded_now"] == []
    assert printed(course.grade("--json", "--seconds-per-cell", "9"))["graded_now"] == ["ada", "bob"]
    assert printed(course.grade("--json", "--seconds-per-cell", "9", "--again"))["graded_now"] == ["ada", "bob"]


def test_a_kept_result_that_is_damaged_is_made_anew(course):
    course.hand_in("ada")
    course.grade()
    state = course.root / "graded" / "state" / "ada.json"
    state.write_text(state.read_text()[:100])
    assert printed(course.grade("--json"))["graded_now"] == ["ada"]
    assert course.totals()["ada"] == AUTOMATIC


def test_with_names_hidden_neither_page_nor_table_names_anybody(course):
    for student in ("ada", "bob", "eve"):
        course.hand_in(student)
    assert course.grade("--anonymous").exit_code == 0
    page = (course.root / "graded" / "review.html").read_text()
    table = (course.root / "graded" / "marks.csv").read_text()
    for word in ("ada", "bob", "eve", "Ada", "Bob", "Eve"):
        assert not re.search(rf"\b{word}\b", page + table)
    assert ANSWER in page.replace("&#39;", "'")
    rows = course.rows("marks.csv")
    first = rows[0]["student"]
    assert first in page
    with (course.root / "graded" / "marks.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "points": row["of"] if row["student"] == first else ""} for row in rows)
    course.grade()  # with names: the same marks, now under the ids
    done = [row for row in course.rows() if not row["waiting for a person"]]
    assert [row["total"] for row in done] == ["20"]
    named = {row["student"]: row["points"] for row in course.rows("marks.csv")}
    assert set(named) == {"ada", "bob", "eve"}
    assert named[done[0]["id"]] != ""


def test_without_a_sandbox_it_refuses_and_says_how(course, monkeypatch):
    from workbook.grading.sandbox import choose

    monkeypatch.setattr(choose, "_best", lambda: (None, "none here"))
    course.hand_in("ada")
    result = course.grade()
    assert result.exit_code == 3
    assert "--unprotected" in result.stderr
    assert not (course.root / "graded" / "state").exists()
    result = course.grade("--unprotected", "--json")
    assert result.exit_code == 0
    assert printed(result)["sandbox"] == "unprotected"
    assert course.totals()["ada"] == AUTOMATIC


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--submissions", "/no/such/folder"), 3, "cannot be listed"),
        (("--out", "/no/such/folder/x.csv"), 2, "cannot be written"),
        (("--seconds-per-cell", "0"), 2, "--seconds-per-cell"),
        (("--memory", "1"), 2, "--memory"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(course, options, code, said):
    result = course.grade(*options)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert not (course.root / "graded").exists()


def test_a_folder_without_an_assignment_is_refused(tmp_path):
    result = CliRunner().invoke(app, ["grade", str(tmp_path)])
    assert result.exit_code == 3
    assert "no assignment" in result.stderr


def test_what_was_graded_before_an_interrupt_is_not_graded_again(course):
    course.hand_in("ada")
    course.hand_in("bob", lambda work: work.answer(NUMBERS, "while True:\n    pass"))
    course.hand_in("eve", lambda work: work.answer(NUMBERS, "while True:\n    pass"))
    limits = ("--jobs", "1", "--seconds-per-cell", "20")
    command = [sys.executable, "-m", "workbook.cli", "grade", str(course.root), *limits]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    state = course.root / "graded" / "state"
    until = time.monotonic() + 90
    while not (state / "ada.json").exists():
        assert time.monotonic() < until
        assert running.poll() is None
        time.sleep(0.1)
    time.sleep(1)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=30)
    assert running.returncode == 130, errors
    assert "Traceback" not in errors
    assert not (course.root / "graded" / "grades.csv").exists()
    course.hand_in("bob")
    course.hand_in("eve")
    again = subprocess.run([*command, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert json.loads(again.stdout)["graded_now"] == ["bob", "eve"]
    assert course.totals() == dict.fromkeys(("ada", "bob", "eve"), AUTOMATIC)


def test_results_are_for_the_instructors_eyes(course):
    course.hand_in("ada")
    course.grade()
    if os.name == "posix":
        assert (course.root / "graded").stat().st_mode & 0o077 == 0


def test_somebody_added_to_the_roster_later_is_graded_with_the_others(course):
    from workbook.grading.assignment import add

    course.hand_in("ada")
    course.grade()
    added = add(course.root, [*course.assignment.students, Student("zoe", "Zoe")])
    course.assignment = added.assignment
    course.hand_in("zoe", lambda work: work.solve(FIND, BUILD, TEXT))
    assert printed(course.grade("--json"))["graded_now"] == ["zoe"]
    assert course.totals() == {"ada": AUTOMATIC, "bob": "0", "eve": "0", "zoe": f"{FULL[NUMBERS]:g}"}
