"""`workbook grade` beside `nbgrader autograde`: the same answers handed in to both, honest, wrong and hostile ones.

nbgrader is no dependency: `make bench` gives it an environment of its own, or WORKBOOK_NBGRADER names one. It runs
students' code without isolation, so only such attacks are made here as harm nothing but the marks.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import rotate
from benchmarks.peers.comparing import ROUNDS, Part, paired_ratio, shares
from benchmarks.peers.own_environment import python_of
from exercises.catalogue import exercise, solution
from workbook.grading.assignment import make, write
from workbook.grading.nbgrader_export import write_course
from workbook.grading.types import Student

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "WORKBOOK_NBGRADER"
SIZE = "q1-kv-per-token"
START = "from workbook.cli import app; app()"
ATTACKS = {
    "equal to everything": """
class Right(float):
    __eq__ = __le__ = __ge__ = __lt__ = __gt__ = lambda self, other: True
    __hash__ = float.__hash__
kv_kib_per_token = conversations = Right(12345.0)
""",
    "computes it with the package that marks it": """
from exercises.catalogue import solution
exec(solution("q1-kv-per-token").code)
""",
    "replaces the marking function": """
import exercises.nbgrader
exercises.nbgrader.points = lambda *arguments, **named: 4.0
kv_kib_per_token = conversations = 12345.0
""",
    "replaces the judge": """
import exercises.checking, types
exercises.checking.judge = lambda *arguments, **named: types.SimpleNamespace(parts=(), earned=4.0)
kv_kib_per_token = conversations = 12345.0
""",
    "replaces the builtin that compares": """
