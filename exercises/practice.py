"""Exercises in JupyterLab: the task with your own numbers, an immediate check, hints in steps, the worked solution."""

from __future__ import annotations

import getpass
import html
import os
import time
from types import SimpleNamespace
from typing import Any

from exercises.builds import draw_cases, observe
from exercises.catalogue import exercise, solution
from exercises.checking import judge
from exercises.drawing import variant
from exercises.model import SIGNS, Exercise, ExerciseError, Kind, Mark, Value, Verdict


def person() -> str:
    """Whose numbers are drawn: WORKBOOK_PERSON, or the login of this machine."""
    try:
        return os.environ.get("WORKBOOK_PERSON") or getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return "reader"


class Shown:
    """Markdown in a notebook, the same text in a terminal."""

    def __init__(self, markdown: str) -> None:
        self.markdown = markdown

    def __repr__(self) -> str:
        return self.markdown

    def _repr_markdown_(self) -> str:
        return self.markdown


class Checked(Shown):
    """What a check says, with the mark behind it."""

    def __init__(self, mark: Mark) -> None:
        self.mark = mark
        if all(part.verdict is Verdict.OPEN for part in mark.parts):
            super().__init__(f"{SIGNS[Verdict.OPEN]} {_what_to_do(mark)}")
            return
        lines = [
            f"- {SIGNS[part.verdict]} **{part.name}**: {html.escape(part.say, quote=False)}" for part in mark.parts
        ]
        if not all(part.verdict in (Verdict.OPEN, Verdict.PERSON) for part in mark.parts):
            lines.append(f"\n{mark.earned:.3g} of {mark.points:g} points")
        super().__init__("\n".join(lines))


def _what_to_do(mark: Mark) -> str:
    """One line for an answer that is not there, whatever the number of its parts."""
    one = exercise(mark.exercise)
    if one.build:
        return f"not attempted: write `{one.build.name}` in place of `raise NotImplementedError`"
    return "not attempted: write your answer between the quotes" if one.rubric else mark.parts[0].say


class Practice:
    """One exercise with the numbers of one person. `p` holds the numbers: `kv.p.layers`."""

    def __init__(self, one: Exercise, take: int = 1, params: dict[str, Any] | None = None) -> None:
        self.exercise, self.take = one, take
        self.params = params if params is not None else variant(one, person(), take)
        self.p = SimpleNamespace(**self.params)
        self._hints = 0
        self._since = time.monotonic()

    def task(self) -> Shown:
        one = self.exercise
        about = f"*{one.kind} · difficulty {one.difficulty} of 3 · about {one.minutes} minutes · section {one.section}*"
        return Shown(f"**{one.title}** {about}\n\n{one.prompt(self.params)}")

    def _repr_markdown_(self) -> str:
        return self.task().markdown

    def __repr__(self) -> str:
        return self.task().markdown

    def check(self, answer: Value = None, **answers: Value) -> Shown:
        """check(name=value, ...) for numbers and choices; check(function) to build; check(text) for an open answer.

        Says right, not yet with the mistake it smells like, or not attempted; never the answer. An attempt is kept in
        this machine's progress (`workbook progress`), unless WORKBOOK_PROGRESS is "off".
        """
        mark = self._judge(answer, answers)
        if all(part.verdict is Verdict.OPEN for part in mark.parts):
            return Checked(mark)
        self._keep(mark)
        if self.exercise.kind is Kind.DESIGN:
            return Shown(_rubric(self.exercise))
        return Checked(mark)

    def _judge(self, answer: Value, answers: dict[str, Value]) -> Mark:
        one = self.exercise
        if one.kind is Kind.BUILD:
            assert one.build is not None
            cases = draw_cases(one, self.params)
            if answer is None:
                return judge(one, self.params, {}, seen=[{"open": True}] * len(cases))
            return judge(one, self.params, {}, seen=[observe(one.build, answer, case) for case in cases])
        if one.kind is Kind.DESIGN:
            return judge(one, self.params, {"text": answer})
        names = [ask.name for ask in one.asks]
        if answer is not None and len(names) == 1 and not answers:
            answers = {names[0]: answer}
        unknown = sorted(set(answers) - set(names))
        if unknown or (answer is not None and len(names) > 1):
            what = f"unknown name {unknown[0]!r}" if unknown else "several answers need their names"
            raise ExerciseError(f"{one.id}: {what}; call check({', '.join(f'{name}=...' for name in names)})")
        return judge(one, self.params, answers)

    def _keep(self, mark: Mark) -> None:
        from exercises.progress import keep_attempt

        slips = [part.slip for part in mark.parts if part.slip]
        keep_attempt(mark.exercise, mark.share, slips, self._hints, time.monotonic() - self._since, self.take)

    def hint(self) -> Shown:
        """The next hint; the last one again when there are no more."""
        hints = self.exercise.hints
        self._hints = min(self._hints + 1, len(hints))
        return Shown(f"**Hint {self._hints} of {len(hints)}.** {hints[self._hints - 1]}")

    def solution(self) -> Shown:
        """The worked solution, from the installed workbook: no assignment folder holds it."""
        self._hints = len(self.exercise.hints)  # who has read it has had every hint
        worked = solution(self.exercise.id)
        fence = "" if self.exercise.kind is Kind.DESIGN else "```"
        body = worked.code if not fence else f"```python\n{worked.code}```"
        return Shown(f"{worked.worked}\n\n{body}")

    def again(self) -> Practice:
        """The same exercise with other numbers."""
        return Practice(self.exercise, self.take + 1)


def practice(name: str, take: int = 1) -> Practice:
    """The exercise `name` ("q1-kv-per-token") with this person's numbers. Raises ExerciseError for an unknown name."""
    return Practice(exercise(name), take)


def _rubric(one: Exercise) -> str:
    rows = "\n".join(f"| {c.name} | {c.points:g} | {c.full} | {c.part} | {c.evidence} |" for c in one.rubric)
    return (
        "No machine marks this. Give yourself points, and for each one quote your own words; no quote, no point.\n\n"
        f"| criterion | points | full | half | quote |\n|---|---|---|---|---|\n{rows}"
    )
