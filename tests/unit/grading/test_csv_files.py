from __future__ import annotations

import csv
import io

import pytest
from marking_values import BUILD, FIND, NUMBERS, TEXT, all_right, assignment, graded, ran, right, submission

from exercises.catalogue import exercise
from reference.sizing.spreadsheet import as_typed, harmless
from workbook.grading.csv_files import CANVAS, as_csv, canvas, grades, moodle, points, write_grades
from workbook.grading.marking import with_manual
from workbook.grading.results import Graded
from workbook.grading.types import Flag, Student

AUTOMATIC = (NUMBERS, FIND, BUILD)
FULL = sum(exercise(name).points for name in AUTOMATIC)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def class_of(*students, exercises=AUTOMATIC):
    made = assignment(*students, exercises=exercises)
    return made, [graded(made, one, all_right(made, one.id)) for one in made.students]


def test_a_row_per_student_with_points_of_every_exercise():
    made, results = class_of("ada", "bob")
    table = rows(grades(made, results))
    assert [row["id"] for row in table] == ["ada", "bob"]
    for row in table:
        assert {name: float(row[name]) for name in AUTOMATIC} == {name: exercise(name).points for name in AUTOMATIC}
        assert float(row["total"]) == float(row["of"]) == FULL
        assert row["remark"] == row["flags"] == row["waiting for a person"] == ""


def test_who_waits_who_failed_and_who_handed_in_nothing_say_so():
    made = assignment("ada", "bob", "eve")
    ada, bob, eve = made.students
    results = [
        graded(made, ada, all_right(made, "ada")),
        graded(made, bob, [], failure="the grading process was ended by SIGKILL"),
        graded(made, eve, [], submitted=False),
    ]
    first, second, third = rows(grades(made, results))
    assert (first["waiting for a person"], float(first["total"])) == (TEXT, FULL)
    assert (second["total"], second[NUMBERS]) == ("", "")
    assert second["remark"] == "could not be graded: the grading process was ended by SIGKILL"
    assert (third["total"], third["remark"]) == ("0", "nothing was handed in")


def test_flags_are_told_once_with_what_they_concern():
    made = assignment(exercises=(NUMBERS,))
    flag = (Flag.RETYPED_CELL, NUMBERS)
    one = graded(made, made.students[0], [(submission(flags=(flag, flag)), ran({NUMBERS: right(made, NUMBERS)}))])
    [row] = rows(grades(made, [one]))
    assert row["flags"] == f"{Flag.RETYPED_CELL.value}: {NUMBERS}"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r", " =", "＝"])
def test_no_cell_is_run_by_a_spreadsheet(start):
    evil = f"{start}HYPERLINK(A1)"
    made = assignment(
        Student("ada", evil, columns={"Student": evil, "SIS Login ID": evil, "Section": evil}), exercises=(NUMBERS,)
    )
    one = graded(
        made, made.students[0], [(submission(flags=((Flag.MOVED_CELL, evil),)), ran({NUMBERS: right(made, NUMBERS)}))]
    )
    for text in (grades(made, [one]), canvas(made, [one]), moodle(made, [one])):
        for row in csv.reader(io.StringIO(text, newline="")):
            assert not [cell for cell in row if cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "＝"))]


def test_what_is_made_harmless_reads_back_as_it_was():
    for text in ("=1", "+1", "-1", "@x", "\tx", "'=1", "'", "", "plain", " =1", "'quoted'"):
        assert as_typed(harmless(text)) in (text, text[1:])  # '=1 and =1 are one text for a spreadsheet, too
        assert harmless(as_typed(harmless(text))) == harmless(text)


def test_canvas_gets_its_columns_its_points_row_and_its_own_numbers_back():
    roster = {"Student": "Lovelace, Ada", "ID": "4711", "SIS User ID": "s-1", "SIS Login ID": "ada", "Section": "Mon"}
    made, results = class_of(Student("s-1", "Ada", columns=roster))
    head, possible, ada = csv.reader(io.StringIO(canvas(made, results)))
    assert tuple(head) == (*CANVAS, "week-3")
    assert possible == ["    Points Possible", "", "", "", "", points(FULL)]
    assert ada == ["Lovelace, Ada", "4711", "s-1", "ada", "Mon", points(FULL)]


