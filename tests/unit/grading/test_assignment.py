"""An assignment is written whole or not at all, read back as it was, and grows without changing anybody's numbers."""

from __future__ import annotations

import json
import stat
from dataclasses import replace

import pytest
from handed_out import ADA, BOB, FUSE, IDS, JANE, KV, PEOPLE, assignment

from exercises.catalogue import exercises_of
from exercises.drawing import variant
from workbook.grading import assignment as module
from workbook.grading.assignment import add, load, make, record_of, write
from workbook.grading.types import GradingError, Student

EVE = Student("eve", "Eve")


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_is_read_back_as_it_was_made(tmp_path):
    made = assignment()
    write(made, tmp_path / "ps1")
    assert load(tmp_path / "ps1") == made
    assert load(record_of(tmp_path / "ps1")) == made


def test_a_name_is_a_title_and_no_path(tmp_path):
    made = assignment(name="../Übung 1: sizing")
    write(made, tmp_path / "ps1")
    assert load(tmp_path / "ps1").name == "../Übung 1: sizing"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ps1"]


def test_nobody_else_may_read_the_record(tmp_path):
    folder = write(assignment(), tmp_path / "ps1")
    assert stat.S_IMODE(record_of(folder).stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "instructor").stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "students" / JANE.id / "q1.ipynb").stat().st_mode) & 0o444 == 0o444


def test_variants_follow_from_secret_student_and_exercise_alone():
    made = assignment()
    for student in PEOPLE:
        for name in IDS:
            one = next(each for question in made.questions for each in exercises_of(question) if each.id == name)
            assert made.params[student.id][name] == variant(one, student.id, secret=made.secret)
    assert assignment().params == made.params
    assert assignment(seed="8").secret != made.secret
    assert make("ps1", ["q1"], PEOPLE).secret != make("ps1", ["q1"], PEOPLE).secret
    assert make("ps1", ["q2"], [EVE, JANE], [FUSE], seed="7").params[JANE.id][FUSE] == made.params[JANE.id][FUSE]


def test_all_exercises_of_a_question_are_handed_out_unless_some_are_named():
    assert list(make("ps1", ["q1"], PEOPLE).exercises) == [one.id for one in exercises_of("q1")]
    assert make("ps1", ["q2", "q1"], PEOPLE, [KV, FUSE]).exercises == (FUSE, KV)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("ps1", ["q9"], PEOPLE), "no question 'q9'"),
        (("ps1", [], PEOPLE), "no question is named"),
        (("ps1", ["q1"], PEOPLE, ["q1-nothing"]), "no exercise 'q1-nothing'"),
        (("ps1", ["q1"], PEOPLE, [FUSE]), "belongs to q2"),
        (("ps1", ["q1", "q2"], PEOPLE, [FUSE]), "no exercise of q1"),
        (("ps1", ["q1"], []), "names no student"),
        (("", ["q1"], PEOPLE), "the name ''"),
        (("a\nb", ["q1"], PEOPLE), "the name 'a"),
        (("a" * 81, ["q1"], PEOPLE), "the name 'aaa"),
    ],
)
def test_what_cannot_be_made_is_an_error_with_its_mend(arguments, why):
    with pytest.raises(GradingError, match=why) as raised:
        make(*arguments)
    assert raised.value.mend


def test_a_folder_in_use_is_refused_and_left_alone(tmp_path):
    folder = write(assignment(), tmp_path / "ps1")
    before = contents(folder)
    with pytest.raises(GradingError, match="holds an assignment already") as raised:
        write(assignment(seed="8"), folder)
    assert "--add" in raised.value.mend
    assert contents(folder) == before
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.txt").write_text("x")
    with pytest.raises(GradingError, match="not an empty folder"):
        write(assignment(), other)
    assert contents(other) == {"thesis.txt": b"x"}


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "ps1").mkdir()
    write(assignment(), tmp_path / "ps1")
    assert load(tmp_path / "ps1") == replace(assignment(), created=load(tmp_path / "ps1").created)


def test_nothing_is_left_of_what_could_not_be_finished(tmp_path, monkeypatch):
    written = []

    def full(made, student):
        written.append(student.id)
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        return {"q1.ipynb": "{}"}

    monkeypatch.setattr(module, "files", full)
    with pytest.raises(OSError, match="No space"):
        write(assignment(), tmp_path / "ps1")
    assert list(tmp_path.iterdir()) == []


def test_a_growing_roster_changes_nobodys_numbers(tmp_path):
    folder = write(assignment(), tmp_path / "ps1")
    before = contents(folder / "students")
    added = add(folder, [*PEOPLE, EVE])
    assert (added.students, added.gone) == (("eve",), ())
    after = contents(folder / "students")
    assert {name: after[name] for name in before} == before
    assert {name.split("/")[0] for name in after.keys() - before.keys()} == {"eve"}
    grown = load(folder)
    assert grown == added.assignment
    assert {name: grown.params[name] for name in (JANE.id, ADA.id, BOB.id)} == dict(assignment().params)
    assert stat.S_IMODE(record_of(folder).stat().st_mode) == 0o600
    assert add(folder, [*PEOPLE, EVE]).students == ()


def test_whoever_left_the_roster_keeps_a_folder_and_is_named(tmp_path):
    folder = write(assignment(), tmp_path / "ps1")
    added = add(folder, [JANE, EVE])
    assert added.gone == (ADA.id, BOB.id)
    assert [one.id for one in load(folder).students] == [JANE.id, ADA.id, BOB.id, EVE.id]


def test_columns_that_were_mended_meanwhile_are_taken_over(tmp_path):
    folder = write(assignment(), tmp_path / "ps1")
    add(folder, [replace(JANE, name="Jane Roe"), ADA, BOB])
    assert load(folder).students[0].name == "Jane Roe"


def test_what_was_cut_short_is_finished_by_the_next_call(tmp_path, monkeypatch):
    folder = write(assignment(), tmp_path / "ps1")
    with monkeypatch.context() as broken:
        broken.setattr(module, "files", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space"):
            add(folder, [*PEOPLE, EVE])
    assert not (folder / "students" / "eve").exists()
    params = load(folder).params["eve"]
    assert add(folder, [*PEOPLE, EVE]).students == ("eve",)
    assert json.loads((folder / "students" / "eve" / "numbers.json").read_text())["exercises"] == params
    assert not list(folder.rglob(".*"))


def test_an_id_that_is_another_ones_folder_on_some_systems_is_refused(tmp_path):
    folder = write(assignment(), tmp_path / "ps1")
    with pytest.raises(GradingError, match="differs only in case from 'ada'"):
        add(folder, [*PEOPLE, Student("ADA")])


@pytest.mark.parametrize("damage", ["{", "[]", "{}", '{"format": 1}', '{"format": 9}'])
def test_a_damaged_record_is_an_error_that_names_it(tmp_path, damage):
    folder = write(assignment(), tmp_path / "ps1")
    record_of(folder).write_text(damage)
    with pytest.raises(GradingError, match=r"assignment\.json"):
        load(folder)


def test_a_folder_without_an_assignment_and_an_unknown_exercise_are_errors(tmp_path):
    with pytest.raises(GradingError, match="no assignment in"):
        load(tmp_path)
    folder = write(assignment(), tmp_path / "ps1")
    record_of(folder).write_text(record_of(folder).read_text().replace(KV, "q1-gone"))
    with pytest.raises(GradingError, match="no exercise 'q1-gone'"):
        load(folder)
