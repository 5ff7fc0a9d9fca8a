"""The interview in JupyterLab. Nothing runs and nothing is written before Begin is pressed."""

from __future__ import annotations

import asyncio
from typing import Any

from exercises.interviews.model import Interview
from workbook.errors import WorkbookError
from workbook.interview import log, timing
from workbook.interview.finding import unfinished
from workbook.interview.log import read
from workbook.interview.panel_desk import Desk, fault_text
from workbook.interview.panel_html import box, text
from workbook.interview.session import Session
from workbook.interview.speech import short
from workbook.interview.state import replay
from workbook.interview.timing import clock_text

# One open panel per question and kernel: running its cell again closes the one before.
_OPEN: dict[str, Panel] = {}


def open_panel(interview: Interview, minutes: int) -> Panel:
    """A new panel for the interview; the kernel's earlier one of the same question is closed."""
    timing.lengths(minutes)
    earlier = _OPEN.pop(interview.question, None)
    if earlier is not None:
        earlier.close()
    panel = Panel(interview, minutes)
    _OPEN[interview.question] = panel
    return panel


class Panel:
    """A widget with a start page, then the desk, then the rubric. close() stops its clock and lets go of the file."""

    def __init__(self, interview: Interview, minutes: int = 30) -> None:
        import ipywidgets as widgets

        self.interview, self.minutes = interview, minutes
        self.session: Session | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._page: Any = None  # what is shown: has tick()
        self.message = widgets.HTML()
        self.widget = widgets.VBox(layout={"max_width": "980px", "padding": "4px 0"})
        self._show_start()

    def _repr_mimebundle_(self, **how: Any) -> Any:
        return self.widget._repr_mimebundle_(**how)

    def __repr__(self) -> str:
        return f"Mock interview {self.interview.question}; in a terminal: workbook interview {self.interview.question}"

    # ---- the start page ----------------------------------------------------------------------------------------------
    def _show_start(self) -> None:
        import ipywidgets as widgets

        one = self.interview
        words = (
            f"<b>Mock interview {text(one.question)}: {text(one.title)}</b><br>"
            f"{self.minutes} minutes in five phases. The interviewer changes the numbers; you estimate before you see "
            "what comes out. Everything is saved as it happens; you score yourself at the end."
        )
        begin = widgets.Button(description="Begin", button_style="primary", icon="play")
        begin.on_click(lambda _: self._guarded(self.begin))
        buttons = [begin]
        waiting = unfinished(one.question)
        if waiting is not None:
            state = replay(read(waiting))
            where = "rubric" if state.ended else short(state.phase) if state.phase else "start"
            when = state.started[5:16].replace("T", " ")
            again = widgets.Button(
                description=f"Go on with {when} ({where}, {clock_text(state.spent_s)})", layout={"width": "auto"}
            )
            again.on_click(lambda _: self._guarded(self.resume))
            buttons.append(again)
        self.widget.children = (widgets.HTML(box(words)), widgets.HBox(buttons), self.message)

    def begin(self) -> None:
        """Start the clock on a new file."""
        self._run(Session(self.interview, self.minutes, log=log.Log.create(self.interview.question)))

    def resume(self) -> None:
        """Go on with the latest unfinished one. Raises WorkbookError if there is none, or it is open elsewhere."""
        path = unfinished(self.interview.question)
        if path is None:
            raise WorkbookError(f"no unfinished interview of {self.interview.question}", "press Begin")
        self._run(Session.resume(self.interview, path))

    def _run(self, session: Session) -> None:
        self.session, self.message.value = session, ""
        if session.state.ended:
            self.show_rubric()
            return
        self._page = Desk(session, self.show_rubric)
        self.widget.children = (*self._page.parts, self.message)
        try:
            self._ticking = asyncio.get_running_loop().create_task(self._tick())
        except RuntimeError:
            self.message.value = box("No event loop runs here: the clock is shown as it was at the last press.")

    def show_rubric(self) -> None:
        """The last page; the clock stands."""
        from workbook.interview.panel_rubric import RubricPage

        assert self.session is not None
        self._stop_ticking()
        self._page = RubricPage(self.session)
        self.widget.children = (*self._page.parts, self.message)

    async def _tick(self) -> None:
        """Once a second, on the kernel's own loop; ends with the interview."""
        while self.session is not None and not self.session.state.ended:
            self._guarded(self._page.tick)
            # To the next whole second; a clock that stands must not make this spin.
            await asyncio.sleep(max(0.25, 1.0 - self.session.elapsed % 1.0))

    def _guarded(self, action: Any) -> None:
        """A fault is said in the panel: an exception in a callback would be shown nowhere."""
        try:
            action()
        except Exception as error:
            self.message.value = box(text(fault_text(error)))

    def _stop_ticking(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    def close(self) -> None:
        """Stops the clock; everything is on disk, `interview(...)` offers to go on."""
        self._stop_ticking()
        if self._page is not None:
            self._page.save()
        if self.session is not None:
            self.session.close()
            self.session = None
        self.widget.close()
