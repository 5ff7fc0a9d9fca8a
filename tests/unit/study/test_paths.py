"""Paths by time: their minutes come from data, and a reader sees how far they are."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from exercises.catalogue import QUESTIONS, all_exercises, exercise, exercises_of
from exercises.model import Kind
from exercises.progress import store
from workbook.study import minutes, paths, show
from workbook.study.standing import due_today, standing
from workbook.study.structure import Part, Shape

FIRST = exercises_of("q1")[0].id


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A progress file of this test's, not there yet."""
    path = tmp_path / "progress.sqlite3"
    monkeypatch.setenv("WORKBOOK_PROGRESS", str(path))
    return path


def keep(name, share=1.0, days_ago=0.0, monkeypatch=None):
    if monkeypatch:
        at = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat()
        monkeypatch.setattr(store, "_now", lambda: at)
    store.keep_attempt(name, share, [], 0, 60, 1)


def named(name):
    return next(one for one in paths.all_paths() if one.name == name)


# ---- minutes ---------------------------------------------------------------------------------------------------------
def test_reading_takes_what_words_and_cells_take():
    parts = (Part("0", "", 119, 0), Part("1", "1. Clarify", 238, 3), Part("2", "2. Size it", 9999, 9))
    shape = Shape("q9.ipynb", "T", "", parts, (), 1)
    assert minutes.reading(shape, ("0", "1")) == 1 + 2 + 3
    assert minutes.reading(shape, ("0",)) == 1
    assert minutes.reading(Shape("q9.ipynb", "T", "", (Part("0", "", 120, 0),), (), 1), ("0",)) == 2, "rounded up"


@pytest.mark.slow
def test_the_assumptions_are_named_where_the_minutes_are_shown():
    assert f"{minutes.WORDS_PER_MINUTE:.0f} words a minute" in minutes.ASSUMPTION
    assert minutes.ASSUMPTION in show.paths().markdown


def test_an_exercise_takes_the_minutes_that_it_states():
    for one in paths.all_paths():
        for step in one.steps:
            if step.exercises:
                assert step.minutes == sum(exercise(name).minutes for name in step.exercises)


# ---- the three paths -------------------------------------------------------------------------------------------------
def test_a_longer_path_holds_more():
    assert [one.name for one in paths.all_paths()] == ["weekend", "week", "month"]
    weekend, week, month = (one.minutes for one in paths.all_paths())
    assert weekend < week < month


@pytest.mark.parametrize(
    ("name", "sessions", "most"), [("weekend", 2, 6 * 60), ("week", 7, 3 * 60), ("month", 20, 100)]
)
def test_no_session_is_longer_than_somebody_with_that_time_has(name, sessions, most):
    one = named(name)
    assert len(one.sessions) == sessions
    assert max(session.minutes for session in one.sessions) <= most


def test_a_month_holds_every_exercise_once_and_two_interviews_about_every_question():
    month = named("month")
    done = [name for step in month.steps for name in step.exercises]
    assert sorted(done) == sorted(one.id for one in all_exercises())
    held = [(step.question, step.interview) for step in month.steps if step.interview]
    assert held == [(question, which) for question in QUESTIONS for which in (1, 2)]


def test_a_weekend_sizes_every_question_by_hand():
    done = {name for step in named("weekend").steps for name in step.exercises}
    assert done == {one.id for one in all_exercises() if one.kind is Kind.SIZE}


def test_every_path_reads_every_question():
    for one in paths.all_paths():
        read = {step.question for step in one.steps if not step.exercises and not step.interview}
        assert read == set(QUESTIONS), one.name


def test_packing_keeps_the_order_and_is_off_by_no_more_than_a_step():
    steps = [paths.Step("q1", str(number), 5 + 7 * (number % 4), "") for number in range(40)]
    sessions = paths.packed(steps, [str(number) for number in range(6)])
    assert [step for one in sessions for step in one.steps] == steps
    share = sum(step.minutes for step in steps) / 6
    assert all(abs(one.minutes - share) <= max(step.minutes for step in steps) for one in sessions)


