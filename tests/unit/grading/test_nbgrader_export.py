"""The course for nbgrader: solutions and hidden tests in regions, points that nbgrader takes as partial credit."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from handed_out import CUT, FUSE, IDS, KV, REVIEW

from exercises.catalogue import exercise, solution
from exercises.nbgrader import points
from workbook.grading.nbgrader_export import write_course
from workbook.grading.types import GradingError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def course(tmp_path):
    made = write_course("ps1", ["q1", "q2"], tmp_path / "course", IDS, seed="7")
    cells = {}
    for question in ("q1", "q2"):
        nb = nbformat.read(tmp_path / "course" / "source" / "ps1" / f"{question}.ipynb", 4)
        nbformat.validate(nb)
        cells |= {one.id: one for one in nb.cells}
    return made, cells, tmp_path / "course"


def without(source, region):
    return re.sub(rf"### BEGIN {region}\n.*?### END {region}", "", source, flags=re.DOTALL)


def result_of(source, space):
    """What a notebook shows of a cell: the value of its last expression."""
    head, _, last = source.replace("### END HIDDEN TESTS", "").strip().rpartition("\n")
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(head, space)
        value = eval(last, space)
    return value, said.getvalue()


def test_the_instructors_notebook_earns_everything_and_the_students_nothing(course):
    _, cells, _ = course
    for name in (KV, REVIEW, FUSE):
        for source, share in ((lambda text: text, 1), (lambda text: without(text, "SOLUTION"), 0)):
            space: dict = {"__name__": "__main__"}
            exec(cells[f"{name}-numbers"].source, space)
            exec(source(cells[f"{name}-answer"].source), space)
            value, said = result_of(cells[f"{name}-marks"].source, space)
            assert value == share * exercise(name).points
            assert said


def test_a_slip_earns_part_of_the_points_and_says_why(course):
    made, _, _ = course
    params = made.params["everybody"][KV]
    answers = exercise(KV).answers(params)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        earned = points(KV, params, {"kv_kib_per_token": answers["kv_kib_per_token"] / 2, "conversations": 1})
    assert 0 < earned < exercise(KV).points
    assert "not yet" in said.getvalue()


def test_nothing_of_a_solution_stands_outside_its_region(course):
    _, cells, _ = course
    for one in cells.values():
        left = without(without(one.source, "SOLUTION"), "HIDDEN TESTS")
        assert "exercises.nbgrader" not in left
        for name in IDS:
            lines = [line.strip() for line in solution(name).code.splitlines() if len(line.strip()) > 30]
            assert not [line for line in lines if line in left]
            assert not [row.full for row in exercise(name).rubric if row.full in left]


def test_metadata_says_who_writes_and_who_marks(course):
    _, cells, _ = course
    meta = {name: one.metadata["nbgrader"] for name, one in cells.items()}
    assert len({one["grade_id"] for one in meta.values()}) == len(cells)
    assert all(one["schema_version"] == 3 for one in meta.values())
    marked = {name: one["points"] for name, one in meta.items() if one["grade"]}
    assert marked == {
        f"{KV}-marks": 4, f"{REVIEW}-marks": 4, f"{CUT}-answer": 6, f"{FUSE}-marks": 6,
    }  # fmt: skip
    for name, one in meta.items():
        assert one["solution"] is name.endswith("-answer")
        assert one["locked"] is not one["solution"]


def test_a_course_that_is_there_keeps_its_settings_and_gets_the_assignment(course):
    _, _, folder = course
    (folder / "nbgrader_config.py").write_text("# mine\n")
    write_course("ps2", ["q2"], folder, [FUSE])
    assert (folder / "nbgrader_config.py").read_text() == "# mine\n"
    assert sorted(path.name for path in (folder / "source").iterdir()) == ["ps1", "ps2"]
    with pytest.raises(GradingError, match="ps2 is there already"):
        write_course("ps2", ["q2"], folder, [FUSE])


def test_a_folder_that_is_no_course_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(GradingError, match="no nbgrader course"):
        write_course("ps1", ["q2"], tmp_path, [FUSE])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("name", ["../ps1", "a b", "con", "-x", ""])
def test_a_name_that_is_no_folder_is_refused(tmp_path, name):
    with pytest.raises(GradingError, match="nbgrader makes a folder of the name"):
        write_course(name, ["q2"], tmp_path / "course", [FUSE])
    assert not (tmp_path / "course").exists()


def test_hidden_cases_differ_between_courses(tmp_path):
    words = set()
    for name in ("a", "b"):
        write_course("ps1", ["q2"], tmp_path / name, [FUSE])
        text = (tmp_path / name / "source" / "ps1" / "q2.ipynb").read_text()
        words.add(re.search(r"hidden='(\w+)'", json.loads(json.dumps(text)))[1])
    assert len(words) == 2


def test_points_write_nothing_to_standard_error():
    """nbgrader gives nothing for a test cell that does; warnings of imports and of a student's code count."""
    code = (
        "import warnings, sys\n"
        "from exercises.nbgrader import points\n"
        "def fuse(rankings, k):\n    warnings.warn('x'); print('y', file=sys.stderr); return []\n"
        "print(points('q2-rank-fusion', {'k': 60}, globals()))\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "always", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stderr == ""
    assert run.stdout.splitlines()[-1] == "0.0"
