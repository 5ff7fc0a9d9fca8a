"""Whatever a student did to a notebook, their answers are found, run with their numbers, and nobody else's."""

from __future__ import annotations

import copy
import json
import os

import pytest
from handed_out import (
    ADA,
    BOB,
    CUT,
    FUSE,
    JANE,
    KV,
    REVIEW,
    TEXT,
    assignment,
    at,
    cell,
    code,
    handed,
    marks,
    put,
    read,
    right,
    shares,
    solved,
    source_of,
    text,
)  # fmt: skip

from exercises.builds import draw_cases
from exercises.catalogue import exercise
from exercises.model import Verdict
from workbook.grading import choosing, raw
from workbook.grading.raw import LARGEST_BYTES, LARGEST_SOURCE
from workbook.grading.reading import read_submission
from workbook.grading.recognise import asked
from workbook.grading.stamps import stamp
from workbook.grading.types import Flag, GradingError, Role

ALL = {KV: 1.0, REVIEW: 1.0, CUT: 0.0}


@pytest.fixture(scope="module")
def made():
    return assignment()


def kinds(submission):
    return [flag for flag, _ in submission.flags]


def test_an_untouched_notebook_is_open_everywhere_and_nothing_about_it_is_odd(made, tmp_path):
    for question in made.questions:
        submission = read(made, handed(made, JANE, question), tmp_path, question=question)
        assert submission.flags == ()
        assert set(submission.untouched) == {name for name in made.exercises if name.startswith(question)}
        assert submission.texts == {}
        assert {part.verdict for mark in marks(made, submission).values() for part in mark.parts} == {Verdict.OPEN}


def test_right_answers_earn_everything_for_every_student(made, tmp_path):
    for student in (JANE, ADA, BOB):
        submission = read(made, solved(made, student), tmp_path, student)
        assert submission.flags == ()
        assert submission.untouched == ()
        assert shares(made, submission) == ALL
        assert submission.texts == {CUT: TEXT}
        built = read(made, solved(made, student, "q2"), tmp_path, student, "q2")
        assert shares(made, built) == {FUSE: 1.0}


def test_what_is_built_meets_other_cases_than_those_of_the_check(made, tmp_path):
    submission = read(made, solved(made, JANE, "q2"), tmp_path, question="q2")
    (collect,) = [one.collect for one in submission.cells if one.collect]
    one, params = exercise(FUSE), made.params[JANE.id][FUSE]
    shown = [case.arguments for case in draw_cases(one, params)]
    assert list(collect.cases) == [case.arguments for case in draw_cases(one, params, made.hidden(JANE.id))]
    assert not [case for case in collect.cases if case in shown and case["rankings"]]


def test_only_the_students_own_cells_are_run(made, tmp_path):
    submission = read(made, solved(made), tmp_path)
    sources = "\n".join(one.source for one in submission.cells)
    assert "open_handout" not in sources
    assert "work.check(" not in sources
    assert [one.key for one in submission.cells][1:] == [f"cell 5, answer of {KV}", f"cell 9, answer of {REVIEW}"]


def test_a_deleted_answer_costs_that_answer_alone(made, tmp_path):
    nb = solved(made)
    del nb["cells"][at(nb, KV)]
    submission = read(made, nb, tmp_path)
    assert submission.flags == ((Flag.MISSING_CELL, KV),)
    assert shares(made, submission) == {**ALL, KV: 0.0}
    assert KV not in submission.untouched


def test_an_answer_in_a_cell_of_ones_own_counts_where_the_handed_out_one_is_gone(made, tmp_path):
    nb = solved(made)
    nb["cells"][at(nb, KV)] = code(right(KV).partition("\n")[2])
    nb["cells"][at(nb, CUT)] = text(TEXT)
    submission = read(made, nb, tmp_path)
    assert submission.flags == (
        (Flag.MISSING_CELL, f"{KV}: taken from cell 5"),
        (Flag.MISSING_CELL, f"{CUT}: taken from cell 13"),
    )
    assert shares(made, submission) == ALL
    assert submission.texts == {CUT: TEXT}


