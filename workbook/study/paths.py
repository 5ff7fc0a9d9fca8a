"""Three ways through the workbook, by the time that somebody has: what to do in which order, and how long it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from exercises.catalogue import QUESTIONS, exercises_of
from exercises.model import Exercise, Kind
from workbook.interview.timing import CHOICES
from workbook.paths import notebooks_dir
from workbook.study.minutes import reading
from workbook.study.structure import Shape, shape

SHORT, LONG = CHOICES  # minutes of an interview
HELD_IN_A_WEEKEND = ("q1", "q4", "q5", "q7")
WHOLE = tuple("01234567")
INTERVIEW = "interview.ipynb"


@dataclass(frozen=True)
class Step:
    """One thing to do for one question. link: where, relative to the notebooks' folder.

    exercises: ids, for a step of exercises. interview: which one of this question it is, 1 or 2; 0 for other steps.
    A step with neither is reading, which leaves no trace.
    """

    question: str
    what: str
    minutes: int
    link: str
    exercises: tuple[str, ...] = ()
    interview: int = 0


@dataclass(frozen=True)
class Session:
    name: str
    steps: tuple[Step, ...]

    @property
    def minutes(self) -> int:
        return sum(step.minutes for step in self.steps)


@dataclass(frozen=True)
class StudyPath:
    """name: "weekend", "week" or "month". aim: what it is good for, one sentence."""

    name: str
    aim: str
    sessions: tuple[Session, ...]

    @property
    def minutes(self) -> int:
        return sum(session.minutes for session in self.sessions)

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(step for session in self.sessions for step in session.steps)


def notebook_of(question: str) -> Shape:
    """The notebook of "q1" to "q7"."""
    (source,) = notebooks_dir().glob(f"{question}_*.py")
    return shape(source)


def exercise_link(one: Exercise) -> str:
    """Where the notebook of its question asks it: exercises stand in section 8 in the catalogue's order."""
    number = exercises_of(one.question).index(one) + 1
    return notebook_of(one.question).link(f"8.{number}")


@cache
def all_paths() -> tuple[StudyPath, ...]:
    """The shortest first. Minutes come from the exercises, the interviews and the notebooks' own words."""
    return (_weekend(), _week(), _month())


def path(name: str) -> StudyPath:
    """By name. Raises KeyError that lists the names."""
    for one in all_paths():
        if one.name == name:
            return one
    raise KeyError(f"no study path {name!r}: there are {', '.join(one.name for one in all_paths())}")


def _weekend() -> StudyPath:
    steps: list[Step] = []
    for question in QUESTIONS:
        if question in HELD_IN_A_WEEKEND:
            steps.append(_interview(question, SHORT, 1))
        steps.append(_read(question, "the whole notebook", WHOLE))
        steps += [_exercise(one) for one in exercises_of(question) if one.kind is Kind.SIZE]
    aim = "An interview is near: every answer run once and sized by hand, some questions aloud."
    return StudyPath("weekend", aim, packed(steps, ("Saturday", "Sunday")))


def _week() -> StudyPath:
    days = []
    for number, question in enumerate(QUESTIONS, 1):
        chosen = [_exercise(one) for one in exercises_of(question) if one.difficulty <= 2]
        steps = (_interview(question, SHORT, 1), _read(question, "the whole notebook", WHOLE), *chosen)
        days.append(Session(f"Day {number}", steps))
    return StudyPath("week", "One question a day: answer it aloud first, then run the answer.", tuple(days))


def _month() -> StudyPath:
    steps: list[Step] = []
    for question in QUESTIONS:
        steps += [
            _interview(question, SHORT, 1),
            _read(question, "question, sections 1 to 3", tuple("0123")),
            _read(question, "section 4, the deep dive", ("4",)),
            _read(question, "sections 5 to 7", tuple("567")),
            *map(_exercise, exercises_of(question)),
            _interview(question, LONG, 2),
        ]
    aim = "Four weeks, five sessions each: everything, and every question aloud before and after."
    names = [f"Week {week}, session {number}" for week in range(1, 5) for number in range(1, 6)]
    return StudyPath("month", aim, packed(steps, names))


def packed(steps: Sequence[Step], names: Sequence[str]) -> tuple[Session, ...]:
    """The steps in their order, in sessions of these names and of about equal length.

    A step belongs to the session that its middle falls into, so no session is off by more than one step.
    """
    share = sum(step.minutes for step in steps) / len(names)
    found: list[list[Step]] = [[] for _ in names]
    passed = 0.0
    for step in steps:
        found[min(int((passed + step.minutes / 2) / share), len(names) - 1)].append(step)
        passed += step.minutes
    return tuple(Session(name, tuple(each)) for name, each in zip(names, found, strict=True))


def _read(question: str, what: str, numbers: Sequence[str]) -> Step:
    notebook = notebook_of(question)
    first = next((number for number in numbers if number != "0"), "1")
    whole = "0" in numbers
    return Step(question, what, reading(notebook, numbers), notebook.file if whole else notebook.link(first))


def _exercise(one: Exercise) -> Step:
    number = exercises_of(one.question).index(one) + 1
    return Step(one.question, f"8.{number} {one.title}", one.minutes, exercise_link(one), exercises=(one.id,))


def _interview(question: str, minutes: int, which: int) -> Step:
    return Step(question, f"interview of {minutes} minutes", minutes, INTERVIEW, interview=which)
