"""What one grading keeps for the next, and when it may be used."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from marking_values import NUMBERS, TEXT, all_right, assignment, graded, ran, right, run_of, submission

from workbook.grading.one_student import Task, key_of, not_graded, not_submitted, version
from workbook.grading.results import file_name, keep, kept
from workbook.grading.sandbox import Unprotected
from workbook.grading.types import Ended, Flag, Limits, Student


def test_what_is_kept_comes_back_whole(tmp_path):
    made = assignment()
    cell = run_of(NUMBERS, Ended.RAISED, "Error: \ud800 \x00 ü", output="o")
    work = all_right(made)
    work[0] = (
        submission(texts={TEXT: "ein\ud800 Text"}, flags=((Flag.MOVED_CELL, "cell 3"),)),
        ran({NUMBERS: right(made, NUMBERS)}, cells=[cell], reasons={NUMBERS: "why"}),
    )
    one = graded(made, made.students[0], work, key="k", seconds=1.25)
    keep(tmp_path, one)
    assert kept(tmp_path, made.students[0]) == one


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1}', '{"format": 99, "student": "ada"}'])
def test_what_cannot_be_read_is_as_if_it_were_not_there(tmp_path, text):
    (tmp_path / "ada.json").write_text(text)
    assert kept(tmp_path, Student("ada")) is None


def test_a_result_of_somebody_else_is_never_taken(tmp_path):
    made = assignment("ada", "bob")
    keep(tmp_path, graded(made, made.students[0], all_right(made)))
    (tmp_path / "ada.json").rename(tmp_path / "bob.json")
    assert kept(tmp_path, made.students[1]) is None


@pytest.mark.parametrize("student", ["../ada", "a/b", "", ".", "CON", "x" * 200, "ä", "a\x00", ".hidden", "a:b"])
def test_any_id_becomes_a_name_that_stays_in_its_folder(tmp_path, student):
    name = f"{file_name(student)}.json"
    assert (tmp_path / name).resolve().parent == tmp_path.resolve()
    (tmp_path / name).write_text("x")
    assert file_name(student) == file_name(student)


def test_ids_that_look_alike_have_files_of_their_own():
    assert len({file_name(student) for student in ("a/b", "a:b", "a-b", "a\\b")}) == 4


@pytest.fixture
def task(tmp_path):
    path = tmp_path / "q1.ipynb"
    path.write_text("{}")
    made = assignment("ada", "bob")
    return Task(made, made.students[0], {"q1": path}, Limits(), Unprotected())


def test_the_key_changes_with_everything_that_the_result_depends_on(task):
    keys = {key_of(task)}
    assert keys == {key_of(task)}
    keys.add(key_of(dataclasses.replace(task, limits=Limits(cell_s=11))))
    keys.add(key_of(dataclasses.replace(task, assignment=dataclasses.replace(task.assignment, secret="other"))))
    keys.add(key_of(dataclasses.replace(task, student=task.assignment.students[1])))
    keys.add(key_of(dataclasses.replace(task, notebooks={})))
    keys.add(key_of(dataclasses.replace(task, notebooks={"q1": Path("/no/such/file")})))
    task.notebooks["q1"].write_text('{"changed": 1}')
    keys.add(key_of(task))
    assert len(keys) == 7


def test_the_key_does_not_change_when_a_copy_of_the_same_file_comes(task, tmp_path):
    before = key_of(task)
    other = tmp_path / "copy.ipynb"
    other.write_bytes(task.notebooks["q1"].read_bytes())
    assert key_of(dataclasses.replace(task, notebooks={"q1": other})) == before


def test_another_question_s_exercises_are_another_version():
    assert len({version(("q1",)), version(("q2",)), version(("q1", "q2"))}) == 3


def test_who_cannot_be_graded_and_who_handed_in_nothing_have_every_exercise_with_the_reason():
    made = assignment()
    failed, absent = not_graded(made, made.students[0], "why"), not_submitted(made, made.students[0])
    for one, said in ((failed, "could not be graded"), (absent, "nothing was handed in")):
        assert [mark.exercise for mark in one.marked.marks] == list(made.exercises)
        assert {part.say for mark in one.marked.marks for part in mark.parts} == {said}
    assert (failed.remark, absent.remark) == ("could not be graded: why", "nothing was handed in")
    assert (failed.final, absent.final) == (False, True)
