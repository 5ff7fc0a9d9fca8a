"""Every file is placed with the student who handed it in, or listed with the reason why not."""

from __future__ import annotations

import json
import os

import pytest
from handed_out import ADA, BOB, IDS, JANE, PEOPLE, assignment, handed, solved

from workbook.grading.assignment import make
from workbook.grading.finding import find_submissions, notebook_in
from workbook.grading.reading import read_submission
from workbook.grading.types import Flag, Student


@pytest.fixture(scope="module")
def made():
    return assignment()


def drop(root, name, nb):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nb if isinstance(nb, str) else json.dumps(nb), encoding="utf-8")
    return path


PLACES = [
    "4711/q1.ipynb",
    "4711/q1 (2).ipynb",
    "4711/Q1-Copy1.ipynb",
    "4711/deep/er/q1.ipynb",
    "submitted/4711/ps1/q1.ipynb",  # nbgrader
    "doejane_4711_98765_q1.ipynb",  # Canvas
    "doejane_LATE_4711_98765_q1-2.ipynb",
    "doejane_555_98765_q1.ipynb",  # Canvas's own number of a person whose id in the roster is another
    "Jane Doe_31337_assignsubmission_file_/q1.ipynb",  # Moodle
    "Jane Doe_31337_assignsubmission_file/q1.ipynb",
    "Doe Jane_31337_assignsubmission_file_q1.ipynb",
    "jane@x.org/q1.ipynb",
    "jdoe_q1.ipynb",
    "q1_4711.ipynb",
    "4711-q1.ipynb",
    "Jane Doe/q1.ipynb",
]


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("inside", ["whole", "without metadata"])
def test_a_file_is_placed_by_its_or_its_folders_name(made, tmp_path, name, inside):
    nb = solved(made)
    if inside != "whole":
        nb["metadata"] = {}
    path = drop(tmp_path, name, nb)
    placed = find_submissions(tmp_path, made)
    assert placed.notebooks == {(JANE.id, "q1"): path}
    assert placed.unplaced == ()
    assert read_submission(path, made, JANE, "q1").flags == ()


def test_what_was_handed_out_is_found_again(made, tmp_path):
    from workbook.grading.assignment import write

    write(made, tmp_path / "ps1")
    placed = find_submissions(tmp_path / "ps1" / "students", made)
    assert set(placed.notebooks) == {(one.id, question) for one in PEOPLE for question in made.questions}
    assert placed.unplaced == ()


def test_a_folder_says_whose_it_is_whatever_the_notebook_in_it_says(made, tmp_path):
    path = drop(tmp_path, "4711/q1.ipynb", solved(made, ADA))
    assert find_submissions(tmp_path, made).notebooks == {(JANE.id, "q1"): path}


def test_a_stamp_places_a_file_whose_name_says_nothing(made, tmp_path):
    path = drop(tmp_path, "final.ipynb", handed(made, BOB, "q2"))
    assert find_submissions(tmp_path, made).notebooks == {(BOB.id, "q2"): path}
    drop(tmp_path, "final.ipynb", json.dumps(handed(made, BOB)).replace('"student": "bob"', '"student": "ada"'))
    assert set(find_submissions(tmp_path, made).notebooks) == {(BOB.id, "q1")}


def test_a_claimed_name_without_a_stamp_places_nothing(made, tmp_path):
    nb = handed(made, BOB)
    nb["metadata"]["workbook"]["stamp"] = "0" * 32
    path = drop(tmp_path, "final.ipynb", nb)
    ((where, why),) = find_submissions(tmp_path, made).unplaced
    assert (where, "names a student" in why) == (path, True)


def test_the_newest_of_several_counts_and_the_others_are_listed(made, tmp_path):
    first = drop(tmp_path, "4711/q1.ipynb", solved(made))
    second = drop(tmp_path, "4711/q1-2.ipynb", solved(made))
    os.utime(second, (1, 1))  # a number counts more than a time, which unpacking changes
    placed = find_submissions(tmp_path, made)
    assert placed.notebooks == {(JANE.id, "q1"): second}
    assert placed.unplaced == ((first, "an older one than q1-2.ipynb of the same student"),)
    assert notebook_in(tmp_path / "4711", "q1") == second
    second.unlink()
    third = drop(tmp_path, "4711/q1_final.ipynb", solved(made))
    os.utime(first, (5, 5))
    assert find_submissions(tmp_path, made).notebooks == {(JANE.id, "q1"): third}


