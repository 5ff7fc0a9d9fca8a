"""One student from files to marks: every notebook of the assignment is read, run and compared."""

from __future__ import annotations

import json

from handed_out import CUT, FUSE, JANE, KV, REVIEW, assignment, solved

from workbook.grading.one_student import Task, grade_one
from workbook.grading.sandbox import best_sandbox
from workbook.grading.types import Limits


def test_every_notebook_that_came_is_graded_and_one_that_did_not_is_not_attempted(tmp_path) -> None:
    made = assignment()
    for question in made.questions:
        (tmp_path / f"{question}.ipynb").write_text(json.dumps(solved(made, JANE, question)))
    came = {question: tmp_path / f"{question}.ipynb" for question in made.questions}
    for notebooks, built in ((came, 1.0), ({"q1": came["q1"]}, 0.0)):
        task = Task(made, JANE, notebooks, Limits(), best_sandbox(unprotected=True))
        share = {mark.exercise: mark.share for mark in grade_one(task).marked.marks}
        assert share == {KV: 1.0, REVIEW: 1.0, CUT: 0.0, FUSE: built}
