"""All exercises, handed out and read back: solutions earn everything, untouched notebooks are open everywhere."""

from __future__ import annotations

import pytest
from handed_out import JANE, PEOPLE, handed, marks, read, solved

from exercises.catalogue import QUESTIONS, exercise, exercises_of
from exercises.model import Kind, Verdict
from workbook.grading.assignment import make
from workbook.grading.handout import cells
from workbook.grading.types import Role


@pytest.fixture(scope="module", params=QUESTIONS)
def made(request):
    return make("ps1", [request.param], PEOPLE, seed="3")


def test_every_solution_in_its_answer_cell_earns_everything(made, tmp_path):
    (question,) = made.questions
    submission = read(made, solved(made, JANE, question), tmp_path, question=question)
    assert submission.flags == ()
    found = marks(made, submission)
    assert set(found) == {one.id for one in exercises_of(question)}
    for name, mark in found.items():
        if exercise(name).kind is Kind.DESIGN:
            assert mark.waits_for_person
        else:
            assert mark.earned == pytest.approx(mark.points), mark


def test_every_untouched_exercise_is_open(made, tmp_path):
    (question,) = made.questions
    submission = read(made, handed(made, JANE, question), tmp_path, question=question)
    assert submission.flags == ()
    assert set(submission.untouched) == set(made.exercises)
    verdicts = {part.verdict for mark in marks(made, submission).values() for part in mark.parts}
    assert verdicts == {Verdict.OPEN}


def test_the_numbers_cell_of_every_exercise_is_its_variant(made):
    (question,) = made.questions
    for student in PEOPLE:
        for one in cells(made, student, question):
            if one.role is Role.NUMBERS:
                space: dict = {}
                exec(one.source, {}, space)
                assert space == made.params[student.id][one.exercise]


def test_no_answer_cell_tells_the_answer(made):
    """The lines of a solution stand nowhere in what is handed out; short ones can be the stub's too."""
    (question,) = made.questions
    from exercises.catalogue import solution

    text = "\n".join(one.source for one in cells(made, JANE, question))
    for name in made.exercises:
        long = [line.strip() for line in solution(name).code.splitlines() if len(line.strip()) > 45]
        shared = [line for line in long if line in text and not line.startswith(("def ", "class ", '"""', "import "))]
        assert shared == [], name
