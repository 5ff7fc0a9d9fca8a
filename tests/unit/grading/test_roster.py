"""Rosters as Canvas, Moodle and people write them; an unusable one is an error with its row, column and mend."""

from __future__ import annotations

import pytest

from workbook.grading.roster import read_roster
from workbook.grading.types import GradingError

CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section
    Points Possible,,,,
"Doe, Jane",4711,S-1,jdoe,"Design, A"
"Żak, Bob",4712,S-2,bzak,"Design, B"
"""
MOODLE = """\
First name,Last name,ID number,Email address
Jane,Doe,s100,jane@example.org
Bob,Żak,s101,bob@example.org
"""


def roster(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "roster.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_canvas_names_people_last_name_first_and_keeps_its_columns(tmp_path):
    (jane, bob), notes = read_roster(roster(tmp_path, CANVAS))
    assert (jane.id, jane.name) == ("4711", "Jane Doe")
    assert bob.name == "Bob Żak"
    assert jane.columns == {
        "Student": "Doe, Jane", "ID": "4711", "SIS User ID": "S-1", "SIS Login ID": "jdoe", "Section": "Design, A",
    }  # fmt: skip
    assert notes == ()


@pytest.mark.parametrize("last", ["Last name", "Surname"])
def test_moodle_has_two_columns_for_a_name(tmp_path, last):
    (jane, _), _ = read_roster(roster(tmp_path, MOODLE.replace("Last name", last)))
    assert (jane.id, jane.name, jane.email) == ("s100", "Jane Doe", "jane@example.org")


def test_moodle_without_id_numbers_is_read_by_address(tmp_path):
    text = MOODLE.replace("s100", "").replace("s101", "")
    assert [one.id for one in read_roster(roster(tmp_path, text))[0]] == ["jane@example.org", "bob@example.org"]


def test_another_column_can_be_named(tmp_path):
    students, _ = read_roster(roster(tmp_path, CANVAS), "sis login id")
    assert [one.id for one in students] == ["jdoe", "bzak"]


@pytest.mark.parametrize(
    "text",
    [
        "id,name,email\n1,Jane Doe,j@x.org\n2,Bob,b@x.org\n",
        "\ufeffid,name,email\n1,Jane Doe,j@x.org\n2,Bob,b@x.org\n",
        "id;name;email\r\n1;Jane Doe;j@x.org\r\n2;Bob;b@x.org\r\n",
        "id\tname\temail\n1\tJane Doe\tj@x.org\n2\tBob\tb@x.org\n",
        '\n\n" ID ","Name","Email"\n\n"1"," Jane  Doe ","j@x.org"\n,,\n"2","Bob","b@x.org"\n\n',
        "sep=;\nid;name;email\n1;Jane Doe;j@x.org\n2;Bob;b@x.org\n",
        "id,name,email\n1,Jane Doe,j@x.org,\n2,Bob,b@x.org\n",
    ],
)
def test_separators_quotes_blank_lines_and_byte_order_marks_do_not_matter(tmp_path, text):
    students, notes = read_roster(roster(tmp_path, text))
    assert [(one.id, one.name, one.email) for one in students] == [
        ("1", "Jane Doe", "j@x.org"),
        ("2", "Bob", "b@x.org"),
    ]
    assert notes == ()


def test_latin_1_is_read_and_said(tmp_path):
    students, (note,) = read_roster(roster(tmp_path, "id,name\n1,Jane\n2,Jürgen Größe\n", "latin-1"))
    assert students[1].name == "Jürgen Größe"
    assert "row 3" in note
    assert "Latin-1" in note


def test_utf_16_is_read(tmp_path):
    assert read_roster(roster(tmp_path, "id\tname\n1\tJürgen\n", "utf-16"))[0][0].name == "Jürgen"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("../x,A", "leads to another folder"),
        ("a/b,A", "leads to another folder"),
        ("a\\b,A", "leads to another folder"),
        ("..,A", "leads to another folder"),
        (",A", "the id is empty"),
        ("CON,A", "device"),
        ("lpt1.x,A", "device"),
        ("аda,A", "U\\+0430"),  # Cyrillic
        ("e\u0301va,A", "U\\+0301"),
        ("\u202eabc,A", "U\\+202E"),
        ("a:b,A", "no folder name"),
        ('"a""b",A', "no folder name"),
        ("a*,A", "no folder name"),
        (".hidden,A", "no folder name"),
        ("-rf,A", "no folder name"),
        ("a b,A", "no folder name"),
        ("ada.,A", "ends with a dot"),
        ("\x01,A", "no folder name"),
        (f"{'a' * 65},A", "longer than 64"),
    ],
)
def test_an_id_that_is_no_safe_folder_name_is_named_with_its_row_and_column(tmp_path, row, why):
    with pytest.raises(GradingError, match=f"row 3, column 'id'.*{why}") as raised:
        read_roster(roster(tmp_path, f"id,name\nok,B\n{row}\n"))
    assert "--id-column" in raised.value.mend


@pytest.mark.parametrize("name", ["4711", "jane.doe@x.org", "a_b-c", "Ada", "+49", "console"])
def test_usual_ids_are_accepted(tmp_path, name):
    assert read_roster(roster(tmp_path, f"id\n{name}\n"))[0][0].id == name


@pytest.mark.parametrize(("second", "how"), [("ada", "is also in row 2"), ("ADA", "differs only in case")])
def test_two_students_need_two_folders(tmp_path, second, how):
    with pytest.raises(GradingError, match=f"row 4, column 'id': '{second}' {how}"):
        read_roster(roster(tmp_path, f"id,name\nada,A\nbob,B\n{second},C\n"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name,section\nA,1\n", "row 1: no column of ids among name, section"),
        ("id,name\n", "no student below"),
        ("", "is empty"),
        ("id,id\n1,2\n", "'id' is there twice"),
        ("id,name\n1,A,b,c\n", "row 2: 4 cells, but the header has 2 columns"),
        ("id,name\n,A\n,B\n", "row 2, column 'id': no id"),
    ],
)
def test_an_unusable_roster_is_an_error_that_says_where(tmp_path, text, why):
    with pytest.raises(GradingError, match=why) as raised:
        read_roster(roster(tmp_path, text))
    assert raised.value.mend


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path):
    with pytest.raises(GradingError, match="no column 'matric'; it has id, name"):
        read_roster(roster(tmp_path, "id,name\n1,A\n"), "matric")


def test_what_is_no_csv_is_an_error(tmp_path):
    with pytest.raises(GradingError, match="no roster"):
        read_roster(tmp_path / "none.csv")
    with pytest.raises(GradingError, match="no roster"):
        read_roster(tmp_path)
    sheet = tmp_path / "roster.xlsx"
    sheet.write_bytes(b"PK\x03\x04xxx")
    with pytest.raises(GradingError, match="spreadsheet"):
        read_roster(sheet)