def test_two_students_of_one_name_are_told_apart_by_the_stamp_only(tmp_path):
    twins = [Student("t1", "Kim Lee"), Student("t2", "Kim Lee")]
    made = make("ps1", ["q1", "q2"], twins, IDS, seed="7")
    name = "Kim Lee_1_assignsubmission_file_/q1.ipynb"
    path = drop(tmp_path, name, handed(made, twins[1]))
    assert find_submissions(tmp_path, made).notebooks == {("t2", "q1"): path}
    drop(tmp_path, name, {"cells": []})
    ((_, why),) = find_submissions(tmp_path, made).unplaced
    assert "several students: t1, t2" in why


def test_a_submission_number_is_not_taken_for_a_student(made, tmp_path):
    """Canvas: name_PERSON_SUBMISSION_file; here the submission's number is Jane's id."""
    path = drop(tmp_path, "lovelaceada_9_4711_q1.ipynb", {"cells": []})
    assert find_submissions(tmp_path, made).notebooks == {(ADA.id, "q1"): path}


def test_what_cannot_be_placed_is_listed_with_its_reason(made, tmp_path):
    reasons = {
        drop(tmp_path, "4711/notes.ipynb", {"cells": []}): "holds none of q1, q2",
        drop(tmp_path, "4711/q7.ipynb", {"cells": []}): "holds none of q1, q2",
        drop(tmp_path, "mallory/q1.ipynb", {"cells": []}): "names a student",
        drop(tmp_path, "4711/answers.zip", "PK"): "unpack",
        drop(tmp_path, "4711/q1.py", "x"): "no notebook",
    }
    for noise in ("4711/numbers.json", "4711/README.md", "4711/.ipynb_checkpoints/q1-checkpoint.ipynb"):
        drop(tmp_path, noise, "{}")
    drop(tmp_path, "__MACOSX/4711/._q1.ipynb", "x")
    placed = find_submissions(tmp_path, made)
    assert placed.notebooks == {}
    assert {path: reasons[path] in why for path, why in placed.unplaced} == dict.fromkeys(reasons, True)


def test_links_are_followed_nowhere_outside(made, tmp_path):
    outside = tmp_path / "outside"
    drop(outside, "4711/q1.ipynb", solved(made))
    inside = tmp_path / "in"
    (inside / "ada").mkdir(parents=True)
    (inside / "4711").symlink_to(outside / "4711")
    (inside / "ada" / "q1.ipynb").symlink_to(outside / "4711" / "q1.ipynb")
    (inside / "ada" / "q2.ipynb").symlink_to("q2.ipynb")
    placed = find_submissions(inside, made)
    assert placed.notebooks == {}
    assert [path.name for path, why in placed.unplaced if "link" in why] == ["q1.ipynb", "q2.ipynb"]


def test_what_would_never_end_is_not_opened(made, tmp_path):
    (tmp_path / "4711").mkdir()
    os.mkfifo(tmp_path / "4711" / "q1.ipynb")
    assert find_submissions(tmp_path, made).unplaced == (
        (tmp_path / "4711/q1.ipynb", "no file, or a link that leads nowhere"),
    )


def test_unreadable_notebooks_are_placed_and_flagged_when_read(made, tmp_path):
    path = drop(tmp_path, "4711/q1.ipynb", "{")
    assert find_submissions(tmp_path, made).notebooks == {(JANE.id, "q1"): path}
    ((flag, _),) = read_submission(path, made, JANE, "q1").flags
    assert flag is Flag.UNREADABLE


def test_a_students_folder_counts_more_than_the_name_of_a_file_in_it(made, tmp_path):
    path = drop(tmp_path, "4711/ada_q1.ipynb", {"cells": []})
    assert find_submissions(tmp_path, made).notebooks == {(JANE.id, "q1"): path}
