"""Scoring oneself in the terminal: points per criterion, each with a quote of one's own notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exercises.interviews.model import Criterion
from workbook.interview.asking import parse_number
from workbook.interview.lines import Source
from workbook.interview.quotes import SHORTEST
from workbook.interview.session import Session

if TYPE_CHECKING:
    from rich.console import Console


class Scoring:
    """The rubric on one terminal. `run` returns whether all criteria have their score."""

    def __init__(self, session: Session, source: Source, console: Console) -> None:
        self.session, self.source, self.console = session, source, console
        self.lines = [line for line in session.state.own_lines() if len(line) >= SHORTEST]

    def run(self) -> bool:
        left = [one for one in self.session.interview.rubric if one.name not in self.session.state.scores]
        if left:
            self.listen_for()
            self.say("\nNow score yourself. A point needs a quote of your own notes: type it, or the number of a line.")
            for number, line in enumerate(self.lines, start=1):
                self.say(f"  {number:>3}  {line}")
        try:
            for one in left:
                self.criterion(one)
        except EOFError:
            return False
        of = sum(one.points for one in self.session.interview.rubric)
        self.say(f"\n{self.session.state.total:g} of {of:g} points.")
        return True

    def listen_for(self) -> None:
        """What a strong candidate would have said to each follow-up."""
        for change in self.session.state.changes:
            one = self.session.follow_up(change.follow_up)
            self.say(f"\n{one.say}\n  A strong answer: {one.listen_for}")

    def criterion(self, one: Criterion) -> None:
        self.say(f"\n{one.name} ({one.points:g} points)\n  all:   {one.full}\n  half:  {one.part}")
        self.say(f"  quote: {one.evidence}")
        points = self.points(one)
        if points == 0:
            self.session.score(one.name, 0, "")
            return
        prompt = "your words: "
        while True:
            quote = self.quoted(self.read(prompt))
            score = self.session.score(one.name, points, quote)
            if not score.reason or not quote:
                self.say(f"  {score.points:g} of {one.points:g}" + (f": {score.reason}" if score.reason else ""))
                return
            self.say(f"  {score.reason}: no points for that. Another one, or Enter for none.")

    def points(self, one: Criterion) -> float:
        while True:
            text = self.read(f"points (0, {one.points / 2:g}, {one.points:g}): ")
            found = parse_number(text) if text else 0.0
            if found is not None and 0 <= found <= one.points:
                return found
            self.say(f"  a number from 0 to {one.points:g}")

    def second_opinion(self) -> None:
        """Offered where a model is configured; a refusal or a fault is said, and changes nothing."""
        from workbook.interview.opinion.client import OpinionError, configured
        from workbook.interview.opinion.telling import ask_for, opinion_lines

        try:
            model = configured()
            if model is None:
                return
            try:
                answer = self.read(f"Send your notes to {model.name} at {model.host} for a second opinion? (y/N) ")
            except EOFError:
                return
            if answer.casefold() in ("y", "yes"):
                self.say("It is tried on notes of known worth first ...")
                for line in opinion_lines(ask_for(self.session, model)):
                    self.say(line)
        except OpinionError as error:
            self.say(f"No second opinion: {error}. {error.mend}".rstrip())

    def quoted(self, text: str) -> str:
        return self.lines[int(text) - 1] if text.isdecimal() and 0 < int(text) <= len(self.lines) else text

    def read(self, prompt: str) -> str:
        return self.source.read(lambda: "", prompt).strip()

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False)