def test_a_cell_of_ones_own_is_not_taken_for_what_another_exercise_asks_too(made, tmp_path, monkeypatch):
    monkeypatch.setattr(choosing, "asked", lambda name: asked(name) | ({"replicas"} if name == KV else set()))
    nb = solved(made)
    nb["cells"][at(nb, KV)] = code("replicas = 1")
    assert (Flag.MISSING_CELL, KV) in read(made, nb, tmp_path).flags


def test_a_cell_with_a_wrong_first_line_is_what_it_assigns(made, tmp_path):
    nb = solved(made)
    put(cell(nb, KV), right(KV).replace(KV, REVIEW))
    submission = read(made, nb, tmp_path)
    assert submission.flags == ()
    assert shares(made, submission) == ALL


def test_numbers_are_set_once_for_the_cells_above_an_answer(made, tmp_path):
    nb = solved(made)
    place = at(nb, KV)
    nb["cells"][place:place] = [code("layers = 1"), code("mine = layers")]
    first, second, answer, *_ = read(made, nb, tmp_path).cells[1:]
    assert first.params["layers"] == made.params[JANE.id][KV]["layers"]
    assert second.params == {}
    assert answer.params == made.params[JANE.id][KV]


def test_an_identical_copy_is_one_answer(made, tmp_path):
    nb = solved(made)
    nb["cells"].insert(at(nb, KV), copy.deepcopy(cell(nb, KV)))
    submission = read(made, nb, tmp_path)
    assert submission.flags == ()
    assert len([one for one in submission.cells if KV in one.key]) == 1
    assert shares(made, submission) == ALL


@pytest.mark.parametrize("first", ["untouched", "changed"])
def test_of_different_copies_the_last_that_was_changed_counts(made, tmp_path, first):
    nb = solved(made)
    other = copy.deepcopy(cell(nb, KV))
    put(other, source_of(cell(handed(made), KV)) if first == "untouched" else f"{source_of(other)}\nconversations = -1")
    nb["cells"].insert(at(nb, KV), other)
    submission = read(made, nb, tmp_path)
    assert submission.flags == ((Flag.DUPLICATED_CELL, f"{KV}: cells 5, 6; cell 6 counts"),)
    assert shares(made, submission) == ALL

    place = at(nb, KV)
    nb["cells"][place], nb["cells"][place + 1] = nb["cells"][place + 1], nb["cells"][place]
    submission = read(made, nb, tmp_path)
    assert (
        Flag.DUPLICATED_CELL,
        f"{KV}: cells 5, 6; cell {5 if first == 'untouched' else 6} counts",
    ) in submission.flags
    assert (shares(made, submission)[KV] == 1.0) is (first == "untouched")


@pytest.mark.parametrize("kind", ["markdown", "raw"])
@pytest.mark.parametrize("fence", [False, True])
def test_code_made_text_is_still_run(made, tmp_path, kind, fence):
    nb = solved(made)
    one = cell(nb, KV)
    one["cell_type"] = kind
    if fence:
        head, _, tail = source_of(one).partition("\n")
        put(one, f"{head}\n```python\n{tail}\n```")
    submission = read(made, nb, tmp_path)
    assert submission.flags == ((Flag.RETYPED_CELL, f"{KV}: cell 5 is {kind}, was code"),)
    assert shares(made, submission) == ALL


@pytest.mark.parametrize("kind", ["code", "raw"])
def test_an_open_answer_made_code_is_read_and_not_run(made, tmp_path, kind):
    nb = solved(made)
    cell(nb, CUT)["cell_type"] = kind
    submission = read(made, nb, tmp_path)
    assert kinds(submission) == [Flag.RETYPED_CELL]
    assert submission.texts == {CUT: TEXT}
    assert not [one for one in submission.cells if TEXT in one.source]


