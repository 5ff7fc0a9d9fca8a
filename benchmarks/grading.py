"""How long a class takes: 100 submissions of one assignment with five exercises, from the folder to the pages.

Timed is `workbook grade` without the start of Python: reading, the sandboxes, comparing, tables and pages. The students
are made by code: right, wrong, untouched, and some whose cell never ends, which costs its whole time limit. Each round
grades everything anew; then once more with nothing changed.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import Result, spread
from exercises.catalogue import exercise, solution
from exercises.model import Kind
from workbook.grading.assignment import make, write
from workbook.grading.grade import Options, Report, grade
from workbook.grading.types import Assignment, Limits, Student

EXERCISES = ("q1-kv-per-token", "q1-replica-review", "q1-budget-cut", "q1-conversation-window", "q1-rate-limit")
STUDENTS, ROUNDS = 100, 3
TARGET_S = 600.0
KINDS = ("right",) * 9 + ("wrong",) * 6 + ("untouched",) * 4 + ("endless",)  # of 20 students


def run(quick: bool = False) -> Result:
    students, rounds = (4, 1) if quick else (STUDENTS, ROUNDS)
    with tempfile.TemporaryDirectory(prefix="workbook-grading-") as folder:
        assignment = _class(Path(folder) / "week", students)
        reports, unchanged = [], []
        for _ in range(rounds):
            reports.append(_graded(Path(folder), again=True))
            begun = time.perf_counter()
            again = _graded(Path(folder), again=False)
            unchanged.append(time.perf_counter() - begun)
            assert again.fresh == ()
    kinds = {name: _kinds(students).count(name) for name in dict.fromkeys(KINDS)}
    limits = Limits()
    result = Result(
        "grading",
        f"How long do {students} submissions of one assignment with {len(EXERCISES)} exercises take to grade?",
        {
            "exercises": list(EXERCISES),
            "students": kinds,
            "endless": f"one cell that never ends: stopped after {limits.cell_s:g} s, the others run again without it",
            "limits": f"{limits.cell_s:g} s a cell, {limits.total_s:g} s and {limits.memory_mb} MiB a notebook",
            "sandbox": f"{reports[0].sandbox}{_bubblewrap()}",
            "jobs": reports[0].jobs,
            "timed": "from the folder to tables, feedback and analysis; Python's start is not in it",
        },
    )
    _check(assignment, reports)
    walls = [report.seconds for report in reports]
    per_student = [one.seconds for report in reports for one in report.results]
    result.rows = [
        {"target": f"{students} submissions", "metric": "wall time", "unit": "s", **spread(walls)},
        {"target": "one submission", "metric": "wall time in its process", "unit": "s", **spread(per_student)},
        {"target": f"{students} submissions, nothing changed", "metric": "wall time", "unit": "s", **spread(unchanged)},
    ]
    worst = max(walls)
    verdict = "met" if worst <= TARGET_S else "missed"
    result.conclusions = [
        f"{students} submissions take {spread(walls)['median']:g} s, {worst:.3g} s at most of {len(walls)} rounds, "
        f"{reports[0].jobs} at a time; the target of {TARGET_S:g} s is {verdict}.",
        f"A regrade in which nothing changed takes {spread(unchanged)['median']:g} s.",
    ]
    return result


def _kinds(students: int) -> list[str]:
    if students < len(KINDS):
        return ["right", "wrong", "untouched", "endless"][:students]
    return [KINDS[number % len(KINDS)] for number in range(students)]


def _class(folder: Path, students: int) -> Assignment:
    people = [Student(f"student-{number:03d}", f"Student {number}") for number in range(students)]
    assignment = make("week", ["q1"], people, EXERCISES, seed="benchmark")
    write(assignment, folder)
    for student, kind in zip(people, _kinds(students), strict=True):
        notebook = json.loads((folder / "students" / student.id / "q1.ipynb").read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            marks = cell["metadata"]["workbook"]
            if marks["role"] == "answer":
                cell["source"] = _answer(kind, marks["exercise"], "".join(cell["source"]))
        target = folder / "submitted" / student.id / "q1.ipynb"
        target.parent.mkdir(parents=True)
        target.write_text(json.dumps(notebook), encoding="utf-8")
    return assignment


def _answer(kind: str, name: str, handed: str) -> str:
    """What stands in the answer cell, below its first line."""
    one, first = exercise(name), handed.split("\n")[0]
    if kind == "untouched":
        return handed
    if kind == "endless" and name == EXERCISES[0]:
        return f"{first}\nwhile True:\n    pass"
    if kind == "wrong" and one.asks:
        return f"{first}\n" + "\n".join(
            f"{ask.name} = {ask.choices[0] if ask.choices else 12345!r}" for ask in one.asks
        )
    if kind == "wrong" and one.build is not None:
        return f"{first}\n{one.build.stub.replace('raise NotImplementedError', 'return []')}"
    return f"{first}\n\n{solution(name).code}"


def _graded(folder: Path, again: bool) -> Report:
    return grade(folder / "week", folder / "grades.csv", Options(again=again))


def _check(assignment: Assignment, reports: list[Report]) -> None:
    """A quick run that graded wrongly would be no figure."""
    full = {name: exercise(name).points for name in assignment.exercises if exercise(name).kind is not Kind.DESIGN}
    expected: dict[str, Any] = {
        "right": full, "untouched": dict.fromkeys(full, 0), "endless": {**full, EXERCISES[0]: 0},
    }  # fmt: skip
    for report in reports:
        assert not report.failed, [one.failure for one in report.failed]
        for one, kind in zip(report.results, _kinds(len(report.results)), strict=True):
            earned = {mark.exercise: round(mark.earned, 6) for mark in one.marked.marks if mark.exercise in full}
            if kind in expected and earned != expected[kind]:
                raise RuntimeError(f"{one.student.id} ({kind}) earned {earned}")
            if kind == "wrong" and sum(earned.values()) >= sum(full.values()) / 2:
                raise RuntimeError(f"{one.student.id} ({kind}) earned {earned}")


def _bubblewrap() -> str:
    try:
        said = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return f" ({said.strip()})"
