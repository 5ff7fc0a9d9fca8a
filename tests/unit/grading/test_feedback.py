from __future__ import annotations

import re

import pytest
from marking_values import (
    BUILD,
    FIND,
    NUMBERS,
    TEXT,
    all_right,
    assignment,
    graded,
    params,
    ran,
    right,
    run_of,
    submission,
)

from exercises.builds import draw_cases
from exercises.catalogue import exercise
from workbook.grading.feedback import KIND_WORDS, feedback
from workbook.grading.marking import with_manual
from workbook.grading.results import Graded
from workbook.grading.types import Ended, Flag, Student

EVIL = "<script>alert(1)</script><img src=https://example.org/x onerror=alert(2)>"


def page(made, work, **fields) -> str:
    return feedback(made, graded(made, made.students[0], work, **fields))


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html.split("<body>")[1]))


def test_it_says_total_and_every_part_with_its_reason():
    made = assignment()
    shown = text_of(page(made, all_right(made)))
    assert "14 of 20 points" in shown
    assert "not final" in shown
    for ask in (*exercise(NUMBERS).asks, *exercise(FIND).asks):
        assert f"{ask.name} : right" in shown


def test_it_asks_no_server_runs_no_script_and_fits_a_phone_in_the_dark():
    html = page(assignment(), all_right(assignment()))
    assert "<script" not in html
    assert not re.search(r"""(src|href)\s*=|url\(|@import""", html)
    assert "default-src 'none'" in html
    assert "width=device-width" in html
    assert "prefers-color-scheme: dark" in html


@pytest.mark.parametrize("where", ["error", "text", "flag", "key", "comment", "name", "reason"])
def test_what_a_student_or_an_error_says_is_text_and_not_markup(where):
    made = assignment(Student("ada", EVIL if where == "name" else "Ada"))
    work = [
        (
            submission(
                texts={TEXT: EVIL if where == "text" else "text"},
                flags=((Flag.MOVED_CELL, EVIL if where == "flag" else "cell 3"),),
            ),
            ran(
                {NUMBERS: {}},
                cells=[
                    run_of(NUMBERS + (EVIL if where == "key" else ""), Ended.RAISED, EVIL if where == "error" else "x")
                ],
                reasons={FIND: EVIL if where == "reason" else ""},
            ),
        )
    ]
    one = graded(made, made.students[0], work)
    criterion = exercise(TEXT).rubric[0].name
    one = Graded(with_manual(one.marked, {}, {f"{TEXT}/{criterion}": EVIL if where == "comment" else ""}))
    html = feedback(made, one)
    assert "&lt;script&gt;" in html
    assert "<script" not in html
    assert "<img" not in html


def test_it_never_holds_the_answers_the_cases_or_what_was_printed():
    made = assignment()
    one = exercise(BUILD)
    wrong = {name: {ask.name: 12345 for ask in exercise(name).asks} for name in (NUMBERS, FIND)}
    cases = draw_cases(one, params(made, BUILD), made.hidden("ada"))
    printed = " ".join(str(case.arguments) for case in cases)
    seen = [{"value": []} for _ in cases]
    work = [
        (submission(), ran(wrong, cells=[run_of(NUMBERS, output=printed)])),
        (submission("q2"), ran(observations={BUILD: seen}, cells=[run_of(BUILD, output=printed)])),
    ]
    html = page(made, work)
    assert "not yet" in html
    names = {name for case in cases for ranking in case.arguments["rankings"] for name in ranking}
    assert not [name for name in names if name in html]
    for name in (NUMBERS, FIND):
        for value in right(made, name).values():
            assert not re.search(rf"(?<![\d.]){re.escape(str(value))}(?![\d.])", text_of(html)) or str(value) in "1234"
    assert made.secret not in html


def test_the_failing_cell_is_named_with_its_last_lines_cut():
    made = assignment(exercises=(NUMBERS,))
    error = "\n".join(f"line {number} " + "x" * 200 for number in range(200)) + "\nZeroDivisionError: division by zero"
    cell = run_of(NUMBERS, Ended.RAISED, error)
    html = page(made, [(submission(), ran(cells=[cell]))])
    assert "cell 7, answer of q1-kv-per-token: raised" in text_of(html)
    (shown,) = re.findall(r"(?s)<pre>(.*?)</pre>", html)
    assert shown.endswith("ZeroDivisionError: division by zero")
    assert len(shown) <= 1200
    many = run_of(NUMBERS, Ended.RAISED, "\n".join(f"line {number}" for number in range(200)))
    (shown,) = re.findall(r"(?s)<pre>(.*?)</pre>", page(made, [(submission(), ran(cells=[many]))]))
    assert shown.splitlines() == [f"line {number}" for number in range(188, 200)]


def test_a_cell_that_is_nobodys_answer_is_shown_too():
    made = assignment(exercises=(NUMBERS,))
    cell = run_of("something else", Ended.KILLED, "it ended its process")
    html = text_of(page(made, [(submission(), ran({NUMBERS: right(made, NUMBERS)}, cells=[cell]))]))
    assert "Other cells that did not run" in html
    assert "it ended its process" in html


def test_a_person_s_points_and_comments_are_there():
    made = assignment()
    one = graded(made, made.students[0], all_right(made, text="My own words."))
    first, second, *rest = exercise(TEXT).rubric
    given = {first.name: 0.5, second.name: second.points, **{c.name: 0.0 for c in rest}}
    html = text_of(
        feedback(made, Graded(with_manual(one.marked, {TEXT: given}, {f"{TEXT}/{first.name}": "by what factor?"})))
    )
    assert "by what factor?" in html
    assert f"{first.name} : 0.5 of 2 points" in html
    assert "My own words." in html
    assert "not final" not in html
    assert "16.5 of 20 points" in html


def test_every_flag_has_kind_words_of_its_own():
    assert set(KIND_WORDS) == set(Flag)
    assert len(set(KIND_WORDS.values())) == len(Flag)
    made = assignment(exercises=(NUMBERS,))
    shown = page(made, [(submission(flags=tuple((flag, "q1") for flag in Flag)), ran())])
    assert all(words in shown for words in KIND_WORDS.values())


def test_nothing_handed_in_and_what_could_not_be_graded_are_told_apart():
    made = assignment(exercises=(NUMBERS,))
    assert "Nothing was handed in" in page(made, [], submitted=False)
    failed = page(made, [], failure="a secret path of the grader")
    assert "could not be graded" in failed
    assert "secret path" not in failed
    assert "of 4 points" not in text_of(failed)


def test_a_text_of_strange_characters_can_be_written(tmp_path):
    made = assignment()
    work = [
        (
            submission(texts={TEXT: "a\ud800b\x00c\u202ed" + "e" * 50_000}),
            ran(cells=[run_of(NUMBERS, Ended.RAISED, "\ud800")]),
        )
    ]
    html = page(made, work)
    (tmp_path / "x.html").write_text(html, encoding="utf-8")
    assert "\x00" not in html
    assert "\u202e" not in html
    assert len(html) < 60_000


def test_whose_notebook_it_was_is_for_the_instructor_alone():
    made = assignment(exercises=(NUMBERS,))
    flags = ((Flag.OTHER_STUDENT, "grace: cells 3, 4"), (Flag.OTHER_STUDENT, "alan"))
    html = page(made, [(submission(flags=flags), ran())])
    assert "cells 3, 4" in html
    assert "grace" not in html
    assert "alan" not in html
