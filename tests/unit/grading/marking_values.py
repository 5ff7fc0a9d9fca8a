"""Hand-made assignments, submissions and runs: what the sandbox and the reader hand to the marking."""

from __future__ import annotations

from exercises.builds import draw_cases, observe
from exercises.catalogue import exercise, solution
from exercises.drawing import variant
from workbook.grading.marking import mark_student
from workbook.grading.results import Graded
from workbook.grading.types import Assignment, CellRun, Ended, Ran, Student, Submission

NUMBERS, FIND, TEXT, BUILD = "q1-kv-per-token", "q1-replica-review", "q1-budget-cut", "q2-rank-fusion"
EXERCISES = (NUMBERS, FIND, TEXT, BUILD)
SECRET = "a secret of the tests"


def assignment(*students: str | Student, exercises: tuple[str, ...] = EXERCISES) -> Assignment:
    people = tuple(one if isinstance(one, Student) else Student(one, one.capitalize()) for one in students or ("ada",))
    questions = tuple(dict.fromkeys(name.split("-")[0] for name in exercises))
    params = {one.id: {name: variant(exercise(name), one.id, secret=SECRET) for name in exercises} for one in people}
    return Assignment("week-3", questions, exercises, people, params, SECRET, "2026-01-01T00:00:00+00:00")


def params(made: Assignment, name: str, student: str = "ada") -> dict:
    return dict(made.params[student][name])


def solved(made: Assignment, name: str, student: str = "ada") -> dict:
    """What the worked solution leaves behind."""
    space = dict(params(made, name, student))
    exec(compile(solution(name).code, name, "exec"), space)
    return space


def right(made: Assignment, name: str, student: str = "ada") -> dict:
    found = solved(made, name, student)
    return {ask.name: found[ask.name] for ask in exercise(name).asks}


def seen(made: Assignment, implementation, name: str = BUILD, student: str = "ada") -> list:
    one = exercise(name)
    cases = draw_cases(one, params(made, name, student), made.hidden(student))
    return [observe(one.build, implementation, case) for case in cases]


def submission(question: str = "q1", student: str = "ada", **fields) -> Submission:
    return Submission(student, question, None, (), **{"texts": {}, **fields})


def ran(values=None, observations=None, cells=(), reasons=None) -> Ran:
    return Ran(tuple(cells), values or {}, observations or {}, reasons or {})


def run_of(name: str, ended: Ended = Ended.OK, error: str = "", output: str = "") -> CellRun:
    return CellRun(f"cell 7, answer of {name}", ended, error, output)


def graded(made: Assignment, student: Student, work, **fields) -> Graded:
    return Graded(mark_student(made, student, work), **fields)


def all_right(made: Assignment, student: str = "ada", text: str = "A cascade, measured on 2,000 pairs.") -> list:
    """Both notebooks, every answer right, an open answer that waits."""
    values = {name: right(made, name, student) for name in made.exercises if exercise(name).asks}
    texts = {TEXT: text} if text else {}
    work = [(submission("q1", student, texts=texts), ran(values=values))]
    if BUILD in made.exercises:
        fuse = solved(made, BUILD, student)[exercise(BUILD).build.name]
        work.append((submission("q2", student), ran(observations={BUILD: seen(made, fuse, BUILD, student)})))
    return work
