"""workbook assign: what it writes, prints and refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workbook"))
from test_cli_json import compare

from workbook.cli import app
from workbook.grading.assignment import load

ROSTER = "id,name,email\n4711,Jane Doe,j@x.org\nada,Ada,a@x.org\n"


@pytest.fixture
def assign(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "roster.csv").write_text(ROSTER)

    def run(*args):
        return CliRunner().invoke(app, ["assign", *args])

    return run


def test_it_writes_a_folder_per_student_and_says_what_to_keep(assign, tmp_path):
    result = assign("q1", "q2", "--roster", "roster.csv", "--out", "ps1", "--name", "ps1")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "ps1" / "students").iterdir()) == ["4711", "ada"]
    assert "2 folders to hand out" in result.output
    assert "keep to yourself: ps1/instructor" in result.output
    assert load(tmp_path / "ps1").name == "ps1"


def test_its_json_is_as_documented(assign, tmp_path):
    (tmp_path / "roster.csv").write_bytes(ROSTER.replace("Jane", "Jané").encode("latin-1"))
    result = assign("q1", "--roster", "roster.csv", "--out", "ps1", "--exercises", "q1-kv-per-token", "--json")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    compare("assign", record)
    assert record["students"] == ["4711", "ada"]
    assert record["exercises"][0]["id"] == "q1-kv-per-token"
    assert "Latin-1" in record["notes"][0]


def test_a_seed_makes_the_same_numbers_again(assign, tmp_path):
    for out, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert assign("q1", "--roster", "roster.csv", "--out", out, "--seed", seed).exit_code == 0
    a, b, c = (load(tmp_path / name).params for name in "abc")
    assert a == b
    assert a != c


def test_it_adds_new_students_only(assign, tmp_path):
    assign("q1", "--roster", "roster.csv", "--out", "ps1")
    before = (tmp_path / "ps1/students/ada/q1.ipynb").read_bytes()
    (tmp_path / "roster.csv").write_text("id,name\nada,Ada\neve,Eve\n")
    result = assign("--roster", "roster.csv", "--out", "ps1", "--add", "--json")
    record = json.loads(result.stdout)
    assert record["students"] == ["eve"]
    assert record["notes"] == ["4711 is no longer on the roster; the folder stays"]
    assert (tmp_path / "ps1/students/ada/q1.ipynb").read_bytes() == before
    assert "nobody was new" in assign("--roster", "roster.csv", "--out", "ps1", "--add").output


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (("q1", "--out", "x"), "--roster is missing"),
        (("q1", "--roster", "roster.csv"), "--out is missing"),
        (("q8", "--roster", "roster.csv", "--out", "x"), "no question 'q8'"),
        (("--roster", "roster.csv", "--out", "x"), "no question is named"),
        (("q1", "--roster", "none.csv", "--out", "x"), "no roster"),
        (("q1", "--roster", "roster.csv", "--out", "x", "--id-column", "matric"), "no column 'matric'"),
        (("q1", "--roster", "roster.csv", "--out", "x", "--exercises", "q1-no"), "no exercise 'q1-no'"),
        (("q1", "--roster", "roster.csv", "--out", "x", "--format", "zip"), "no such format"),
        (("q1", "--roster", "roster.csv", "--out", "x", "--add"), "QUESTION has no meaning with --add"),
        (("--roster", "roster.csv", "--out", "x", "--add"), "no assignment in x"),
        (("q1", "--roster", "roster.csv", "--out", "roster.csv/x"), "cannot be written"),
        (("q1", "--roster", "roster.csv", "--out", "x", "--format", "nbgrader"), "--roster has no meaning"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_mend_and_writes_nothing(assign, tmp_path, args, why):
    result = assign(*args, "--json")
    assert result.exit_code in (2, 3)
    error = json.loads(result.stdout)["error"]
    assert why in error["message"]
    assert error["mend"]
    assert [path.name for path in tmp_path.iterdir()] == ["roster.csv"]
