"""What students get: notebooks that run through untouched, hold no answers, and are theirs alone."""

from __future__ import annotations

import ast
import json

import nbformat
import pytest
from handed_out import ADA, CUT, FUSE, IDS, JANE, KV, PEOPLE, REVIEW, assignment, cell, handed, right, source_of

from exercises.catalogue import exercise, solution
from exercises.checking import OPEN_STUB
from exercises.handout import NUMBERS_FILE, marked, open_handout, saved_answer
from workbook.grading.handout import cells, files
from workbook.grading.stamps import fits
from workbook.grading.types import Limits, Role


@pytest.fixture(scope="module")
def made():
    return assignment()


@pytest.fixture(autouse=True)
def no_progress_is_kept(monkeypatch):
    monkeypatch.setenv("WORKBOOK_PROGRESS", "off")


@pytest.fixture
def folder(made, tmp_path):
    for name, text in files(made, JANE).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_a_folder_holds_a_notebook_per_question_the_numbers_and_a_readme(made):
    assert set(files(made, JANE)) == {"q1.ipynb", "q2.ipynb", NUMBERS_FILE, "README.md"}


def test_every_notebook_is_valid_and_its_cell_ids_are_stable(made):
    for question in made.questions:
        texts = {student.id: files(made, student)[f"{question}.ipynb"] for student in PEOPLE}
        read = {name: nbformat.reads(text, 4) for name, text in texts.items()}
        for nb in read.values():
            nbformat.validate(nb)
            assert (nb.nbformat, nb.nbformat_minor) == (4, 5)
        ids = [[one.id for one in nb.cells] for nb in read.values()]
        assert ids[0] == ids[1] == ids[2]
        assert len(set(ids[0])) == len(ids[0])


def test_every_exercise_has_its_four_cells_in_order_after_one_setup(made):
    roles = [(one.exercise, one.role) for one in cells(made, JANE, "q1")]
    assert roles[:2] == [("", Role.SETUP)] * 2
    order = [Role.TASK, Role.NUMBERS, Role.ANSWER, Role.CHECK]
    assert roles[2:] == [(name, role) for name in (KV, REVIEW, CUT) for role in order]


def test_only_answers_are_unlocked(made):
    for one in handed(made)["cells"]:
        grader, role = one["metadata"]["nbgrader"], one["metadata"]["workbook"]["role"]
        assert grader["locked"] is (role != Role.ANSWER)
        assert grader["solution"] is (role == Role.ANSWER)
        assert one["metadata"].get("editable", True) is (role == Role.ANSWER)
        assert ("points" in grader) is grader["grade"]


def test_an_answer_cell_begins_with_its_exercise_and_names_each_ask_with_its_unit(made):
    lines = source_of(cell(handed(made), KV)).splitlines()
    assert lines[0] == f"# exercise: {KV} (keep this line)"
    assert lines[1].startswith("kv_kib_per_token = None  # KiB")
    assert lines[2].startswith("conversations = None  # a whole number, rounded down")
    assert source_of(cell(handed(made), CUT)) == f"<!-- exercise: {CUT} (keep this line) -->\n\n{OPEN_STUB}"
    assert exercise(FUSE).build.stub.strip() in source_of(cell(handed(made, JANE, "q2"), FUSE))
    assert '"1", "2", "3", "4"' in source_of(cell(handed(made), REVIEW))


def test_the_numbers_cell_is_what_the_assignment_drew(made):
    for student in PEOPLE:
        for question in made.questions:
            for one in cells(made, student, question):
                if one.role is Role.NUMBERS:
                    space: dict = {}
                    exec(one.source, space)
                    space.pop("__builtins__")
                    assert space == made.params[student.id][one.exercise]


def test_no_answer_solution_or_secret_is_handed_out(made):
    for student in PEOPLE:
        text = "\n".join(files(made, student).values())
        assert made.secret not in text
        assert made.hidden(student.id) not in text
        for name in IDS:
            wanted = [line.strip() for line in solution(name).code.splitlines() if len(line.strip()) > 30]
            assert not [line for line in wanted if line in text]
            assert not [one.full for one in exercise(name).rubric if one.full in text]
            for word in exercise(name).hints:
                assert word not in text
        numbers = json.loads(files(made, student)[NUMBERS_FILE])
        assert set(numbers) == {"format", "assignment", "student", "exercises"}
        assert numbers["exercises"] == made.params[student.id]


def test_a_folder_names_nobody_but_its_student(made):
    text = "\n".join(files(made, JANE).values())
    assert "Jane Doe" in text
    assert not [one.name for one in PEOPLE if one is not JANE and one.name in text]


def test_the_text_says_what_holds_when_it_is_marked(made):
    text = cells(made, JANE, "q1")[0].source
    for word in ("numpy", "`reference`", "network", "files", "whole number", "unit", f"{Limits().cell_s:g} seconds"):
        assert word in text