def test_a_moved_answer_is_run_where_it_stands_with_its_own_numbers(made, tmp_path):
    nb = solved(made)
    one = nb["cells"].pop(at(nb, REVIEW))
    nb["cells"].insert(2, one)
    submission = read(made, nb, tmp_path)
    assert submission.flags == ((Flag.MOVED_CELL, f"cell 3, answer of {REVIEW}"),)
    assert shares(made, submission) == ALL


def test_merged_answers_fall_apart_and_an_error_in_one_costs_no_other(made, tmp_path):
    nb = solved(made)
    second = nb["cells"].pop(at(nb, REVIEW))
    one = cell(nb, KV)
    put(one, f"{source_of(one)}\n1 / 0\n{source_of(second)}")
    submission = read(made, nb, tmp_path)
    assert (Flag.LOST_MARKS, f"{REVIEW}: cell 5") in submission.flags
    assert shares(made, submission) == ALL
    (last,) = [each for each in submission.cells if each.collect and each.collect.exercise == REVIEW]
    # The lines of a traceback are those of the cell.
    first = source_of(second).splitlines()[0]
    assert last.source.splitlines()[source_of(one).splitlines().index(first)] == first
    assert last.key.startswith("cell 5 from line ")


def test_an_answer_merged_with_its_check_still_counts(made, tmp_path):
    nb = solved(made)
    check = nb["cells"].pop(at(nb, KV, "check"))
    put(cell(nb, KV), f"{source_of(check)}\n{source_of(cell(nb, KV))}\n{source_of(check)}")
    submission = read(made, nb, tmp_path)
    assert shares(made, submission) == ALL


def test_a_split_answer_counts_with_all_its_parts(made, tmp_path):
    nb = solved(made)
    one = cell(nb, KV)
    lines = source_of(one).splitlines(keepends=True)
    rest = copy.deepcopy(one)
    one["source"], rest["source"] = lines[:2], lines[2:]
    nb["cells"].insert(at(nb, KV) + 1, rest)
    submission = read(made, nb, tmp_path)
    assert submission.flags == ((Flag.DUPLICATED_CELL, f"{KV}: split into cells 5, 6; all of them count"),)
    assert shares(made, submission) == ALL


def test_answers_without_metadata_are_found_by_their_first_line(made, tmp_path):
    nb = solved(made)
    for one in nb["cells"]:
        one["metadata"] = {}
        del one["id"]
    nb["metadata"] = {}
    submission = read(made, nb, tmp_path)
    assert set(submission.flags) == {
        (Flag.LOST_MARKS, f"{name}: cell {at}") for name, at in ((KV, 5), (REVIEW, 9), (CUT, 13))
    }
    assert shares(made, submission) == ALL


def test_answers_without_first_line_are_found_by_their_metadata_or_id(made, tmp_path):
    for keep in ("workbook", "nbgrader", "id"):
        nb = solved(made)
        for one in nb["cells"]:
            one["metadata"] = {keep: one["metadata"][keep]} if keep in one["metadata"] else {}
            if keep != "id":
                del one["id"]
        put(cell_by_id(nb, 4), right(KV).partition("\n")[2])
        submission = read(made, nb, tmp_path)
        assert not {Flag.MISSING_CELL, Flag.LOST_MARKS} & set(kinds(submission)), keep
        assert shares(made, submission) == ALL


def cell_by_id(nb, number):
    return nb["cells"][number]


def test_an_emptied_answer_is_not_attempted_and_inherits_nothing(made, tmp_path):
    nb = solved(made)
    put(cell(nb, REVIEW), "")
    put(cell(nb, KV), f"{right(KV)}\nwrong_step, replicas = '1', 12\n")
    submission = read(made, nb, tmp_path)
    parts = marks(made, submission)[REVIEW].parts
    assert [part.verdict for part in parts] == [Verdict.OPEN, Verdict.OPEN]


def test_the_numbers_are_true_whatever_cells_made_of_them(made, tmp_path):
    nb = solved(made)
    nb["cells"].insert(at(nb, KV), code("layers = 1\nkv_heads = 1\n"))
    put(cell(nb, KV, "numbers"), "layers = 2\n")
    submission = read(made, nb, tmp_path)
    assert submission.flags == ((Flag.CHANGED_CELL, f"cell 4, numbers of {KV}"),)
    assert shares(made, submission) == ALL


