"""The one machine behind terminal and panel: what may happen when, and what the interviewer answers.

Every action is on disk before it takes effect, so that whatever ends the process loses nothing but the last seconds of
the clock.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from exercises.interviews.model import Figure, FollowUp, Interview, Phase, values
from workbook.errors import WorkbookError
from workbook.interview import asking
from workbook.interview.log import Log, read
from workbook.interview.quotes import judge_score
from workbook.interview.record import Record
from workbook.interview.state import VERSION, Change, Estimate, Score, State, replay
from workbook.interview.timing import PHASES


class NotNow(WorkbookError):
    """The action does not fit the moment; the message says why, the mend what fits. Nothing has changed."""


class Session(Record):
    """One interview. `log` None keeps nothing; clock gives seconds from any origin."""

    def __init__(
        self,
        interview: Interview,
        minutes: int = 30,
        *,
        log: Log | None = None,
        clock: Callable[[], float] = time.monotonic,
        state: State | None = None,
    ) -> None:
        super().__init__(minutes, log=log, clock=clock, state=state)
        self.interview = interview
        if state is None:
            self.keep("start", question=interview.question, title=interview.title, minutes=minutes, version=VERSION)
            self._enter(PHASES[0])
            self.watch.go()

    @classmethod
    def resume(cls, interview: Interview, path: Path, clock: Callable[[], float] = time.monotonic) -> Session:
        """Go on with a file. Raises WorkbookError if it is damaged, open elsewhere, or of another interview."""
        log = Log(path)
        try:
            state = replay(read(path))
            if state.question != interview.question:
                raise WorkbookError(f"{path.name} is of {state.question or 'no question'}", "name its question")
            if any(number >= len(interview.follow_ups) for number in state.follow_ups) or state.phase is None:
                raise ValueError("it does not fit the interview of this version")
        except (KeyError, ValueError, TypeError) as error:
            log.close()
            raise WorkbookError(f"{path.name} cannot be gone on with: {error}", "begin a new interview") from None
        except WorkbookError:
            log.close()
            raise
        session = cls(interview, log=log, clock=clock, state=state)
        session.keep("resumed")
        session.go_on()
        if state.pending is not None and state.pending_answered:
            session._run_follow_up(state.pending)
        return session

    # ---- the candidate -----------------------------------------------------------------------------------------------
    def note(self, text: str) -> None:
        """Add a line to the notes of this phase; the last one may come after the time."""
        if text.strip():
            self._open()
            self.keep("note", phase=self.phase.value, text=text.rstrip())

    def write(self, text: str) -> bool:
        """Make `text` the whole notes of this phase; False if they are that already."""
        self._open()
        if text == self.state.notes.get(self.phase, ""):
            return False
        self.keep("notes", phase=self.phase.value, text=text)
        return True

    def ask(self, text: str) -> list[str]:
        """A clarifying question: the names of the parameters that it concerns, none if no word fits."""
        self._running()
        names = asking.concerned(text, self.interview.parameters)
        self.keep("asked", text=text.strip(), parameters=names)
        return names

    def look(self) -> tuple[Figure, ...]:
        """The figures of the design as it stands; from then on they can be estimated no more.

        Raises NotNow while a follow-up waits for an estimate.
        """
        self._running()
        if self.state.pending is not None:
            raise NotNow("the follow-up waits for your estimate", "give it, or show the figures without one")
        figures = self.figures()
        self.keep("numbers")
        return figures

    def to_estimate(self) -> list[Figure]:
        """What can be estimated now: the follow-up's figure alone while one waits, else every figure not yet shown."""
        if self.state.ended:
            return []
        if self.state.pending is not None:
            wanted = self.follow_up(self.state.pending).asks
            return [figure for figure in self.figures() if figure.name == wanted]
        return [figure for figure in self.figures() if figure.name not in self.state.seen]

    def estimate(self, name: str, value: float | None) -> Change | Estimate | None:
        """The candidate's own figure, then the computed one: a Change where a follow-up waited, else an Estimate.

        value: None shows a follow-up's figures without an estimate. Raises NotNow for a figure that was shown already.
        """
        self._running()
        open_now = {figure.name: figure for figure in self.to_estimate()}
        if name not in open_now:
            raise NotNow(f"{name!r} cannot be estimated now", f"open: {', '.join(open_now) or 'nothing'}")
        if value is not None and not math.isfinite(value):
            raise NotNow("an estimate is a finite number", "give one")
        figure, pending = open_now[name], self.state.pending
        if pending is None:
            if value is None:
                return None
            self.keep("estimate", figure=name, unit=figure.unit, value=value, computed=figure.value)
            return self.state.estimates[-1]
        self.keep("estimate", figure=name, unit=figure.unit, value=value, follow_up=pending)
        return self._run_follow_up(pending)

    # ---- the interviewer ---------------------------------------------------------------------------------------------
    def opening(self) -> str:
        """What the interviewer says at the beginning of the phase."""
        return self.interview.prompts[self.phase][0]

    def questions_left(self) -> int:
        return len(self.interview.prompts[self.phase]) - 1 - self.state.questions.get(self.phase, 0)

    def question(self) -> str:
        """The next question of this phase; "" if there is none."""
        self._running()
        if self.questions_left() <= 0:
            return ""
        return self.say("question", self.interview.prompts[self.phase][1 + self.state.questions.get(self.phase, 0)])

    def follow_ups_left(self) -> list[int]:
        """The indexes of this phase's follow-ups that were not put."""
        mine = [number for number, one in enumerate(self.interview.follow_ups) if one.phase is self.phase]
        return [number for number in mine if number not in self.state.follow_ups]

    def follow_up(self, index: int) -> FollowUp:
        return self.interview.follow_ups[index]

    def put_follow_up(self) -> FollowUp | None:
        """The interviewer changes the question; None if this phase has no further follow-up.

        Raises NotNow while the last one waits for an estimate.
        """
        self._running()
        if self.state.pending is not None:
            raise NotNow("the last follow-up waits for your estimate", "give it, or show the figures without one")
        left = self.follow_ups_left()
        if not left:
            return None
        self.figures()  # the base is kept before anything changes it
        one = self.follow_up(left[0])
        self.keep("follow_up", index=left[0], figure=one.asks, text=one.say)
        return one

    def next(self) -> Phase | None:
        """On to the next phase; None: that was the last one, the interview is over."""
        self._running()
        place = PHASES.index(self.phase)
        if place + 1 == len(PHASES) or self.is_over:
            self.finish()
            return None
        self._enter(PHASES[place + 1])
        return self.phase

    def pause(self) -> None:
        self._running()
        self.watch.stop()
        self.keep("pause")

    def go_on(self) -> None:
        """After a pause; does nothing without one."""
        if self.state.paused:
            self.keep("go_on")
            self.watch.go()

    def finish(self) -> None:
        """The end, early or not; does nothing the second time."""
        if not self.state.ended:
            reason = "time" if self.is_over else "done"
            self.watch.stop()
            self.keep("ended", reason=reason)

    # ---- afterwards --------------------------------------------------------------------------------------------------
    def score(self, criterion: str, points: float, quote: str) -> Score:
        """Points for a criterion, by the candidate; they count only with a quote of the candidate's own words."""
        if not self.state.ended:
            raise NotNow("the interview still runs", "finish it first")
        wanted = next((one for one in self.interview.rubric if one.name == criterion), None)
        if wanted is None:
            raise NotNow(f"the rubric has no {criterion!r}", "")
        judged = judge_score(wanted, points, quote, self.state.words())
        if judged != self.state.scores.get(criterion):
            self.keep("score", criterion=criterion, points=judged.points, quote=judged.quote, reason=judged.reason)
        return judged

    def keep_opinion(self, opinion: dict[str, Any]) -> None:
        self.keep("opinion", **opinion)

    def settle(self) -> None:
        """The scores are final."""
        if not self.state.done:
            of = sum(one.points for one in self.interview.rubric)
            self.keep("done", total=self.state.total, of=of)

    # ---- inside ------------------------------------------------------------------------------------------------------
    def figures(self) -> tuple[Figure, ...]:
        """Of the design as it stands, whoever has seen them; computed once per change."""
        if not self.state.figures:
            with self.watch.standing():
                figures = tuple(self.interview.design(values(self.interview, self.state.numbers)))
            self.keep("design", figures=[asdict(one) for one in figures])
        return self.state.figures

    def _run_follow_up(self, index: int) -> Change:
        one = self.follow_up(index)
        now = values(self.interview, self.state.numbers)
        changes = dict(one.change(now))
        try:
            with self.watch.standing():
                after = tuple(self.interview.design(values(self.interview, {**self.state.numbers, **changes})))
        except ValueError as error:
            self.keep("no_design", index=index, say=one.say, changes=changes, reason=str(error))
        else:
            figures = [asdict(figure) for figure in after]
            self.keep("changed", index=index, say=one.say, changes=changes, figures=figures)
        return self.state.changes[-1]

    def _enter(self, phase: Phase) -> None:
        self.keep("phase", phase=phase.value)

    def say(self, what: str, text: str) -> str:
        """Keep what the interviewer says. what: "question", "over" (a phase's time) or "time" (all of it)."""
        self.keep("said", what=what, text=text)
        return text

    def _open(self) -> None:
        if self.state.ended:
            raise NotNow("the interview is over", "the notes are as they were at its end")

    def _running(self) -> None:
        self._open()
        if self.state.paused:
            raise NotNow("the interview is paused", "go on first")
