"""One way from an answer to a mark, for the notebook and for the grader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from exercises.builds import Observation, draw_cases, judge_build
from exercises.drawing import mistakes_of
from exercises.model import Exercise, Kind, Mark, Params, Part, Value, Verdict
from exercises.numbers import judge_ask

# What an untouched answer cell of an open exercise says.
OPEN_STUB = "*Your answer here.*"


def judge(
    exercise: Exercise,
    params: Params,
    answers: Mapping[str, Value],
    *,
    seen: Sequence[Observation] | None = None,
    hidden: str = "",
) -> Mark:
    """The mark of one answer.

    answers: for SIZE and FIND a value per ask (a missing one is not attempted); for DESIGN {"text": ...}.
    seen: for BUILD, one observation per case of `draw_cases(exercise, params, hidden)`; None if nothing could be run.
    """
    if exercise.kind is Kind.BUILD:
        assert exercise.build is not None
        return Mark(
            exercise.id, exercise.points, judge_build(exercise.build, draw_cases(exercise, params, hidden), seen)
        )
    if exercise.kind is Kind.DESIGN:
        return Mark(exercise.id, exercise.points, (_open(answers.get("text")),))
    assert exercise.answers is not None
    right, listed = exercise.answers(params), mistakes_of(exercise, params)
    parts = [judge_ask(ask, answers.get(ask.name), right[ask.name], listed[ask.name]) for ask in exercise.asks]
    return Mark(exercise.id, exercise.points, tuple(parts))


def _open(text: Value) -> Part:
    if not isinstance(text, str) or not text.replace(OPEN_STUB, "").strip():
        return Part("text", Verdict.OPEN, 0.0, 1.0, "not attempted: write your answer into the cell")
    return Part("text", Verdict.PERSON, 0.0, 1.0, "a person marks this with the rubric")