def test_added_cells_run_in_their_place_and_know_the_numbers(made, tmp_path):
    nb = handed(made)
    nb["cells"].insert(
        at(nb, KV), code("def per_token():\n    return 2 * layers * kv_heads * head_dim * 2\nsize = per_token()")
    )
    put(
        cell(nb, KV),
        f"{right(KV).splitlines()[0]}\nkv_kib_per_token = size / 1024\n"
        "conversations = free_gb * 10**9 // (per_token() * context_tokens)\n",
    )
    submission = read(made, nb, tmp_path)
    assert submission.flags == ()
    assert shares(made, submission)[KV] == 1.0
    assert submission.untouched == (REVIEW, CUT)


def test_an_answer_assigned_in_a_cell_above_is_kept(made, tmp_path):
    nb = handed(made)
    nb["cells"].insert(at(nb, KV), code(right(KV).partition("\n")[2]))
    put(cell(nb, KV), right(KV).partition("\n")[0])
    assert shares(made, read(made, nb, tmp_path))[KV] == 1.0


def test_an_answer_in_a_cell_below_counts_as_the_check_saw_it(made, tmp_path):
    nb = handed(made)
    nb["cells"].insert(at(nb, KV) + 1, code(right(KV).partition("\n")[2]))
    nb["cells"].insert(at(nb, CUT) + 1, text(TEXT))
    submission = read(made, nb, tmp_path)
    assert submission.untouched == (REVIEW,)
    assert shares(made, submission)[KV] == 1.0
    assert submission.texts == {CUT: TEXT}


def test_what_is_assigned_below_the_check_does_not_change_the_answer(made, tmp_path):
    nb = solved(made)
    nb["cells"].insert(at(nb, KV, "check") + 1, code("conversations = -1"))
    assert shares(made, read(made, nb, tmp_path)) == ALL


def test_code_below_an_open_answer_is_no_part_of_it(made, tmp_path):
    nb = solved(made)
    nb["cells"].insert(at(nb, CUT) + 1, code("saved = 2 / 3"))
    assert read(made, nb, tmp_path).texts == {CUT: TEXT}


def test_magics_and_shell_lines_do_not_cost_an_answer(made, tmp_path):
    nb = solved(made)
    lines = right(KV).splitlines()
    put(cell(nb, KV), "\n".join([lines[0], "%matplotlib inline", "!pip install x", "?print", *lines[1:]]))
    nb["cells"].insert(3, code("%%bash\nrm -rf /\n"))
    put(cell(nb, REVIEW), f"%%time\n{right(REVIEW)}")
    submission = read(made, nb, tmp_path)
    assert shares(made, submission) == ALL
    assert not [
        one for one in submission.cells for line in one.source.splitlines() if line.startswith(("rm", "!", "%"))
    ]


def test_an_old_notebook_is_read(made, tmp_path):
    nb = solved(made)
    for one in nb["cells"]:
        if one["cell_type"] == "code":
            one["input"] = one.pop("source")
            one["language"] = "python"
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": nb["metadata"], "worksheets": [{"cells": nb["cells"]}]}
    submission = read(made, old, tmp_path)
    assert submission.flags == ()
    assert shares(made, submission) == ALL


def test_outputs_attachments_and_odd_bytes_do_not_matter(made, tmp_path):
    nb = solved(made)
    for one in nb["cells"]:
        if one["cell_type"] == "code":
            one["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["x" * 100_000]}]
    cell(nb, CUT)["attachments"] = {"image.png": {"image/png": "QUJD"}}
    path = tmp_path / "q1.ipynb"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(nb).replace("\\n", "\\r\\n").encode())
    submission = read_submission(path, made, JANE, "q1")
    assert submission.flags == ()
    assert shares(made, submission) == ALL


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", "null", "12", '{"cells": 3}', '{"cells": {}}', '{"worksheets": 1}', "[" * 100_000, "\x00\x01"],
)
def test_what_is_no_notebook_is_flagged(made, tmp_path, damage):
    submission = read(made, damage, tmp_path)
    assert kinds(submission) == [Flag.UNREADABLE]
    assert submission.cells == ()


