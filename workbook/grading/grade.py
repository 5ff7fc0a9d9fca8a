"""A whole class: what changed is graded anew, a person's marks are added, everything is written.

DIR/graded/state/ID.json      the machine's part per student: what has not changed is not run again
DIR/graded/marks.csv          a person's points and comments (`manual`); backups/ holds the former ones
DIR/graded/review.html        what waits for a person
DIR/graded/feedback/ID.html   for the student
DIR/graded/analysis.html      how the exercises did
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reference.sizing.files import write_whole
from workbook.grading.analysis_page import analysis_page
from workbook.grading.analytics import Analysis, analyse
from workbook.grading.assignment import load
from workbook.grading.batch import run_all, usable_cores
from workbook.grading.csv_files import points, write_grades
from workbook.grading.feedback import feedback
from workbook.grading.finding import Placed, find_submissions
from workbook.grading.manual import Marks, Row, read_marks, strangers, updated, write_marks
from workbook.grading.marking import total, total_points, with_manual
from workbook.grading.one_student import Task, grade_one, key_of, not_graded, not_submitted
from workbook.grading.results import Graded, file_name, keep, kept
from workbook.grading.review import pseudonyms, review
from workbook.grading.sandbox import Sandbox, best_sandbox
from workbook.grading.types import Assignment, GradingError, Limits

GRADED, SUBMITTED = "graded", "submitted"


@dataclass(frozen=True)
class Options:
    """submissions: None is DIR/submitted. jobs: 0 is one per core. again: run what has not changed, too.
    anonymous: no name in review.html and marks.csv."""

    submissions: Path | None = None
    jobs: int = 0
    limits: Limits = field(default_factory=Limits)
    unprotected: bool = False
    again: bool = False
    anonymous: bool = False


@dataclass(frozen=True)
class Report:
    """results: in the roster's order. fresh: ids that were graded now. unplaced: files that were not graded, with the
    reason. strange: rows of marks.csv that belong to nothing. problems: pages that could not be made.
    files: what was written, by name; backup: the former marks.csv."""

    assignment: Assignment
    results: tuple[Graded, ...]
    fresh: tuple[str, ...]
    unplaced: tuple[tuple[Path, str], ...]
    strange: tuple[Row, ...]
    problems: tuple[str, ...]
    files: dict[str, Path]
    backup: Path | None
    analysis: Analysis
    sandbox: str
    jobs: int
    seconds: float

    @property
    def failed(self) -> list[Graded]:
        return [one for one in self.results if one.failure]


def grade(folder: Path, out: Path, options: Options, tell: Callable[[str], None] = lambda line: None) -> Report:
    """Grade what is in the submissions folder. tell: gets a line of progress at a time.

    What goes wrong with one student is in that student's result. Raises GradingError for an assignment, submissions
    folder or marks.csv that cannot be used, NoSandbox, and OSError where results cannot be written. What has been
    graded when it is interrupted is kept and not run again.
    """
    begun = time.monotonic()
    assignment = load(folder)
    target = folder / GRADED
    names = pseudonyms(assignment)
    real = {word: student for student, word in names.items()}
    read_marks(target / "marks.csv", assignment, real)  # before the work: what is wrong with it is told now
    placed = _placed(options.submissions or folder / SUBMITTED, assignment)
    sandbox = best_sandbox(options.unprotected)
    jobs = options.jobs or usable_cores()
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    found, fresh = _machine(assignment, placed, target / "state", sandbox, jobs, options, tell)
    alias = names if options.anonymous else None
    marks, backup = _manual(target / "marks.csv", assignment, found, real, alias)
    results = tuple(_with_person(one, marks) for one in found)
    analysis = analyse(assignment, results)
    files = write_grades(out, assignment, results)
    files["review"] = write_whole(target / "review.html", review(assignment, results, alias))
    files["analysis"] = write_whole(target / "analysis.html", analysis_page(assignment, analysis))
    problems = _feedback(assignment, results, target / "feedback")
    files["feedback"] = target / "feedback"
    if marks.rows:
        files["marks"] = target / "marks.csv"
    return Report(
        assignment, results, fresh, placed.unplaced, tuple(strangers(marks, assignment)), problems, files, backup,
        analysis, sandbox.name, jobs, time.monotonic() - begun,
    )  # fmt: skip


def _placed(submissions: Path, assignment: Assignment) -> Placed:
    try:
        return find_submissions(submissions, assignment)
    except OSError as error:
        raise GradingError(
            f"the submissions in {submissions} cannot be listed: {error.strerror or error}",
            "put each student's notebooks into a folder of that student's id there, or name another with --submissions",
        ) from None


def _machine(
    assignment: Assignment,
    placed: Placed,
    state: Path,
    sandbox: Sandbox,
    jobs: int,
    options: Options,
    tell: Callable[[str], None],
) -> tuple[list[Graded], tuple[str, ...]]:
    """(results in the roster's order, ids that were graded now)."""
    results: dict[str, Graded] = {}
    tasks: list[tuple[str, Task]] = []
    for student in assignment.students:
        notebooks = {question: path for (who, question), path in placed.notebooks.items() if who == student.id}
        if not notebooks:
            results[student.id] = not_submitted(assignment, student)
            continue
        task = Task(assignment, student, notebooks, options.limits, sandbox)
        key = key_of(task)
        former = None if options.again else kept(state, student)
        if former is not None and former.key == key and not former.failure:
            results[student.id] = former
        else:
            tasks.append((key, task))
    if len(results) and any(one.submitted for one in results.values()):
        tell(f"{sum(one.submitted for one in results.values())} unchanged since they were graded")
    of = total_points(assignment)

    def deadline(task: Task) -> float:
        return 60.0 + len(task.notebooks) * (task.limits.total_s + 30.0)

    running = run_all(grade_one, [task for _, task in tasks], jobs=jobs, deadline_s=deadline)
    with contextlib.closing(running):
        for number, (index, outcome) in enumerate(running, 1):
            key, task = tasks[index]
            if outcome.failure:
                one = not_graded(assignment, task.student, outcome.failure)
            else:
                one = outcome.value
            one = replace(one, key=key, seconds=round(outcome.seconds, 2))
            keep(state, one)
            results[task.student.id] = one
            said = one.remark or f"{points(total(one.marked))} of {points(of)}"
            tell(f"{number} of {len(tasks)}: {task.student.id}: {said} ({one.seconds:.1f} s)")
    return [results[student.id] for student in assignment.students], tuple(task.student.id for _, task in tasks)


def _manual(
    path: Path,
    assignment: Assignment,
    found: Sequence[Graded],
    real: dict[str, str],
    alias: dict[str, str] | None,
) -> tuple[Marks, Path | None]:
    """marks.csv as it is now, for somebody may have saved it meanwhile, with rows for what is new."""
    texts = {one.student.id: one.marked.texts for one in found if not one.failure}
    marks = updated(read_marks(path, assignment, real), texts, assignment)
    return marks, write_marks(path, marks, alias)


def _with_person(one: Graded, marks: Marks) -> Graded:
    given, comments, changed = marks.of(one.student.id)
    return replace(one, marked=with_manual(one.marked, given, comments, changed))


def _feedback(assignment: Assignment, results: Sequence[Graded], folder: Path) -> tuple[str, ...]:
    """Write everybody's page; one that cannot be made is a problem to tell, and keeps nobody else's from being made."""
    problems = []
    for one in results:
        try:
            page = feedback(assignment, one)
        except Exception as error:
            problems.append(f"no feedback page for {one.student.id}: {type(error).__name__}: {error}"[:300])
            continue
        write_whole(folder / f"{file_name(one.student.id)}.html", page)
    return tuple(problems)
