from __future__ import annotations

import re

from marking_values import NUMBERS, TEXT, all_right, assignment, graded

from exercises.catalogue import exercise
from workbook.grading.marking import with_manual
from workbook.grading.results import Graded
from workbook.grading.review import pseudonyms, review, waiting
from workbook.grading.types import Flag

FULL = {TEXT: {criterion.name: criterion.points for criterion in exercise(TEXT).rubric}}


def class_of(**texts):
    made = assignment(*texts)
    return made, {one.id: graded(made, one, all_right(made, one.id, texts[one.id])) for one in made.students}


def test_what_waits_is_there_with_its_rubric_and_what_is_marked_is_not():
    made, results = class_of(ada="the answer of ada", bob="the answer of bob", eve="")
    results["bob"] = Graded(with_manual(results["bob"].marked, FULL, {}))
    html = review(made, list(results.values()))
    assert "the answer of ada" in html
    assert "the answer of bob" not in html
    assert "1 open answer to mark" in html
    for criterion in exercise(TEXT).rubric:
        assert criterion.evidence in html
    assert [(one.student.id, name) for one, name in waiting(list(results.values()))] == [("ada", TEXT)]


def test_an_answer_that_changed_after_its_mark_is_there_again():
    made, results = class_of(ada="a new answer")
    one = Graded(with_manual(results["ada"].marked, FULL, {}, [TEXT]))
    html = review(made, [one])
    assert "a new answer" in html
    assert "another one than was marked" in html
    assert (Flag.CHANGED_SINCE_MARKED, TEXT) in one.marked.flags


def test_answers_are_escaped_and_the_page_has_no_script():
    made, results = class_of(ada="<script>alert(1)</script> & more")
    html = review(made, list(results.values()))
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in html
    assert "<script" not in html
    assert "default-src 'none'" in html


def test_with_names_hidden_no_name_and_no_id_is_on_the_page():
    made, results = class_of(adalovelace="one answer", grace="another answer", alan="third answer")
    alias = pseudonyms(made)
    html = review(made, list(results.values()), alias)
    for student in made.students:
        assert not re.search(rf"\b({student.id}|{student.name})\b", html)
        assert alias[student.id] in html
    shown = re.findall(r"<h3>(person-\w+)", html)
    assert shown == sorted(shown), "their order would tell who they are"


def test_pseudonyms_differ_stay_and_need_the_secret():
    made, _ = class_of(ada="", bob="")
    assert len(set(pseudonyms(made).values())) == 2
    assert pseudonyms(made) == pseudonyms(made)
    import dataclasses

    assert pseudonyms(dataclasses.replace(made, secret="another")) != pseudonyms(made)


def test_an_assignment_without_open_answers_has_nothing_to_mark():
    made = assignment(exercises=(NUMBERS,))
    assert "Nothing waits." in review(made, [graded(made, made.students[0], all_right(made))])
