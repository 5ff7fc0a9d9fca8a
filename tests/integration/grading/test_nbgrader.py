"""nbgrader itself: its generate_assignment, autograde and export on the exported course, and its reader on handouts.

It is no dependency: `make bench` makes an environment with it, or WORKBOOK_NBGRADER names one.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.peers.own_environment import python_of
from workbook.grading.assignment import make
from workbook.grading.handout import files
from workbook.grading.nbgrader_export import write_course
from workbook.grading.types import Student

ROOT = Path(__file__).resolve().parents[3]
PYTHON = python_of("WORKBOOK_NBGRADER", "nbgrader")
KV, REVIEW, CUT, FUSE = IDS = ["q1-kv-per-token", "q1-replica-review", "q1-budget-cut", "q2-rank-fusion"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="no nbgrader: `make bench` or WORKBOOK_NBGRADER"),
]


def run(folder: Path, *args: str) -> str:
    """The output of a command of that Python, in `folder`."""
    path = os.pathsep.join([str(Path(PYTHON).absolute().parent), os.environ["PATH"]])
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path}
    made = subprocess.run([PYTHON, *args], cwd=folder, env=env, capture_output=True, text=True, timeout=280)
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout


def edit(notebook: Path, sources: dict[str, str]) -> None:
    nb = json.loads(notebook.read_text())
    for cell in nb["cells"]:
        name = cell["metadata"]["nbgrader"]["grade_id"]
        if name in sources:
            cell["source"] = "".join(cell["source"]) + sources[name]
    notebook.write_text(json.dumps(nb))


def test_nbgrader_generates_and_autogrades_the_course_with_the_expected_marks(tmp_path):
    course = tmp_path / "course"
    write_course("ps1", ["q1", "q2"], course, IDS, seed="7")
    run(course, "-m", "nbgrader", "generate_assignment", "ps1")
    for question in ("q1", "q2"):
        released = (course / "release" / "ps1" / f"{question}.ipynb").read_text()
        assert "SOLUTION" not in released
        assert "HIDDEN" not in released
    for student in ("right", "wrong", "untouched"):
        shutil.copytree(
            course / ("source" if student == "right" else "release") / "ps1", course / f"submitted/{student}/ps1"
        )
    forgot = "\nkv_kib_per_token = layers * kv_heads * head_dim * 2 / 1024\n"  # the keys, and not the values
    edit(course / "submitted/wrong/ps1/q1.ipynb", {f"{KV}-answer": forgot, f"{CUT}-answer": "A smaller model.\n"})
    edit(course / "submitted/wrong/ps1/q2.ipynb", {f"{FUSE}-answer": "\ndef fuse(rankings, k):\n    return []\n"})
    run(course, "-m", "nbgrader", "autograde", "ps1")
    run(course, "-m", "nbgrader", "export")
    with (course / "grades.csv").open(newline="") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    query = (
        "import json\nfrom nbgrader.api import Gradebook\n"
        "with Gradebook('sqlite:///gradebook.db', 'ps1') as book:\n"
        "    print(json.dumps({f'{s.student.id} {g.name}': [g.auto_score, g.needs_manual_grade]\n"
        "        for s in book.assignment_submissions('ps1') for n in s.notebooks for g in n.grades}))\n"
    )
    grades = json.loads(run(course, "-c", query))

    assert grades == {
        f"right {KV}-marks": [4, False], f"right {REVIEW}-marks": [4, False], f"right {FUSE}-marks": [6, False],
        f"right {CUT}-answer": [None, True],
        f"wrong {KV}-marks": [pytest.approx(grades[f"wrong {KV}-marks"][0]), False],
        f"wrong {REVIEW}-marks": [0, False], f"wrong {FUSE}-marks": [0, False], f"wrong {CUT}-answer": [None, True],
        f"untouched {KV}-marks": [0, False], f"untouched {REVIEW}-marks": [0, False],
        f"untouched {FUSE}-marks": [0, False], f"untouched {CUT}-answer": [0, False],
    }  # fmt: skip
    assert 0 < grades[f"wrong {KV}-marks"][0] < 4
    assert scores == {"right": 14, "untouched": 0, "wrong": grades[f"wrong {KV}-marks"][0]}


def test_nbgraders_own_reader_accepts_every_handed_out_notebook(tmp_path):
    student = Student("ada")
    made = make("ps1", ["q1", "q2"], [student], IDS, seed="7")
    names = [name for name in files(made, student) if name.endswith(".ipynb")]
    for name in names:
        (tmp_path / name).write_text(files(made, student)[name], encoding="utf-8")
    code = (
        "import sys\nfrom nbgrader.nbgraderformat import read\nfrom nbgrader import utils\n"
        "for name in sys.argv[1:]:\n"
        "    cells = read(open(name), as_version=4).cells\n"
        "    kinds = (utils.is_locked, utils.is_solution, utils.is_grade)\n"
        "    print(name, *(sum(map(kind, cells)) for kind in kinds))\n"
    )
    said = run(tmp_path, "-c", code, *names).splitlines()
    assert said == ["q1.ipynb 11 3 1", "q2.ipynb 5 1 0"]
