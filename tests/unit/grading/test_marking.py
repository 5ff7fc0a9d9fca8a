from __future__ import annotations

import pytest
from marking_values import (
    BUILD,
    FIND,
    NUMBERS,
    TEXT,
    all_right,
    assignment,
    ran,
    right,
    run_of,
    seen,
    solved,
    submission,
)

from exercises.catalogue import exercise
from exercises.drawing import mistakes_of
from exercises.model import Verdict
from exercises.numbers import rounded
from workbook.grading.marking import mark_student, total, with_manual
from workbook.grading.types import Ended, Flag

SIZE_ONLY = (NUMBERS,)


def marks_of(made, work):
    marked = mark_student(made, made.students[0], work)
    return {mark.exercise: mark for mark in marked.marks}, marked


def test_everything_right_earns_everything_but_what_a_person_marks():
    made = assignment()
    marks, marked = marks_of(made, all_right(made))
    assert {name: mark.share for name, mark in marks.items()} == {
        NUMBERS: 1.0,
        FIND: 1.0,
        TEXT: 0.0,
        BUILD: pytest.approx(1.0),
    }
    assert marks[TEXT].waits_for_person
    assert total(marked) == pytest.approx(sum(exercise(name).points for name in (NUMBERS, FIND, BUILD)))


def test_marks_come_in_the_order_of_the_assignment_whatever_came_back_first():
    made = assignment()
    _, marked = marks_of(made, all_right(made)[::-1])
    assert [mark.exercise for mark in marked.marks] == list(made.exercises)


def test_a_slip_keeps_its_credit_and_its_name():
    made = assignment(exercises=SIZE_ONLY)
    one, params = exercise(NUMBERS), made.params["ada"][NUMBERS]
    for mistake in mistakes_of(one, params)["conversations"]:
        answers = {**right(made, NUMBERS), "conversations": rounded(one.asks[1], float(mistake.value))}
        marks, _ = marks_of(made, [(submission(), ran({NUMBERS: answers}))])
        parts = {part.name: part for part in marks[NUMBERS].parts}
        assert (parts["conversations"].verdict, parts["conversations"].slip) == (Verdict.SLIP, mistake.slip)
        assert parts["kv_kib_per_token"].earned == 1


def test_numbers_of_a_neighbour_earn_nothing_where_they_differ():
    made = assignment("ada", "bob", "eve", exercises=SIZE_ONLY)
    other = next(s.id for s in made.students[1:] if right(made, NUMBERS, s.id) != right(made, NUMBERS, "ada"))
    marks, _ = marks_of(made, [(submission(), ran({NUMBERS: right(made, NUMBERS, other)}))])
    assert marks[NUMBERS].share < 1


def test_what_was_set_before_the_cell_raised_counts_and_the_rest_says_why():
    made = assignment(exercises=SIZE_ONLY)
    answers = {"kv_kib_per_token": right(made, NUMBERS)["kv_kib_per_token"]}
    cell = run_of(NUMBERS, Ended.RAISED, "Traceback ...\nZeroDivisionError: division by zero")
    marks, marked = marks_of(made, [(submission(), ran({NUMBERS: answers}, cells=[cell]))])
    first, second = marks[NUMBERS].parts
    assert (first.verdict, first.earned) == (Verdict.RIGHT, 1.0)
    assert (second.verdict, second.earned) == (Verdict.UNUSABLE, 0.0)
    assert "ZeroDivisionError: division by zero" in second.say
    assert marked.runs["q1"] == (cell,)


def test_a_value_that_is_no_json_is_unusable_with_the_sandboxs_reason():
    made = assignment(exercises=SIZE_ONLY)
    result = ran({NUMBERS: {}}, cells=[run_of(NUMBERS)], reasons={NUMBERS: "conversations is a Quantity"})
    marks, marked = marks_of(made, [(submission(), result)])
    assert all(part.verdict is Verdict.UNUSABLE and "is a Quantity" in part.say for part in marks[NUMBERS].parts)
    assert marked.reasons == {NUMBERS: "conversations is a Quantity"}


def test_none_is_not_attempted_and_a_name_that_is_never_set_says_so():
    made = assignment(exercises=SIZE_ONLY)
    marks, _ = marks_of(made, [(submission(), ran({NUMBERS: {"kv_kib_per_token": None}}, cells=[run_of(NUMBERS)]))])
    first, second = marks[NUMBERS].parts
    assert (first.verdict, second.verdict) == (Verdict.OPEN, Verdict.OPEN)
    assert "put your answer" in first.say
    assert "does not set this name" in second.say


def test_an_untouched_exercise_is_not_attempted_however_its_cell_ended():
    made = assignment(exercises=(BUILD, NUMBERS))
    work = [
        (submission("q2", untouched=(BUILD,)), ran(cells=[run_of(BUILD, Ended.NOT_RUN)])),
        (submission("q1", untouched=(NUMBERS,)), ran(cells=[run_of(NUMBERS, Ended.NOT_RUN)])),
    ]
    marks, _ = marks_of(made, work)
    assert {part.verdict for mark in marks.values() for part in mark.parts} == {Verdict.OPEN}


