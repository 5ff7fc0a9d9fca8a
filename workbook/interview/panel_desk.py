"""The page of the panel on which the interview is held."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from workbook.errors import WorkbookError
from workbook.interview import panel_html, speech
from workbook.interview.asking import parse_number
from workbook.interview.interviewer import due, remarks
from workbook.interview.session import NotNow, Session
from workbook.interview.state import Change
from workbook.interview.timing import GRACE_S, clock_text

# Notes are saved when nothing was typed for so long.
DEBOUNCE_S = 0.8
# Of what was said, so many lines can be scrolled back to.
SHOWN = 40


def fault_text(error: Exception) -> str:
    """One failure as a sentence of the panel."""
    if isinstance(error, WorkbookError):
        return f"{error}. {error.mend}"
    return f"A fault of the workbook: {type(error).__name__}: {error}. What you wrote is saved."


class Desk:
    """parts: the widgets from top to bottom. over() is called once, when the interview ends."""

    def __init__(self, session: Session, over: Callable[[], None]) -> None:
        import ipywidgets as widgets

        self.session, self._over = session, over
        self.said: list[tuple[str, str]] = []
        self._saving: asyncio.TimerHandle | None = None
        self._filling = False  # the kernel, not the candidate, sets the notes

        def button(label: str, action: Callable[[], None], icon: str = "", style: str = "") -> Any:
            made = widgets.Button(description=label, icon=icon, button_style=style, layout={"width": "auto"})
            made.on_click(lambda _: self.act(action))
            return made

        def on_enter(action: Callable[[], None]) -> Callable[..., None]:
            def heard(_: object, content: dict[str, Any], __: object) -> None:
                if content.get("event") == "submit":
                    self.act(action)

            return heard

        self.clock, self.speech, self.table = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.earlier, self.saved = widgets.HTML(), widgets.HTML()
        self.notes = widgets.Textarea(placeholder="Your notes", layout={"width": "auto", "height": "150px"})
        self.notes.observe(self._typed, names="value")
        self.question = widgets.Text(
            placeholder="Ask the interviewer: how many users? which latency? (Enter)", layout={"flex": "1 1 auto"}
        )
        # Enter in the field; a blur alone must not ask.
        self.question.on_msg(on_enter(self.ask))
        self.figure = widgets.Dropdown(layout={"width": "240px"})
        self.figure.observe(lambda _: self._show_unit(), names="value")
        self.value = widgets.Text(placeholder="12, 1.5e6, 40k", layout={"width": "140px"})
        self.value.on_msg(on_enter(self.estimate))
        self.unit = widgets.HTML()
        self.more = button("Question", self.put_question, "question")
        self.follow = button("Follow-up", self.put_follow_up, "random")
        self.numbers = button("Figures", self.show_numbers, "table")
        self.pause = button("Pause", self.toggle_pause, "pause")
        self.next = button("Next phase", self.next_phase, "arrow-right", "primary")
        self.estimating = widgets.HBox(
            [widgets.HTML(panel_html.box("My estimate")), self.figure, self.value, self.unit,
             button("Estimate", self.estimate, "check")],
            layout={"flex_flow": "row wrap", "align_items": "center"},
        )  # fmt: skip
        self.parts = (
            self.clock,
            widgets.HBox(
                [self.next, self.pause, self.more, self.follow, self.numbers], layout={"flex_flow": "row wrap"}
            ),
            self.speech,
            self.table,
            self.estimating,
            widgets.HBox([self.question, button("Ask", self.ask)], layout={"width": "100%"}),
            self.notes,
            widgets.HBox([self.saved, self.earlier], layout={"min_height": "26px"}),
        )
        # Not by the clock: a slow machine takes seconds to come here.
        if any(event["kind"] == "resumed" for event in session.state.timeline):
            self.say("", f"We go on after {clock_text(session.elapsed)}.")
        else:
            self.say("interviewer", session.interview.opening)
        self._begin_phase()
        if session.state.pending is not None:
            self._say_follow_up(session.follow_up(session.state.pending).say)
        if session.state.changes:
            self.table.value = panel_html.change_table(session.state.changes[-1].rows)
        self.refresh()

    # ---- by the clock ------------------------------------------------------------------------------------------------
    def tick(self) -> None:
        """Once a second: the clock, what the interviewer says of themselves, and the end."""
        session = self.session
        for words in remarks(session):
            self.say("interviewer", words)
        what = due(session)
        if what == "question":
            self.put_question()
        elif what == "follow_up":
            self.put_follow_up()
        session.beat()
        self.clock.value = panel_html.clock(session)
        if what:
            self.refresh()
        if session.elapsed >= session.total_s + GRACE_S:
            self._finish()

    # ---- by the candidate --------------------------------------------------------------------------------------------
    def act(self, action: Callable[[], None]) -> None:
        """One press: what was typed is saved first, and a refusal is said."""
        try:
            self.save()
            action()
        except NotNow as refused:
            self.say("", f"{refused}{f': {refused.mend}' if refused.mend else ''}.")
        except Exception as error:  # of a callback, nobody would see it
            self.say("", fault_text(error))
        if not self.session.state.ended:
            self.refresh()

    def ask(self) -> None:
        words = self.question.value.strip()
        if words:
            names = self.session.ask(words)
            self.say("you", words)
            self.say("interviewer", speech.to_questions(self.session, names))
            self.question.value = ""

    def put_question(self) -> None:
        self.say("interviewer", self.session.question() or "No further question in this phase.")

    def put_follow_up(self) -> None:
        put = self.session.put_follow_up()
        if put is None:
            self.say("interviewer", "No further follow-up in this phase.")
        else:
            self._say_follow_up(put.say)

    def _say_follow_up(self, words: str) -> None:
        self.say("interviewer", f"{words}\n{speech.before_estimate(self.session)}")

    def estimate(self) -> None:
        value = parse_number(self.value.value)
        if value is None or not self.figure.value:
            self.say(
                "", "An estimate is a number: 12, 1.5e6, 40k." if self.figure.value else "Nothing to estimate now."
            )
            return
        done = self.session.estimate(self.figure.value, value)
        self.value.value = ""
        if isinstance(done, Change):
            self._show(done)
        elif done is not None:
            self.say("interviewer", speech.after_estimate(done))

    def show_numbers(self) -> None:
        if self.session.state.pending is None:
            self.table.value = panel_html.figures_table(self.session.look())
            return
        change = self.session.estimate(self.session.to_estimate()[0].name, None)
        assert isinstance(change, Change)
        self._show(change)

    def toggle_pause(self) -> None:
        if self.session.state.paused:
            self.session.go_on()
        else:
            self.session.pause()

    def next_phase(self) -> None:
        left = speech.skipped(self.session)
        if self.session.is_over or self.session.next() is None:
            self._finish()
            return
        if left:
            self.say("", left)
        if len(self.session.state.entered) == 2:
            given = "\n".join(f"· {line}" for line in speech.given(self.session))
            self.say("interviewer", f"We go on with these numbers:\n{given}")
        self._begin_phase()

    # ---- inside ------------------------------------------------------------------------------------------------------
    def _begin_phase(self) -> None:
        self.say("interviewer", speech.beginning(self.session))
        self._filling = True
        self.notes.value = self.session.state.notes.get(self.session.phase, "")
        self._filling = False
        self.saved.value = ""

    def _show(self, change: Change) -> None:
        self.say("interviewer", "\n".join(speech.after_change(self.session, change)))
        self.table.value = panel_html.change_table(change.rows)

    def _finish(self) -> None:
        self.save()
        self.session.finish()
        self._over()

    def say(self, who: str, words: str) -> None:
        self.said.append((who, words))
        self.speech.value = panel_html.speech_list(self.said[-SHOWN:])

    def _typed(self, _: object) -> None:
        if self._filling:
            return
        self.saved.value = panel_html.box("…", "font-size:12px")
        if self._saving is not None:
            self._saving.cancel()
        try:
            self._saving = asyncio.get_running_loop().call_later(DEBOUNCE_S, self.act, lambda: None)
        except RuntimeError:
            self.save()

    def save(self) -> None:
        """Keep the notes of this phase as they stand."""
        if self._saving is not None:
            self._saving.cancel()
            self._saving = None
        if not self.session.state.ended:
            self.session.write(self.notes.value)
            if self.notes.value:
                self.saved.value = panel_html.box("saved", "font-size:12px;opacity:0.7;margin-right:12px")

    def refresh(self) -> None:
        """Everything that depends on where the interview stands."""
        session, paused = self.session, self.session.state.paused
        questions, follow_ups = session.questions_left(), len(session.follow_ups_left())
        waits = session.state.pending is not None
        self.clock.value = panel_html.clock(session)
        self.more.description, self.more.disabled = f"Question ({questions} left)", paused or not questions
        self.follow.description = f"Follow-up ({follow_ups} left)"
        self.follow.disabled = paused or waits or not follow_ups
        self.numbers.description = "Show without an estimate" if waits else "Figures"
        self.numbers.disabled = paused
        self.pause.description, self.pause.icon = ("Go on", "play") if paused else ("Pause", "pause")
        self.next.disabled = paused
        last = list(session.lengths)[-1] is session.phase
        self.next.description = "Finish" if last else "Next phase"
        figures = {figure.name: figure for figure in session.to_estimate()}
        if tuple(self.figure.options) != tuple(figures):
            chosen = self.figure.value
            self.figure.options = tuple(figures)
            self.figure.value = chosen if chosen in figures else next(iter(figures), None)
        self.estimating.layout.display = "none" if paused or not figures else "flex"
        self._show_unit()
        self.earlier.value = panel_html.earlier_notes(session)

    def _show_unit(self) -> None:
        chosen = next((one for one in self.session.to_estimate() if one.name == self.figure.value), None)
        self.unit.value = panel_html.box(panel_html.text(chosen.unit) if chosen else "")