@pytest.mark.parametrize(
    "odd",
    [
        None, 3, [], {}, {"cell_type": 7, "source": 5}, {"cell_type": "code", "source": [1, "x = 1"], "metadata": []},
        {"cell_type": "code", "source": "\ud800 = 1", "metadata": {"workbook": {"exercise": [], "role": {}}}},
        {"cell_type": "code", "source": "x" * (LARGEST_SOURCE + 1), "metadata": {}},
        {"cell_type": "code", "source": "((((" * 5000, "metadata": {"nbgrader": {"grade_id": 3}}, "id": 9},
    ],
)  # fmt: skip
def test_one_odd_cell_costs_no_other(made, tmp_path, odd):
    nb = solved(made)
    nb["cells"].insert(3, odd)
    submission = read(made, nb, tmp_path)
    assert shares(made, submission) == ALL
    assert set(kinds(submission)) <= {Flag.UNREADABLE}


def test_a_huge_file_is_flagged_and_not_read(made, tmp_path):
    path = tmp_path / "q1.ipynb"
    with path.open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)
    ((flag, why),) = read_submission(path, made, JANE, "q1").flags
    assert flag is Flag.UNREADABLE
    assert "outputs must be cleared" in why


def test_a_notebook_of_very_much_code_is_read_up_to_a_limit(made, tmp_path, monkeypatch):
    monkeypatch.setattr(raw, "MOST_SOURCE", 100_000)
    nb = solved(made)
    nb["cells"] += [code("x = 1\n" * (raw.MOST_SOURCE // 42))] * 8
    submission = read(made, nb, tmp_path)
    ((flag, why),) = submission.flags
    assert (flag, "those below it" in why) == (Flag.UNREADABLE, True)
    assert shares(made, submission) == ALL


def test_nothing_handed_in_is_missing(made, tmp_path):
    for where in (None, tmp_path, tmp_path / "q1.ipynb"):
        assert kinds(read_submission(where, made, JANE, "q1")) == [Flag.MISSING_NOTEBOOK]


def test_a_folder_a_pipe_and_a_link_out_of_the_folder_are_not_read(made, tmp_path):
    inside = tmp_path / "4711"
    inside.mkdir()
    (tmp_path / "secret.ipynb").write_text(json.dumps(solved(made)))
    (inside / "q1.ipynb").symlink_to(tmp_path / "secret.ipynb")
    assert kinds(read_submission(inside, made, JANE, "q1")) == [Flag.UNREADABLE]
    assert kinds(read_submission(inside / "q1.ipynb", made, JANE, "q1")) == [Flag.UNREADABLE]
    (inside / "q1.ipynb").unlink()
    (inside / "q1.ipynb").symlink_to("q1.ipynb")
    assert kinds(read_submission(inside / "q1.ipynb", made, JANE, "q1")) == [Flag.UNREADABLE]
    os.mkfifo(inside / "q2.ipynb")
    assert kinds(read_submission(inside / "q2.ipynb", made, JANE, "q2")) == [Flag.UNREADABLE]


def test_a_neighbours_notebook_is_named_and_marked_with_the_owners_numbers(made, tmp_path):
    submission = read(made, solved(made, ADA), tmp_path, JANE)
    ((flag, who),) = submission.flags
    assert (flag, who.split(":")[0]) == (Flag.OTHER_STUDENT, "ada")
    (first,) = [one for one in submission.cells if one.collect and one.collect.exercise == KV]
    assert {name: first.params[name] for name in made.params[JANE.id][KV]} == made.params[JANE.id][KV]


def test_a_neighbours_notebook_is_known_with_every_name_in_it_changed(made, tmp_path):
    told = (
        json.dumps(solved(made, ADA))
        .replace('"student": "ada"', '"student": "4711"')
        .replace("Ada Lovelace", "Jane Doe")
    )
    assert Flag.OTHER_STUDENT in kinds(read(made, told, tmp_path))


def test_one_answer_cell_of_a_neighbour_is_named(made, tmp_path):
    nb = solved(made)
    nb["cells"][at(nb, KV)] = cell(solved(made, BOB), KV)
    assert read(made, nb, tmp_path).flags == ((Flag.OTHER_STUDENT, "bob: cells 5"),)


def test_a_notebook_of_another_assignment_or_question_is_flagged(made, tmp_path):
    assert kinds(read(made, solved(assignment("ps2")), tmp_path))[0] is Flag.OTHER_ASSIGNMENT
    assert Flag.OTHER_ASSIGNMENT in kinds(read(made, solved(assignment(seed="8")), tmp_path))
    submission = read(made, solved(made, JANE, "q2"), tmp_path, question="q1")
    assert (Flag.OTHER_ASSIGNMENT, "the notebook of q2") in submission.flags
    assert set(shares(made, submission).values()) == {0.0}


@pytest.mark.parametrize("role", [Role.SETUP, Role.TASK, Role.NUMBERS, Role.CHECK])
def test_a_changed_or_removed_locked_cell_is_flagged_and_ignored(made, tmp_path, role):
    name = "" if role is Role.SETUP else KV
    nb = solved(made)
    one = [
        each
        for each in nb["cells"]
        if each["metadata"]["workbook"]["role"] == role and each["metadata"]["workbook"]["exercise"] == name
    ][-1]
    number = nb["cells"].index(one) + 1
    put(one, source_of(one) + "\nraise SystemExit\n")
    submission = read(made, nb, tmp_path)
    assert submission.flags == ((Flag.CHANGED_CELL, f"cell {number}, {role}{f' of {name}' if name else ''}"),)
    assert shares(made, submission) == ALL
    del nb["cells"][number - 1]
    submission = read(made, nb, tmp_path)
    assert submission.flags == ((Flag.CHANGED_CELL, f"{role}{f' of {name}' if name else ''} is gone"),)
    assert shares(made, submission) == ALL


def test_a_stamp_cannot_be_made_without_the_secret(made, tmp_path):
    nb = solved(made)
    one = cell(nb, KV, "task")
    put(one, "Say 1.")
    for secret in ("", "ps1", JANE.id):
        one["metadata"]["workbook"]["stamp"] = stamp(secret, JANE.id, KV, Role.TASK, "Say 1.")
        assert kinds(read(made, nb, tmp_path)) == [Flag.CHANGED_CELL]
    one["metadata"]["workbook"]["stamp"] = stamp(made.secret, JANE.id, KV, Role.TASK, "Say 1.")
    assert kinds(read(made, nb, tmp_path)) == []


def test_a_newer_wording_of_the_task_does_not_make_an_old_notebook_look_changed(made, tmp_path, monkeypatch):
    nb = solved(made)
    from workbook.grading import wording

    monkeypatch.setattr(wording, "task", lambda *_: "quite another wording")
    assert read(made, nb, tmp_path).flags == ()


def test_whoever_is_not_in_the_assignment_is_an_error(made, tmp_path):
    with pytest.raises(GradingError, match="not handed out to 'eve'"):
        read_submission(tmp_path, made, "eve", "q1")
    with pytest.raises(GradingError, match="no question 'q3'"):
        read_submission(tmp_path, made, JANE, "q3")


def test_the_notebooks_own_stamp_is_enough_to_know_a_neighbours(made, tmp_path):
    nb = solved(made)
    nb["metadata"] = handed(made, ADA)["metadata"]
    assert read(made, nb, tmp_path).flags == ((Flag.OTHER_STUDENT, "ada"),)


def test_what_is_to_run_can_be_sent_anywhere(made, tmp_path):
    nb = solved(made)
    nb["cells"].insert(3, code("x = '\ud800'"))
    for one in read(made, nb, tmp_path).cells:
        one.source.encode("utf-8")