def test_a_deleted_cell_a_missing_notebook_and_a_missing_text_are_not_attempted():
    made = assignment()
    lost = submission(flags=((Flag.MISSING_CELL, NUMBERS), (Flag.MISSING_CELL, TEXT)))
    marks, _ = marks_of(made, [(lost, ran({FIND: right(made, FIND)}))])
    assert {part.say for part in marks[NUMBERS].parts + marks[TEXT].parts} == {"its answer cell is missing"}
    assert {part.say for part in marks[BUILD].parts} == {"not handed in"}
    assert marks[FIND].share == 1


def test_a_flag_of_one_exercise_does_not_touch_another_whose_id_begins_the_same():
    made = assignment(exercises=SIZE_ONLY)
    lost = submission(flags=((Flag.MISSING_CELL, "q1-kv-per-token-again"),))
    cell = run_of(NUMBERS, Ended.RAISED, "ValueError: mine")
    marks, _ = marks_of(made, [(lost, ran(cells=[run_of(f"{NUMBERS}-again"), cell]))])
    assert all("ValueError: mine" in part.say for part in marks[NUMBERS].parts)


def test_a_function_that_never_ran_is_unusable_and_says_what_happened():
    made = assignment(exercises=(BUILD,))
    cell = run_of(BUILD, Ended.TIME, "stopped after 10 s")
    marks, marked = marks_of(made, [(submission("q2"), ran(cells=[cell]))])
    assert marks[BUILD].share == 0
    assert all("took too long: stopped after 10 s" in part.say for part in marks[BUILD].parts)
    assert (Flag.STOPPED, cell.key) in marked.flags


def test_practice_cases_earn_nothing_where_hidden_ones_are_asked_for():
    """Results for the cases that the student could see do not fit the cases that count."""
    made = assignment(exercises=(BUILD,))
    from exercises.builds import draw_cases, observe

    one, fuse = exercise(BUILD), solved(made, BUILD)["fuse"]
    shown = [observe(one.build, fuse, case) for case in draw_cases(one, made.params["ada"][BUILD])]
    marks, _ = marks_of(made, [(submission("q2"), ran(observations={BUILD: shown}))])
    assert marks[BUILD].share == 0
    marks, _ = marks_of(made, [(submission("q2"), ran(observations={BUILD: seen(made, fuse)}))])
    assert marks[BUILD].share == pytest.approx(1)


def test_an_exception_cannot_carry_words_out_in_its_name():
    made = assignment(exercises=(BUILD,))

    def smuggler(rankings, k):
        raise type(f"CASE_{rankings}", (Exception,), {})

    def clumsy(rankings, k):
        raise ValueError("no")

    marks, _ = marks_of(made, [(submission("q2"), ran(observations={BUILD: seen(made, smuggler)}))])
    says = " ".join(part.say for part in marks[BUILD].parts)
    assert "CASE_" not in says
    assert "raises an exception of its own" in says
    marks, _ = marks_of(made, [(submission("q2"), ran(observations={BUILD: seen(made, clumsy)}))])
    assert "raises ValueError" in marks[BUILD].parts[0].say


def test_points_of_a_person_count_criterion_by_criterion_and_the_rest_waits():
    made = assignment()
    marked = mark_student(made, made.students[0], all_right(made))
    rubric = exercise(TEXT).rubric
    some = with_manual(marked, {TEXT: {rubric[0].name: 1.5}}, {f"{TEXT}/{rubric[0].name}": "which factor?"})
    mark = next(mark for mark in some.marks if mark.exercise == TEXT)
    assert mark.earned == pytest.approx(1.5)
    assert mark.waits_for_person
    every = with_manual(marked, {TEXT: {c.name: c.points for c in rubric}}, {})
    mark = next(mark for mark in every.marks if mark.exercise == TEXT)
    assert mark.earned == pytest.approx(exercise(TEXT).points)
    assert not mark.waits_for_person


def test_points_for_no_open_answer_change_nothing():
    made = assignment()
    marked = mark_student(made, made.students[0], all_right(made))
    before = total(marked)
    assert total(with_manual(marked, {NUMBERS: {"x": 100.0}, TEXT: {"no such criterion": 50.0}}, {})) == before


def test_points_for_an_answer_that_has_gone_still_count_and_are_flagged():
    made = assignment()
    marked = mark_student(made, made.students[0], all_right(made, text=""))
    rubric = exercise(TEXT).rubric
    after = with_manual(marked, {TEXT: {c.name: c.points for c in rubric}}, {}, [TEXT])
    assert total(after) == pytest.approx(total(marked) + exercise(TEXT).points)
    assert (Flag.CHANGED_SINCE_MARKED, TEXT) in after.flags
