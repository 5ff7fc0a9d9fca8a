from __future__ import annotations

import json
import math
import re
from random import Random

import numpy as np
import pytest
from marking_values import (
    BUILD,
    FIND,
    NUMBERS,
    TEXT,
    all_right,
    assignment,
    graded,
    ran,
    right,
    seen,
    solved,
    submission,
)

from exercises.catalogue import exercise
from exercises.model import Mark, Part, Verdict
from workbook.grading.analysis_page import analysis_page, histogram
from workbook.grading.analytics import FEWEST, analyse, difficulty, discrimination
from workbook.grading.results import Graded
from workbook.grading.types import Flag, Marked

TWO = (NUMBERS, FIND)


def students(n: int):
    return [f"s{number}" for number in range(n)]


def made_of(shares: list[dict[str, float]], exercises=TWO, slip: str = ""):
    """An assignment and results with these shares per exercise; a share below 1 has the slip, None waits."""
    made = assignment(*students(len(shares)), exercises=exercises)
    results = []
    for student, row in zip(made.students, shares, strict=True):
        marks = []
        for name in exercises:
            share = row[name]
            verdict = (
                Verdict.PERSON
                if share is None
                else Verdict.RIGHT
                if share == 1
                else Verdict.SLIP
                if slip
                else Verdict.WRONG
            )
            part = Part("it", verdict, share or 0.0, 1.0, "say", slip if verdict is Verdict.SLIP else "")
            marks.append(Mark(name, exercise(name).points, (part,)))
        results.append(Graded(Marked(student, tuple(marks), {}, (), {}, {})))
    return made, results


def item(analysis, name, part=""):
    return next(one for one in analysis.items if (one.exercise, one.part) == (name, part))


def test_difficulty_is_the_mean_share():
    made, results = made_of([{NUMBERS: 1.0, FIND: 0.0}, {NUMBERS: 0.5, FIND: 0.0}, {NUMBERS: 0.0, FIND: 0.5}])
    analysis = analyse(made, results)
    assert item(analysis, NUMBERS).difficulty == pytest.approx(0.5)
    assert item(analysis, FIND).difficulty == pytest.approx(0.5 / 3)
    assert difficulty([]) is None


def test_discrimination_is_the_correlation_with_the_rest_without_the_item():
    random = Random(3)
    rows = []
    for _ in range(40):
        able = random.random()
        rows.append({name: min(1.0, max(0.0, able + random.uniform(-0.4, 0.4))) for name in (*TWO, "q2-rank-fusion")})
    exercises = (*TWO, "q2-rank-fusion")
    made, results = made_of(rows, exercises)
    analysis = analyse(made, results)
    for name in exercises:
        rest = [sum(row[other] * exercise(other).points for other in exercises if other != name) for row in rows]
        expected = np.corrcoef([row[name] for row in rows], rest)[0, 1]
        found = item(analysis, name).discrimination
        assert found.r == pytest.approx(expected)
        half = 1.959964 / math.sqrt(40 - 3)
        assert found.low == pytest.approx(math.tanh(math.atanh(expected) - half), abs=1e-6)
        assert found.high == pytest.approx(math.tanh(math.atanh(expected) + half), abs=1e-6)
        assert found.n == 40


def test_an_item_that_only_the_weak_solve_discriminates_below_zero():
    rows = [{NUMBERS: share, FIND: 1 - share} for share in np.linspace(0, 1, 12)]
    assert item(analyse(*made_of(rows)), NUMBERS).discrimination.r == pytest.approx(-1)


@pytest.mark.parametrize(
    ("values", "rest", "why"),
    [
        ([0.0, 1.0] * 4, [1.0, 2.0] * 4, "too few"),
        ([1.0] * FEWEST, list(range(FEWEST)), "everybody earned the same"),
        (list(range(FEWEST)), [2.0] * FEWEST, "rest of the total is the same"),
    ],
)
def test_a_correlation_that_cannot_be_says_why(values, rest, why):
    found = discrimination(values, rest)
    assert found.r is None
    assert why in found.why


def test_who_handed_in_nothing_or_could_not_be_graded_is_in_no_figure():
    made, results = made_of([{NUMBERS: 1.0, FIND: 1.0}, {NUMBERS: 0.0, FIND: 0.0}, {NUMBERS: 0.0, FIND: 0.0}])
    import dataclasses

    results[1] = dataclasses.replace(results[1], submitted=False)
    results[2] = dataclasses.replace(results[2], failure="x")
    analysis = analyse(made, results)
    assert (analysis.students, item(analysis, NUMBERS).n, item(analysis, NUMBERS).difficulty) == (1, 1, 1.0)