def test_a_task_says_points_minutes_and_where_it_is_taught(made):
    text = source_of(cell(handed(made), KV, "task"))
    for word in ("What one token keeps", "4 points", "5 minutes", "section 2.2", "q1_serve_an_llm.ipynb"):
        assert word in text
    rubric = source_of(cell(handed(made), CUT, "task"))
    assert all(f"{one.name}: {one.points:g}" in rubric for one in exercise(CUT).rubric)


def test_stamps_tell_students_cells_and_sources_apart(made):
    stamps = [one["metadata"]["workbook"]["stamp"] for s in PEOPLE for one in handed(made, s)["cells"]]
    assert len(set(stamps)) == len(stamps)
    one = cell(handed(made), KV)
    stamp = one["metadata"]["workbook"]["stamp"]
    given = (made.secret, JANE.id, KV, Role.ANSWER, source_of(one))
    assert fits(stamp, *given)
    changes = [("x", 0), (ADA.id, 1), (REVIEW, 2), (Role.TASK, 3), (source_of(one) + "1", 4)]
    for value, place in changes:
        other = list(given)
        other[place] = value
        assert not fits(stamp, *other)
    assert fits(stamp, *given[:4], source_of(one).replace("\n", "\r\n") + "\n")
    for found in (None, 3, "", "\udcff", [stamp]):
        assert not fits(found, *given)


def test_every_code_cell_is_python(made):
    for question in made.questions:
        for one in cells(made, JANE, question):
            if not one.markdown:
                ast.parse(one.source)


# ---- the student's side ----------------------------------------------------------------------------------------------
def test_checks_use_the_numbers_of_the_folder(made, folder):
    work = open_handout(folder)
    p = made.params[JANE.id][KV]
    wanted = exercise(KV).answers(p)
    said = work.check(KV, kv_kib_per_token=wanted["kv_kib_per_token"], conversations=int(wanted["conversations"]))
    assert said.mark.share == 1.0
    assert work.check(KV, kv_kib_per_token=wanted["kv_kib_per_token"] * 8, conversations=None).mark.share < 1
    assert "Hint 1" in repr(work.hint(KV))
    assert "Hint 2" in repr(work.hint(KV))


def test_a_built_part_is_checked(made, folder):
    space: dict = {}
    exec(right(FUSE), space)
    assert open_handout(folder).check(FUSE, space["fuse"]).mark.share == 1.0
    exec(exercise(FUSE).build.stub, space)
    assert "not attempted" in repr(open_handout(folder).check(FUSE, space["fuse"]))


def test_an_open_answer_is_seen_as_it_was_saved(made, folder):
    work = open_handout(folder)
    assert "not attempted" in repr(work.check(CUT))
    nb = handed(made)
    cell(nb, CUT)["source"] = right(CUT).splitlines(keepends=True)
    (folder / "q1.ipynb").write_text(json.dumps(nb))
    assert saved_answer(folder / "q1.ipynb", CUT) == right(CUT).partition("\n")[2]
    assert "a person marks this" in repr(work.check(CUT))
    (folder / "q1.ipynb").write_text("{")
    assert "a person will read it" in repr(work.check(CUT))


def test_a_wrong_call_is_said_and_does_not_raise(folder):
    work = open_handout(folder)
    assert "unknown name" in repr(work.check(KV, other=1))
    assert "has no numbers of" in repr(work.check("q7-event-stream", 1))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "is missing"),
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ("{}", "cannot be read"),
        ('{"format": 1, "exercises": [], "assignment": "a", "student": "b"}', "is not the file"),
        ('{"format": 9, "exercises": {}, "assignment": "a", "student": "b"}', "is not the file"),
        ("[" * 100_000, "cannot be read"),
        ("\x00", "cannot be read"),
    ],
)
def test_missing_or_damaged_numbers_are_said_plainly_and_raise_nothing(folder, text, why):
    (folder / NUMBERS_FILE).unlink()
    if text is not None:
        (folder / NUMBERS_FILE).write_text(text)
    work = open_handout(folder)
    for said in (work, work.check(KV, kv_kib_per_token=None, conversations=None), work.hint(KV)):
        assert f"{NUMBERS_FILE} {why}" in repr(said)
        assert "copy it again" in repr(said)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (f"# exercise: {KV} (keep this line)\nx", KV),
        (f"\n\n  #exercise:{KV}\nx", KV),
        (f"<!-- exercise: {CUT} (keep this line) -->", CUT),
        (f"# EXERCISE: {KV.upper()} ok", KV),
        ("x = 1\n# exercise: q1-kv-per-token (keep this line)", ""),
        ("# exercise: nothing", ""),
        ("", ""),
    ],
)
def test_a_first_line_names_its_exercise_after_small_edits_too(source, name):
    assert marked(source) == name
