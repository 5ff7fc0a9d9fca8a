"""Assign, hand in, grade, mark by hand, grade again: a class of known outcome gets exactly the expected points."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from round_trip_class import ANSWER, BUILD, CLASS, EXERCISES, FULL, NUMBERS, TEXT, hand_in

from exercises.catalogue import exercise
from workbook.grading.assignment import make, write
from workbook.grading.csv_files import points
from workbook.grading.grade import Options, grade
from workbook.grading.types import Flag, Limits, Student

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
LIMITS = Limits(cell_s=2.5, total_s=40.0)


class Course:
    """One assignment that is graded several times."""

    def __init__(self, root: Path) -> None:
        self.root = root
        students = [Student(name, name.replace("-", " ").title(), f"{name}@example.org") for name in CLASS]
        self.assignment = make("week-1", ["q1", "q2"], students, EXERCISES, seed="a class of known outcome")
        write(self.assignment, root)
        self.expected = {name: self.hand_in(name) for name in CLASS}
        self.out = root.parent / "grades.csv"

    def hand_in(self, student: str) -> dict[str, float]:
        return hand_in(self.assignment, student, self.root / "students" / student, self.root / "submitted")

    def grade(self, **options):
        self.report = grade(self.root, self.out, Options(limits=LIMITS, **options))
        return self.report

    def table(self, name: str = "grades") -> dict[str, dict[str, str]]:
        with self.report.files[name].open(newline="") as file:
            return {next(iter(row.values())): row for row in csv.DictReader(file)}

    def marks(self) -> list[dict[str, str]]:
        with (self.root / "graded" / "marks.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def page(self, student: str) -> str:
        return (self.root / "graded" / "feedback" / f"{student}.html").read_text()


@pytest.fixture(scope="module")
def course(tmp_path_factory, kept_apart):
    made = Course(tmp_path_factory.mktemp("course") / "week-1")
    made.grade()
    made.first = made.report
    made.first_table = made.table()
    return made


@pytest.fixture(scope="module")
def marked(course):
    """The same after a person marked every open answer: full points for `right`, half for `moved`, none for others."""
    rows = course.marks()
    for row in rows:
        share = {"right": 1.0, "moved": 0.5}.get(row["student"], 0.0)
        row["points"] = points(float(row["of"]) * share)
        row["comment"] = f"said to {row['student']}"
    with (course.root / "graded" / "marks.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    course.second = course.grade()
    course.second_table = course.table()
    return course


@pytest.mark.parametrize("student", CLASS)
def test_everybody_gets_exactly_the_expected_points(course, student):
    row = course.first_table[student]
    assert {name: row[name] for name in EXERCISES} == {
        name: points(value) for name, value in course.expected[student].items()
    }
    assert row["total"] == points(sum(course.expected[student].values()))
    assert row["of"] == "20"


@pytest.mark.parametrize("student", CLASS)
def test_what_was_odd_is_told_and_nothing_else(course, student):
    result = next(one for one in course.first.results if one.student.id == student)
    assert {flag for flag, _ in result.marked.flags} == CLASS[student].flags
    assert result.waits == CLASS[student].waits
    assert result.submitted == (student != "absent")
    assert result.failure == ""
    assert course.first_table[student]["waiting for a person"] == (TEXT if CLASS[student].waits else "")


def test_the_batch_was_complete_and_everything_was_run_apart(course):
    assert [one.student.id for one in course.first.results] == list(CLASS)
    assert set(course.first.fresh) == set(CLASS) - {"absent"}
    assert course.first.sandbox != "unprotected"
    assert course.first.unplaced == ()
    assert course.first.problems == ()


def test_slips_are_named_to_the_student_and_counted_for_the_instructor(course):
    assert "KV heads" in course.page("slip-heads") or "heads" in course.page("slip-heads")
    item = next(one for one in course.first.analysis.items if one.exercise == NUMBERS and not one.part)
    assert item.n == len(CLASS) - 1
    assert len(item.slips) >= 4


def test_the_failing_cell_is_named_with_its_error(course):
    page = course.page("raising")
    assert re.search(r"cell \d+, answer of q1-kv-per-token", page)
    assert "ZeroDivisionError" in page
    assert "took too long" in course.page("endless")
    assert "SyntaxError" in course.page("no-syntax")


@pytest.mark.parametrize("student", CLASS)
def test_no_page_holds_anothers_id_an_answer_or_a_hidden_case(course, student):
    page = course.page(student)
    for other in CLASS:
        if (
            other != student
            and not student.startswith(other)
            and other not in ("right", "untouched", "moved", "raising", "absent")
        ):
            assert not re.search(rf"(?<![\w-]){other}(?![\w-])", page), other
    assert "@example.org" not in page
    assert course.assignment.secret not in page
    text = re.sub(r"<[^>]*>", " ", page.split("<body>")[1])
    cells = re.sub(r"(?s)<pre.*?</pre>", "", page)
    if student in ("endless", "tampered", "fake-result", "slip-layers", "deleted"):
        answers = exercise(NUMBERS).answers(course.assignment.params[student][NUMBERS])
        for value in answers.values():
            assert not re.search(rf"(?<![\d.]){re.escape(f'{float(value):g}')}(?![\d.])", cells), value
    assert "rankings" not in text.replace("Fuse two rankings", "")


def test_manual_marks_count_and_survive_the_next_grade(marked):
    full = exercise(TEXT).points
    for student, row in marked.second_table.items():
        given = {"right": full, "moved": full / 2}.get(student, 0.0)
        assert row[TEXT] == points(given), student
        assert row["total"] == points(sum(marked.expected[student].values()) + given)
        assert row["waiting for a person"] == ""
    assert marked.second.fresh == (), "nothing had changed, so nothing was run"
    assert "said to right" in marked.page("right")
    assert "said to moved" not in marked.page("right")
    before = (marked.root / "graded" / "marks.csv").read_bytes()
    third = marked.grade()
    assert marked.table() == marked.second_table
    assert third.fresh == ()
    assert (marked.root / "graded" / "marks.csv").read_bytes() == before


def test_final_totals_go_to_canvas_and_moodle(marked):
    assert marked.second.failed == []
    canvas = list(csv.reader(marked.second.files["canvas"].open(newline="")))
    assert canvas[1][0] == "    Points Possible"
    assert len(canvas) == len(CLASS) + 2
    moodle = marked.table("moodle")
    assert moodle["right@example.org"]["week-1"] == "20"


def test_one_who_hands_in_again_is_the_only_one_graded_anew(marked):
    path = marked.root / "submitted" / "untouched" / "q2.ipynb"
    notebook = json.loads(path.read_text())
    other = json.loads((marked.root / "submitted" / "right" / "q2.ipynb").read_text())
    for cell, solved in zip(notebook["cells"], other["cells"], strict=True):
        if cell["metadata"]["workbook"]["role"] == "answer":
            cell["source"] = solved["source"]
    path.write_text(json.dumps(notebook))
    report = marked.grade()
    assert report.fresh == ("untouched",)
    row = marked.table()["untouched"]
    assert (row[BUILD], row["total"]) == (points(FULL[BUILD]), points(FULL[BUILD]))
    others = {name: row for name, row in marked.table().items() if name != "untouched"}
    assert others == {name: row for name, row in marked.second_table.items() if name != "untouched"}


def test_an_open_answer_changed_after_its_marks_keeps_them_and_is_flagged(marked):
    path = marked.root / "submitted" / "moved" / "q1.ipynb"
    path.write_text(path.read_text().replace(ANSWER[:20], "Another thought"))
    report = marked.grade()
    assert report.fresh == ("moved",)
    row = marked.table()["moved"]
    assert row[TEXT] == points(exercise(TEXT).points / 2)
    assert Flag.CHANGED_SINCE_MARKED.value in row["flags"]
    assert "Another thought" in (marked.root / "graded" / "review.html").read_text()
    assert "said to moved" in marked.page("moved")