def test_what_waits_for_a_person_is_no_zero_and_is_in_no_rest():
    rows = [{NUMBERS: number / 11, FIND: number / 11, TEXT: None if number == 3 else 0.5} for number in range(12)]
    made, results = made_of(rows, (*TWO, TEXT))
    analysis = analyse(made, results)
    assert analysis.left_out == (TEXT,)
    assert item(analysis, TEXT).n == 11
    assert item(analysis, TEXT).difficulty == pytest.approx(0.5)
    assert item(analysis, NUMBERS).discrimination.r == pytest.approx(1.0)
    assert analysis.of == sum(exercise(name).points for name in TWO)


def test_slips_are_counted_by_student_most_common_first():
    made = assignment(*students(5), exercises=(NUMBERS,))
    results = []
    for number, student in enumerate(made.students):
        answers = dict(right(made, NUMBERS, student.id))
        if number < 3:
            answers["kv_kib_per_token"] *= 60
        elif number == 3:
            answers["kv_kib_per_token"] /= made.params[student.id][NUMBERS]["layers"]
        results.append(graded(made, student, [(submission(student=student.id), ran({NUMBERS: answers}))]))
    slips = item(analyse(made, results), NUMBERS).slips
    assert [times for _, times in slips] == [3, 1]
    assert "factor of 60" in slips[0][0]
    part = item(analyse(made, results), NUMBERS, "conversations")
    assert part.slips == ()
    assert part.difficulty == 1


def test_not_attempted_is_a_share_of_its_own():
    made = assignment("ada", "bob", exercises=(NUMBERS,))
    results = [
        graded(made, made.students[0], [(submission(untouched=(NUMBERS,)), ran())]),
        graded(made, made.students[1], [(submission(student="bob"), ran({NUMBERS: right(made, NUMBERS, "bob")}))]),
    ]
    assert item(analyse(made, results), NUMBERS).open == pytest.approx(0.5)


def test_parts_add_up_to_their_exercise():
    made = assignment(*students(6))
    results = [graded(made, one, all_right(made, one.id)) for one in made.students]
    analysis = analyse(made, results)
    parts = [one for one in analysis.items if one.exercise == NUMBERS and one.part]
    assert sum(one.points for one in parts) == pytest.approx(exercise(NUMBERS).points)
    assert [one.part for one in parts] == [ask.name for ask in exercise(NUMBERS).asks]


def test_the_page_shows_it_without_scripts_and_the_json_has_it_all():
    made, results = made_of([{NUMBERS: n / 11, FIND: (n % 3) / 2} for n in range(12)], slip="bits_for_bytes")
    analysis = analyse(made, results)
    html = analysis_page(made, analysis)
    assert "<script" not in html
    assert not re.search(r"(src|href)\s*=", html)
    assert html.count("<svg") == len(analysis.items) + 1
    assert "bits for bytes" in html
    assert f"{analysis.items[0].discrimination.r:.2f}" in html
    record = json.loads(json.dumps(analysis.to_dict(), allow_nan=False))
    assert record["items"][0]["slips"][0]["students"] == 11
    assert sum(histogram(analysis)) == 12


def test_nobody_at_all_is_a_page_too():
    made = assignment("ada", exercises=TWO)
    analysis = analyse(made, [graded(made, made.students[0], [], submitted=False)])
    assert analysis.students == 0
    assert "0 students handed something in" in analysis_page(made, analysis)
    json.dumps(analysis.to_dict(), allow_nan=False)


def test_who_did_not_attempt_an_exercise_counts_in_each_of_its_parts():
    made = assignment("ada", "bob", exercises=(BUILD,))
    fuse = seen(made, solved(made, BUILD, "bob")["fuse"], BUILD, "bob")
    results = [
        graded(made, made.students[0], [(submission("q2", flags=((Flag.MISSING_CELL, BUILD),)), ran())]),
        graded(made, made.students[1], [(submission("q2", "bob"), ran(observations={BUILD: fuse}))]),
    ]
    parts = [one for one in analyse(made, results).items if one.part]
    assert [(one.n, one.difficulty, one.open) for one in parts] == [(2, 0.5, 0.5)] * len(parts)
    assert len(parts) >= 3