def test_an_unknown_path_is_refused_with_the_names():
    with pytest.raises(KeyError, match="weekend, week, month"):
        paths.path("year")


# ---- own progress ----------------------------------------------------------------------------------------------------
def test_without_progress_the_tables_stand_and_say_where_it_will_be_kept(file):
    said = show.stand().markdown
    assert "Nothing is kept yet" in said
    assert str(file) in said
    assert f"0 of {len(exercises_of('q1'))}" in said
    assert not file.exists(), "looking makes no file"


def test_progress_that_is_off_is_said(monkeypatch):
    monkeypatch.setenv("WORKBOOK_PROGRESS", "off")
    assert "switched off" in show.stand().markdown


def test_progress_that_cannot_be_read_is_said_and_the_paths_are_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_PROGRESS", str(tmp_path))
    assert "cannot be read" in show.stand().markdown
    assert "Day 1" in show.path("week").markdown
    assert "Day 1" in show.paths().markdown


def test_right_tried_and_held_are_counted_by_question(file):
    second = exercises_of("q1")[1].id
    keep(FIRST)
    keep(second, share=0.5)
    store.keep_interview("q1", 30, {}, 12, 20, "")
    row = next(line for line in show.stand().markdown.splitlines() if "Question 1" in line)
    assert [cell.strip() for cell in row.split("|")][2:6] == [f"1 of {len(exercises_of('q1'))}", "2", "1", "60%"]


def test_what_is_due_today_is_linked(file, monkeypatch):
    keep(FIRST, share=0.0, days_ago=30, monkeypatch=monkeypatch)
    assert due_today(standing(), "q1") == [FIRST]
    assert due_today(standing(), "q2") == []
    assert paths.exercise_link(exercise(FIRST)) in show.stand().markdown


def test_a_step_is_done_when_its_exercise_is_right_and_not_before(file):
    keep(FIRST, share=0.9)
    step = next(one for one in named("week").steps if one.exercises == (FIRST,))
    assert standing().done(step) is False
    keep(FIRST)
    assert standing().done(step) is True
    assert f"{show.DONE} [{step.what}]" in show.path("week").markdown


def test_an_open_answer_is_done_when_it_was_written(file):
    design = next(one for one in exercises_of("q1") if one.kind is Kind.DESIGN)
    keep(design.id, share=0.0)
    assert design.id in standing().right


def test_the_second_interview_is_done_by_a_second_one(file):
    first, second = [step for step in named("month").steps if step.interview and step.question == "q1"]
    store.keep_interview("q1", 30, {}, 12, 20, "")
    assert (standing().done(first), standing().done(second)) == (True, False)
    store.keep_interview("q1", 45, {}, 12, 20, "")
    assert standing().done(second) is True


def test_the_next_session_is_the_first_with_something_open(file):
    week = named("week")
    assert standing().next_session(week) is week.sessions[0]
    store.keep_interview("q1", 30, {}, 12, 20, "")
    for step in week.sessions[0].steps:
        for name in step.exercises:
            keep(name)
    assert standing().next_session(week) is week.sessions[1]
    done, of = standing().minutes_done(week.steps)
    assert done == sum(s.minutes for s in week.sessions[0].steps if s.exercises or s.interview)
    assert of < week.minutes, "reading is not counted"
    assert f"| {math.floor(100 * done / of + 0.5)}% | Day 2: Q2" in show.paths().markdown


@pytest.mark.slow
def test_whoever_has_done_everything_is_told_so(file):
    for one in all_exercises():
        keep(one.id)
    for question in QUESTIONS:
        for length in (30, 45):
            store.keep_interview(question, length, {}, 12, 20, "")
    assert standing().next_session(named("month")) is None
    assert show.paths().markdown.count("| 100% | nothing") == 3


def test_reading_is_never_said_to_be_done(file):
    for step in named("week").steps:
        if not step.exercises and not step.interview:
            assert standing().done(step) is None
