"""The interview in a terminal: what is typed becomes a note or a command."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from workbook.interview import show, speech
from workbook.interview.asking import parse_estimate
from workbook.interview.interviewer import due, remarks
from workbook.interview.lines import Broken, Source
from workbook.interview.session import NotNow, Session
from workbook.interview.state import Change
from workbook.interview.timing import clock_text

if TYPE_CHECKING:
    from rich.console import Console

HELP = """\
Whatever you type is a note, unless it is one of these:
  next              on to the next phase
  ask TEXT          a clarifying question to the interviewer
  more              the interviewer's next question
  follow            the interviewer's next follow-up, which changes the numbers
  estimate N        your estimate of the figure that is asked for; `estimate FIGURE N` of any that was not shown
  numbers           the design's figures (after a follow-up: without an estimate)
  notes             your notes so far
  note TEXT         a note, whatever it begins with
  pause             stop the clock; Enter goes on
  quit              leave; --resume goes on later
Questions and follow-ups also come by themselves, spread over each phase; everything is saved at once."""
# These are commands only as the whole line: "next we need a cache" is a note.
ALONE = ("next", "more", "follow", "numbers", "notes", "pause", "help", "quit")
_BARE_NUMBER = re.compile(r"[-+~]?[\d.,_]+(e[-+]?\d+)?\s*\S{0,12}( \S{1,12}){0,2}", re.IGNORECASE)


class Conversation:
    """One session on one terminal. `run` returns when the interview is over (True) or was left (False)."""

    def __init__(self, session: Session, source: Source, console: Console) -> None:
        self.session, self.source, self.console = session, source, console

    def run(self, resumed: bool = False) -> bool:
        """Until the end. KeyboardInterrupt passes through; all is on disk then."""
        if self.session.state.ended:
            return True
        if resumed:
            self.say(f"We go on after {clock_text(self.session.elapsed)}.")
        else:
            self.say(f"{self.session.interview.title}: {self.session.minutes} minutes. `help` lists the commands.")
            self.say(self.session.interview.opening, spoken=True)
        self.begin_phase()
        if self.session.state.pending is not None:
            self.say(self.session.follow_up(self.session.state.pending).say, spoken=True)
            self.say(speech.before_estimate(self.session), spoken=True)
        while not self.session.state.ended:
            if not self.one_line():
                return False
        self.say("")
        self.say(f"That was it, after {clock_text(self.session.elapsed)}.", spoken=True)
        show.times(self.console, self.session)
        return True

    def one_line(self) -> bool:
        """Read one line and do what it says; False to leave."""
        session = self.session
        self.interject()
        was_over = session.is_over
        try:
            line = self.source.read(self.status)
        except EOFError:
            return False
        except Broken as stopped:
            session.note(stopped.typed)
            raise
        if session.state.paused and line.strip() != "quit":
            session.go_on()
            self.say(f"On we go at {clock_text(session.elapsed)}.")
        try:
            staying = self.handle(line.strip())
        except NotNow as refused:
            self.say(f"{refused}{f': {refused.mend}' if refused.mend else ''}.")
            staying = True
        # The line in which the time ran out, and one more, may be finished.
        if staying and was_over and not session.state.paused:
            session.finish()
        return staying

    def interject(self) -> None:
        """What the interviewer says by the clock before the next line."""
        for text in remarks(self.session):
            self.say(text, spoken=True)
        what = due(self.session)
        if what == "question":
            self.say(self.session.question(), spoken=True)
        elif what == "follow_up":
            self.follow()
        self.session.beat()

    def status(self) -> str:
        """The line with the running times; also keeps the clock."""
        self.session.beat()
        width = shutil.get_terminal_size().columns - (1 if self.source.ticking else len(" []> ") + 20)
        waiting = self.session.is_over or due(self.session)
        hand = " · Enter: the interviewer" if waiting and self.source.ticking else ""
        return speech.status(self.session, max(10, width - len(hand))) + hand

    def handle(self, text: str) -> bool:
        """One line without its ends; False to leave."""
        word, _, rest = text.partition(" ")
        if text in ALONE:
            return self.command(text)
        if word == "ask" and rest:
            self.say(speech.to_questions(self.session, self.session.ask(rest)), spoken=True)
        elif word == "estimate":
            self.estimate(rest.strip(), text)
        elif self.session.state.pending is not None and _BARE_NUMBER.fullmatch(text):
            self.estimate(text, text)
        elif word == "note" and rest:
            self.session.note(rest)
        elif text:
            self.session.note(text)
        elif self.session.state.pending is not None:
            self.say(speech.before_estimate(self.session), spoken=True)
        return True

    def command(self, word: str) -> bool:
        session = self.session
        if word == "next":
            left, waits = speech.skipped(session), session.state.pending is not None
            if session.next() is not None:
                if waits:
                    self.say("The follow-up stays open; the numbers stay as they were.")
                if left:
                    self.say(left)
                self.begin_phase()
        elif word == "more":
            self.say(session.question() or "No further question in this phase.", spoken=True)
        elif word == "follow":
            self.follow()
        elif word == "numbers":
            self.numbers()
        elif word == "notes":
            for line in session.state.own_lines() or ["No notes so far."]:
                self.say(f"  {line}")
        elif word == "pause":
            session.pause()
            self.say(f"Paused at {clock_text(session.elapsed)}. Enter goes on.")
        elif word == "help":
            self.say(HELP)
        return word != "quit"

    # ---- what is said ------------------------------------------------------------------------------------------------
    def begin_phase(self) -> None:
        self.say("")
        self.console.rule(speech.short(self.session.phase), style="dim", align="left")
        if len(self.session.state.entered) == 2:
            self.say("We go on with these numbers:", spoken=True)
            for line in speech.given(self.session):
                self.say(f"  {line}")
        self.say(speech.beginning(self.session), spoken=True)

    def follow(self) -> None:
        put = self.session.put_follow_up()
        if put is None:
            self.say("No further follow-up in this phase.", spoken=True)
            return
        self.say(put.say, spoken=True)
        self.say(speech.before_estimate(self.session), spoken=True)

    def numbers(self) -> None:
        if self.session.state.pending is None:
            show.figures(self.console, self.session.look())
            return
        change = self.session.estimate(self.session.to_estimate()[0].name, None)
        assert isinstance(change, Change)
        self.show_change(change)

    def estimate(self, text: str, whole: str) -> None:
        names = [figure.name for figure in self.session.to_estimate()]
        parsed = parse_estimate(text, names)
        if parsed is None or (len(names) > 1 and text[:1].isdigit()):
            self.session.note(whole)
            wanted = ", ".join(names) or "nothing: all figures were shown"
            self.say(f"Kept as a note. To estimate: `estimate FIGURE NUMBER`; open: {wanted}.")
            return
        done = self.session.estimate(*parsed)
        if isinstance(done, Change):
            self.show_change(done)
        elif done is not None:
            self.say(speech.after_estimate(done), spoken=True)

    def show_change(self, change: Change) -> None:
        for line in speech.after_change(self.session, change):
            self.say(line, spoken=True)
        show.before_after(self.console, change.rows)

    def say(self, text: str, spoken: bool = False) -> None:
        """spoken: by the interviewer, set off from what the workbook says."""
        if spoken:
            text = f"▸ {text}"
        self.console.print(text, markup=False, highlight=False, style="bold" if spoken else None)