import builtins, math
math.isclose = lambda *arguments, **named: True
builtins.abs = lambda number: 0
kv_kib_per_token = conversations = 12345.0
""",
}


def answers() -> dict[str, str]:
    """Student -> what stands in the answer cell below its first line. An attack answers what earns nothing plainly."""
    right, wrong = solution(SIZE).code, "\n".join(f"{ask.name} = 12345.0" for ask in exercise(SIZE).asks)
    made = {"right-0": right, "wrong-0": wrong, "untouched-0": ""}
    return made | {f"attack-{n}": code for n, code in enumerate(ATTACKS.values())}


def compare(quick: bool = False) -> Part:
    part, python = Part(), python_of(VARIABLE, "nbgrader")
    what = "wall time of a class; credit for wrong answers and attacks"
    if not python:
        reason = f"no environment with nbgrader: `make bench` makes one, or {VARIABLE} names its Python"
        part.leave_out(what, "nbgrader", reason)
        return part
    given, rounds = answers(), 1 if quick else ROUNDS
    timed = {name: given[name] for name in ("right-0", "wrong-0", "untouched-0")}
    with tempfile.TemporaryDirectory(prefix="wb-peers-") as name:
        took = _graded(Path(name) / "timed", timed, rounds, python)
        _graded(Path(name) / "marked", given, 1, python)
        mine, other = _our_points(Path(name) / "marked/ours"), _their_points(Path(name) / "marked/theirs", python)
    part.versions = _versions(python)
    what = f"{len(timed)} submissions graded"
    part.rows.append(paired_ratio(what, "s", "nbgrader", took["workbook"], took["nbgrader"]))
    for kind, text in (("wrong", "wrong answers credited"), ("attack", "attacks on the marks credited"),
                       ("right", "right answers credited in full")):  # fmt: skip
        names = [name for name in given if name.startswith(kind)]
        full = exercise(SIZE).points if kind == "right" else 1e-9
        pair = [(sum(points[name] >= full for name in names), len(names)) for points in (mine, other)]
        part.rows.append(shares(text, "nbgrader", *pair, more_is_better=kind == "right"))
    part.conditions = {
        "class": f"timed: {', '.join(timed)}; marked: those and {len(ATTACKS)} attacks; one exercise ({SIZE})",
        "attacks": {
            name: {"workbook": mine[f"attack-{n}"], "nbgrader": other[f"attack-{n}"]} for n, name in enumerate(ATTACKS)
        },
        "timed": "one command from start to end: all sandboxes, marks and pages of `workbook grade`, one student per "
        "core at a time; `nbgrader autograde` alone, one at a time, its feedback not made",
        "rounds": f"{rounds}, in turns",
    }
    return part


def _graded(folder: Path, given: dict[str, str], rounds: int, python: str) -> dict[str, list[float]]:
    """Side -> seconds of each round."""
    _ours(folder / "ours", given)
    _theirs(folder / "theirs", given, python)
    commands = {
        "workbook": ([sys.executable, "-c", START, "grade", str(folder / "ours"), "--again"], folder),
        "nbgrader": ([python, "-m", "nbgrader", "autograde", "ps", "--force"], folder / "theirs"),
    }
    took: dict[str, list[float]] = {side: [] for side in commands}
    for _, side in rotate(tuple(commands), rounds):
        begun = time.perf_counter()
        _run(*commands[side], python)
        took[side].append(time.perf_counter() - begun)
    return took


def _ours(folder: Path, given: dict[str, str]) -> None:
    assignment = make("ps", ["q1"], [Student(name, name) for name in given], [SIZE], seed="7")
    write(assignment, folder)
    for name, code in given.items():
        notebook = json.loads((folder / "students" / name / "q1.ipynb").read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            marks = cell["metadata"].get("workbook", {})
            if marks.get("role") == "answer" and code:
                cell["source"] = "".join(cell["source"]).split("\n")[0] + "\n" + code
        target = folder / "submitted" / name / "q1.ipynb"
        target.parent.mkdir(parents=True)
        target.write_text(json.dumps(notebook), encoding="utf-8")


def _theirs(course: Path, given: dict[str, str], python: str) -> None:
    write_course("ps", ["q1"], course, [SIZE], seed="7")
    _run([python, "-m", "nbgrader", "generate_assignment", "ps"], course, python)
    for name, code in given.items():
        target = course / "submitted" / name / "ps"
        shutil.copytree(course / "release" / "ps", target)
        notebook = json.loads((target / "q1.ipynb").read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["metadata"]["nbgrader"]["grade_id"] == f"{SIZE}-answer" and code:
                cell["source"] = "".join(cell["source"]) + "\n" + code
        (target / "q1.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def _run(command: list[str], folder: Path, python: str) -> str:
    """Its output. Raises RuntimeError with the end of what it said if it failed."""
    path = os.pathsep.join([str(Path(python).absolute().parent), os.environ["PATH"]])
    env = {**os.environ, "PYTHONPATH": str(ROOT)} | ({"PATH": path} if command[0] == python else {})
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:5])} failed: {(done.stdout + done.stderr)[-300:]}")
    return done.stdout


def _our_points(folder: Path) -> dict[str, float]:
    import csv

    with (folder / "graded" / "grades.csv").open(newline="", encoding="utf-8") as file:
        return {row["id"]: float(row[SIZE] or 0) for row in csv.DictReader(file)}


def _their_points(course: Path, python: str) -> dict[str, float]:
    code = (
        "import json\nfrom nbgrader.api import Gradebook\n"
        "with Gradebook('sqlite:///gradebook.db', 'ps') as book:\n"
        "    print(json.dumps({s.student.id: s.score for s in book.assignment_submissions('ps')}))\n"
    )
    points: dict[str, float] = json.loads(_run([python, "-c", code], course, python))
    return points


def _versions(python: str) -> dict[str, Any]:
    code = "import json, nbgrader, nbconvert\nprint(json.dumps([nbgrader.__version__, nbconvert.__version__]))"
    said = json.loads(_run([python, "-c", code], ROOT, python))
    return dict(zip(("nbgrader", "nbconvert"), said, strict=True))
