"""Points of one exercise from inside an nbgrader course: the hidden tests of its notebooks call this.

nbgrader runs them in the student's own kernel, where a student's code can change anything, this too; `workbook grade`
keeps the two apart.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exercises.builds import Observation
    from exercises.model import Exercise, Params


def points(exercise_id: str, params: Params, space: Mapping[str, Any], hidden: str = "") -> float:
    """What the variables in `space` earn, 0 to the exercise's points; the reasons go to standard output.

    hidden: the word that draws other cases than those of practice. nbgrader takes the number as partial credit if it is
    the last expression of a test cell, and refuses one above the cell's points; anything on standard error, a warning
    of an import for instance, would cost all of them, so nothing is written there.
    """
    with contextlib.redirect_stderr(io.StringIO()):
        from exercises.checking import judge

        one = _exercise(exercise_id)
        seen = _seen(one, params, space, hidden) if one.build else None
        mark = judge(one, params, {ask.name: space.get(ask.name) for ask in one.asks}, seen=seen, hidden=hidden)
    for part in mark.parts:
        print(f"{part.name}: {part.say}")
    return min(round(mark.earned, 4), float(one.points))


def _exercise(exercise_id: str) -> Exercise:
    """From its own module: the others of the question may need packages that a course does not have."""
    question, _, name = exercise_id.partition("-")
    module = importlib.import_module(f"exercises.{question}.{name.replace('-', '_')}")
    one: Exercise = module.EXERCISE
    return one


def _seen(one: Exercise, params: Params, space: Mapping[str, Any], hidden: str) -> list[Observation]:
    from exercises.builds import draw_cases, observe

    assert one.build is not None
    cases = draw_cases(one, params, hidden)
    if one.build.name not in space:
        return [{"open": True}] * len(cases)
    return [observe(one.build, space[one.build.name], case) for case in cases]