def test_a_schools_own_number_is_never_put_where_canvas_reads_its_own():
    """Canvas reads "12b" in ID as its user 12."""
    made, results = class_of(Student("12b", "Ada", columns={"id": "12b", "name": "Ada"}))
    _, _, ada = csv.reader(io.StringIO(canvas(made, results)))
    assert ada == ["Ada", "", "12b", "", "", points(FULL)]


def test_moodle_gets_what_identifies_its_users():
    columns = {"Email address": "ada@example.org", "ID number": "17", "First name": "Ada"}
    made, results = class_of(Student("17", "Ada", "ada@example.org", columns))
    [row] = rows(moodle(made, results))
    assert list(row) == ["Email address", "ID number", "week-3", "week-3 (feedback)"]
    assert (row["Email address"], row["ID number"], float(row["week-3"])) == ("ada@example.org", "17", FULL)
    assert f"{NUMBERS}: 4 of 4" in row["week-3 (feedback)"]


def test_a_column_that_identifies_only_some_is_not_offered_to_moodle():
    """One unknown user stops its whole import."""
    made, results = class_of(Student("1", "Ada", "ada@example.org"), Student("2", "Bob"))
    assert [row["ID number"] for row in rows(moodle(made, results))] == ["1", "2"]
    assert "Email address" not in rows(moodle(made, results))[0]


def test_only_final_totals_go_to_canvas_and_moodle():
    made = assignment("ada", "bob", "eve", "kim")
    ada, bob, eve, kim = made.students
    done = {TEXT: {criterion.name: criterion.points for criterion in exercise(TEXT).rubric}}
    marked = graded(made, ada, all_right(made, "ada"))
    results = [
        Graded(with_manual(marked.marked, done, {})),
        graded(made, bob, all_right(made, "bob")),
        graded(made, eve, [], failure="x"),
        graded(made, kim, [], submitted=False),
    ]
    assert [row["SIS User ID"] for row in rows(canvas(made, results))] == ["", "ada", "kim"]
    assert [(row["ID number"], row["week-3"]) for row in rows(moodle(made, results))] == [
        ("ada", points(FULL + exercise(TEXT).points)),
        ("kim", "0"),
    ]


def test_three_files_are_written_and_none_if_one_cannot_be(tmp_path):
    made, results = class_of("ada")
    written = write_grades(tmp_path / "deep" / "grades.csv", made, results)
    assert {path.name for path in written.values()} == {"grades.csv", "grades-canvas.csv", "grades-moodle.csv"}
    before = written["grades"].read_text()
    with pytest.raises(AttributeError):
        write_grades(tmp_path / "deep" / "grades.csv", made, [*results, None])
    assert written["grades"].read_text() == before
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == sorted(p.name for p in written.values())


def test_points_have_two_decimals_at_most():
    assert [points(value) for value in (0, 1, 1.5, 2 / 3, 12.0, 10, 0.004, 100)] == [
        "0",
        "1",
        "1.5",
        "0.67",
        "12",
        "10",
        "0",
        "100",
    ]


def test_a_long_or_broken_text_neither_breaks_nor_fills_the_table():
    text = as_csv([["a\ud800b", "x" * 9000, 'say "hi", now', "one\ntwo", "\u202egnp.exe"]])
    text.encode("utf-8")
    [row] = csv.reader(io.StringIO(text, newline=""))
    assert row[0] == "a\N{REPLACEMENT CHARACTER}b"
    assert len(row[1]) == 2000
    assert row[2:4] == ['say "hi", now', "one\ntwo"]
    assert row[4] == "\N{REPLACEMENT CHARACTER}gnp.exe"
