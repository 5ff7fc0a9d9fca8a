"""Exercises in a notebook: polite when open, exact when answered, and the answer stays where it is."""

from __future__ import annotations

import pytest

from exercises import ExerciseError, practice
from exercises.catalogue import all_exercises, exercise
from exercises.checking import OPEN_STUB
from exercises.model import Kind
from exercises.numbers import rounded


@pytest.fixture(autouse=True)
def _a_reader(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBOOK_PERSON", "ada")
    monkeypatch.setenv("WORKBOOK_PROGRESS", str(tmp_path / "progress.sqlite"))


@pytest.mark.parametrize("one", all_exercises(), ids=lambda one: one.id)
def test_an_open_exercise_says_so_in_one_line_and_raises_nothing(one):
    mine = practice(one.id)
    if one.build:
        space: dict[str, object] = {}
        exec(one.build.stub, space)
        said = mine.check(space[one.build.name])
    elif one.kind is Kind.DESIGN:
        said = mine.check("\n")
    else:
        said = mine.check(**{ask.name: None for ask in one.asks})
    assert "not attempted" in repr(said)
    assert "\n" not in repr(said)


def test_right_answers_are_told_with_their_points():
    mine = practice("q1-kv-per-token")
    right = mine.exercise.answers(mine.params)
    said = mine.check(**{ask.name: rounded(ask, right[ask.name]) for ask in mine.exercise.asks})
    assert repr(said).count("right") == 2
    assert "4 of 4 points" in repr(said)


def test_one_right_one_open_earns_its_part():
    mine = practice("q1-kv-per-token")
    said = mine.check(kv_kib_per_token=mine.exercise.answers(mine.params)["kv_kib_per_token"], conversations=None)
    assert "2 of 4 points" in repr(said)
    assert "not attempted" in repr(said)


def test_a_name_that_is_not_asked_for_is_an_error_that_lists_the_names():
    with pytest.raises(ExerciseError, match=r"unknown name 'kv'.*kv_kib_per_token=\.\.\., conversations"):
        practice("q1-kv-per-token").check(kv=3)
    with pytest.raises(ExerciseError, match="several answers need their names"):
        practice("q1-kv-per-token").check(3)


def test_an_unknown_exercise_is_an_error_that_lists_those_there_are():
    with pytest.raises(ExerciseError, match="q1-kv-per-token"):
        practice("q1-nothing")
    with pytest.raises(ExerciseError, match="q1, q2"):
        practice("q9-nothing")


def test_hints_come_in_steps_and_the_last_one_stays():
    mine = practice("q1-kv-per-token")
    told = [repr(mine.hint()) for _ in range(5)]
    assert told[0] != told[1] != told[2]
    assert told[2] == told[3] == told[4]
    assert told[0].startswith("**Hint 1 of 3.**")


def test_again_draws_other_numbers_of_the_same_exercise():
    mine = practice("q1-burst-and-cold-start")
    other = mine.again()
    assert other.exercise is mine.exercise
    assert other.params != mine.params
    assert practice("q1-burst-and-cold-start", take=2).params == other.params


def test_two_people_get_different_numbers(monkeypatch):
    mine = practice("q1-burst-and-cold-start").params
    monkeypatch.setenv("WORKBOOK_PERSON", "grace")
    assert practice("q1-burst-and-cold-start").params != mine


@pytest.mark.parametrize("one", [e for e in all_exercises() if e.kind is Kind.DESIGN], ids=lambda one: one.id)
def test_an_open_answer_gets_the_rubric_and_no_points(one):
    said = repr(practice(one.id).check("I would measure first."))
    assert all(criterion.evidence in said for criterion in one.rubric)
    assert "points" in said
    assert "not attempted" in repr(practice(one.id).check(OPEN_STUB))


@pytest.mark.parametrize("one", all_exercises(), ids=lambda one: one.id)
def test_every_solution_can_be_shown(one):
    assert len(repr(practice(one.id).solution())) > 150


def test_an_attempt_is_kept_and_an_open_one_is_not():
    from exercises.progress.store import attempts

    mine = practice("q1-kv-per-token")
    mine.check(kv_kib_per_token=None, conversations=None)
    assert not attempts()
    mine.hint()
    mine.check(kv_kib_per_token=1.0, conversations=1)
    (kept,) = attempts()
    assert kept.exercise == "q1-kv-per-token"
    assert kept.hints == 1


def test_who_has_read_the_solution_has_had_every_hint():
    from exercises.progress.store import attempts

    mine = practice("q1-kv-per-token")
    mine.solution()
    mine.check(kv_kib_per_token=1.0, conversations=1)
    assert attempts()[0].hints == len(mine.exercise.hints)


def test_a_check_of_broken_code_names_what_it_raises():
    def fuse(rankings, k):
        return rankings[0][99]

    said = repr(practice("q2-rank-fusion").check(fuse))
    assert "raises IndexError" in said
    assert "0 of 6 points" in said


def test_code_that_changes_its_arguments_changes_no_other_case():
    def fuse(rankings, k):
        rankings.clear()
        return []

    mine = practice("q2-rank-fusion")
    assert "0 of 6 points" in repr(mine.check(fuse))
    from exercises.catalogue import solution

    space: dict[str, object] = {}
    exec(solution("q2-rank-fusion").code, space)
    assert "6 of 6 points" in repr(mine.check(space["fuse"]))


def test_the_check_shows_markup_of_an_answer_as_text():
    one = exercise("q2-rank-fusion")

    class Evil(Exception):
        pass

    Evil.__name__ = "<script>alert(1)</script>"

    def fuse(rankings, k):
        raise Evil

    assert "<script>" not in repr(practice(one.id).check(fuse))
